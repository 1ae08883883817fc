import { useHotkeys } from '@mantine/hooks'
import { useEffect, useState } from 'react'

/** elsewhere: the key is for a dialog that is open, or for a control that has the focus. */
const elsewhere = (e: KeyboardEvent) =>
  document.querySelector('[role=dialog]') !== null || (e.key === 'Enter' && e.target instanceof Element && e.target.closest('a, button, input, summary') !== null)

/** useRowKeys moves through a list by j and k, and opens a row by Enter. The row that it says is to be marked by aria-current. */
export function useRowKeys(count: number, open: (row: number) => void) {
  const [row, setRow] = useState(-1)
  const on = (does: () => void) => (e: KeyboardEvent) => void (elsewhere(e) || does())
  useHotkeys([
    ['j', on(() => setRow((r) => Math.min(r + 1, count - 1)))],
    ['k', on(() => setRow((r) => Math.max(r - 1, 0)))],
    ['Enter', on(() => row >= 0 && row < count && open(row)), { preventDefault: false }],
  ])
  useEffect(() => {
    // Some browsers answer with a promise, which is no way to clean up.
    void document.querySelector('main [aria-current=true]')?.scrollIntoView({ block: 'nearest' })
  }, [row])
  return Math.min(row, count - 1)
}
