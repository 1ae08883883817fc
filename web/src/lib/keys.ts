import { useHotkeys } from '@mantine/hooks'
import { useEffect, useState } from 'react'

/** elsewhere: the key is for a dialog that is open, or for a control that has the focus. */
const elsewhere = (e: KeyboardEvent) =>
  document.querySelector('[role=dialog]') !== null || (e.key === 'Enter' && e.target instanceof Element && e.target.closest('a, button, input, summary') !== null)

/** onPage does something on a key that is for the page. */
export const onPage = (does: () => void) => (e: KeyboardEvent) => void (elsewhere(e) || does())

/** useRowKeys moves through a list by j and k, and opens a row by Enter. The row that it says is to be marked by aria-current. */
export function useRowKeys(count: number, open: (row: number) => void) {
  const [row, setRow] = useState(-1)
  useHotkeys([
    ['j', onPage(() => setRow((r) => Math.min(r + 1, count - 1)))],
    ['k', onPage(() => setRow((r) => Math.max(r - 1, 0)))],
    ['Enter', onPage(() => row >= 0 && row < count && open(row)), { preventDefault: false }],
  ])
  useEffect(() => {
    // Some browsers answer with a promise, which is no way to clean up.
    void document.querySelector('main [aria-current=true]')?.scrollIntoView({ block: 'nearest' })
  }, [row])
  return Math.min(row, count - 1)
}
