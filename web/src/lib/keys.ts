import { useHotkeys } from '@mantine/hooks'
import { useState } from 'react'

/** useRowKeys moves through a list by j and k, and opens a row by Enter. */
export function useRowKeys(count: number, open: (row: number) => void) {
  const [row, setRow] = useState(-1)
  useHotkeys([
    ['j', () => setRow((r) => Math.min(r + 1, count - 1))],
    ['k', () => setRow((r) => Math.max(r - 1, 0))],
    ['Enter', () => row >= 0 && row < count && open(row)],
  ])
  return Math.min(row, count - 1)
}
