import { Code, Group, Stack, Table, Text } from '@mantine/core'
import { useClient } from 'urql'
import { graphql } from '../gql'
import { bytes } from '../lib/files'
import type { HookDetail } from '../lib/hook'
import { refusal } from '../lib/outcome'
import { Action } from './action'
import { Status } from './status'
import { Time } from './time'

const RollbackDocument = graphql(`
  mutation RollbackHook($input: RollbackHookInput!) {
    rollbackHook(input: $input) {
      userErrors {
        message
      }
    }
  }
`)

/** HookVersions are what was installed under a hook's name, with a way back to each. */
export function HookVersions({ hook, done }: { hook: HookDetail; done: () => void }) {
  const client = useClient()
  const back = async (sha256: string) => {
    const refused = refusal(await client.mutation(RollbackDocument, { input: { name: hook.name, sha256 } }).toPromise(), (d) => d.rollbackHook)
    done()
    return refused
  }
  return (
    <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0, 'aria-label': 'Versions' } }}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Version</Table.Th>
            <Table.Th>Handles</Table.Th>
            <Table.Th ta="right">Size</Table.Th>
            <Table.Th>Installed</Table.Th>
            <Table.Th>
              <Text span size="sm" fw={700}>
                In use
              </Text>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {hook.versions.map((v) => (
            <Table.Tr key={v.sha256}>
              <Table.Td>
                <Stack gap={0}>
                  <Text size="sm" ff="monospace" title={v.sha256}>
                    {v.sha256.slice(0, 12)}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {v.shape.toLowerCase()}
                  </Text>
                </Stack>
              </Table.Td>
              <Table.Td>{v.handles.map((p) => p.toLowerCase()).join(', ')}</Table.Td>
              <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
                {bytes(v.size)}
              </Table.Td>
              <Table.Td>
                <Time at={v.installedAt} />
              </Table.Td>
              <Table.Td>
                {v.active ? (
                  <Status of="ACTIVE" />
                ) : (
                  <Group>
                    <Action label="Use" aria-label={`Use version ${v.sha256.slice(0, 12)}`} title={`Use another version of ${hook.name}?`} run={() => back(v.sha256)}>
                      From now on <Code>{v.sha256.slice(0, 12)}</Code> is called. Calls that run end on the version that they began with; settings stay as they are, and the version of now is kept.
                    </Action>
                  </Group>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
