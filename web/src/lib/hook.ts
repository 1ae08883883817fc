import { useEffect, useEffectEvent, useState } from 'react'
import { useQuery } from 'urql'
import { graphql } from '../gql'
import type { HookQuery } from '../gql/graphql'
import { useRefresh } from './live'

const HookDocument = graphql(`
  query Hook($name: ID!) {
    hook(name: $name) {
      name
      enabled
      points
      order
      onFailure
      circuit
      problem
      config
      version {
        sha256
        shape
        handles
      }
      versions {
        sha256
        size
        installedAt
        active
        shape
        handles
      }
      scope {
        agentGroupIds
        channelTypes
        kinds
      }
      limits {
        fuel
        memoryBytes
        inputBytes
        outputBytes
        logBytes
        instances
      }
      stats {
        calls
        failures
        rejections
        p50Micros
        p99Micros
        fuelPerCall
        lastError
        lastErrorAt
      }
      log(last: 200) {
        at
        level
        message
      }
    }
  }
`)

export type HookDetail = NonNullable<HookQuery['hook']>
export type Sample = { at: number; calls: number; p50: number | null; p99: number | null; fuel: number | null }

const sampleMs = 5000
const kept = 120

/**
 * useHook is a hook, live, and what its stats were since the screen was opened:
 * the engine keeps their sums alone.
 */
export function useHook(name: string) {
  const [r, read] = useQuery({ query: HookDocument, variables: { name }, requestPolicy: 'network-only' })
  const [samples, setSamples] = useState<Sample[]>([])
  const again = () => read({ requestPolicy: 'network-only' })
  useRefresh((e) => e.hookName === name, again)
  const tick = useEffectEvent(() => document.hidden || again())
  useEffect(() => {
    const timer = setInterval(() => tick(), sampleMs)
    return () => clearInterval(timer)
  }, [])
  const stats = r.data?.hook?.stats
  const [sampled, setSampled] = useState<typeof stats>(undefined)
  if (stats && stats !== sampled) {
    setSampled(stats)
    setSamples((old) => [...old.slice(1 - kept), { at: Date.now(), calls: stats.calls, p50: stats.p50Micros, p99: stats.p99Micros, fuel: stats.fuelPerCall }])
  }
  return { hook: r.data?.hook, error: r.error, read: again, samples }
}
