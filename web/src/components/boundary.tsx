import { Alert, Button, Group } from '@mantine/core'
import { Component, useEffect, useRef, type ReactNode } from 'react'
import { useConnection } from '../lib/live'

/** Boundary keeps the rest of the page when a screen breaks, or is not there any more after the engine was replaced. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null }

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  override render() {
    const { error } = this.state
    return error === null ? this.props.children : <Broken error={error} />
  }
}

/** Broken says what is wrong, until there is a connection again: browsers keep code that could not be had as such. */
function Broken({ error }: { error: Error }) {
  const connection = useConnection()
  const before = useRef(connection)
  useEffect(() => {
    if (connection === 'connected' && before.current !== 'connected') location.reload()
    before.current = connection
  }, [connection])
  return (
    <Alert color="red" role="alert" title="This screen cannot be shown">
      {error.message} After an upgrade of the engine, the page has to be loaded anew.
      <Group mt="xs">
        <Button size="xs" variant="default" onClick={() => location.reload()}>
          Load anew
        </Button>
      </Group>
    </Alert>
  )
}
