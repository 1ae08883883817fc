import { Alert, Button, Group } from '@mantine/core'
import type { CombinedError } from 'urql'

/** Problem says why something could not be read or done, and offers to try again. */
export function Problem({ error, retry }: { error: CombinedError | Error; retry?: () => void }) {
  const graphQL = 'graphQLErrors' in error ? error.graphQLErrors : []
  const id = graphQL.map((e) => e.extensions['requestId']).find(Boolean)
  return (
    <Alert color="red" role="alert" title="That did not work">
      {graphQL.length > 0 ? graphQL.map((e) => e.message).join('; ') : 'The engine cannot be reached.'}
      {typeof id === 'string' && ` (request ${id})`}
      {retry && (
        <Group mt="xs">
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        </Group>
      )}
    </Alert>
  )
}
