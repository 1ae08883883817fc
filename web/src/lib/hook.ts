import { useEffect, useEffectEvent } from 'react'
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
      history(minutes: 60) {
        at
        calls
        failures
        p50Micros
        p95Micros
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
export type Minute = HookDetail['history'][number]

const everyMs = 5000

/** useHook is a hook, live: calls are no events, so it is read again while somebody looks. */
export function useHook(name: string) {
  const [r, read] = useQuery({ query: HookDocument, variables: { name }, requestPolicy: 'network-only' })
  const again = () => read({ requestPolicy: 'network-only' })
  useRefresh((e) => e.hookName === name, again)
  const tick = useEffectEvent(() => document.hidden || again())
  useEffect(() => {
    const timer = setInterval(() => tick(), everyMs)
    return () => clearInterval(timer)
  }, [])
  return { hook: r.data?.hook, error: r.error, read: again }
}
