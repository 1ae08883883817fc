import { Center, Loader } from '@mantine/core'
import { useEffect, useState } from 'react'

/** Answers that come sooner would only have it flash. */
const soonMs = 150

/** Waiting is in the place of what has not come yet, once that takes a while. */
export function Waiting() {
  const [long, setLong] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), soonMs)
    return () => clearTimeout(timer)
  }, [])
  return (
    long && (
      <Center py="xl">
        <Loader role="status" aria-label="Loading" />
      </Center>
    )
  )
}
