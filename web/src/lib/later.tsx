import { useEffect, useReducer, useState, type ComponentType } from 'react'
import { Waiting } from '../components/waiting'

/**
 * later is a component whose code is loaded when it is shown first, or by
 * load. React's own way shows nothing for 300 ms if the code is not there at
 * once, however soon it comes.
 */
export function later<P extends object>(get: () => Promise<{ default: ComponentType<P> }>) {
  let loaded: ComponentType<P> | null = null
  const load = async () => void (loaded ??= (await get()).default)
  function Later(props: P) {
    const [error, setError] = useState<unknown>(null)
    const [, show] = useReducer((n: number) => n + 1, 0)
    useEffect(() => {
      if (loaded === null) load().then(show, setError)
    }, [])
    if (error !== null) throw error
    const Loaded = loaded
    return Loaded ? <Loaded {...props} /> : <Waiting />
  }
  return Object.assign(Later, { load })
}
