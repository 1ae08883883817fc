import { useSyncExternalStore } from 'react'

// One timer for all relative times on a screen.
const tickMs = 5000
let now = Date.now()
const watchers = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function watch(watcher: () => void) {
  watchers.add(watcher)
  timer ??= setInterval(() => {
    now = Date.now()
    watchers.forEach((w) => w())
  }, tickMs)
  return () => {
    watchers.delete(watcher)
    if (watchers.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** useNow is the time in milliseconds, a few seconds old at most. */
export const useNow = () => useSyncExternalStore(watch, () => now)
