import { AppShell, Button, Group, Text } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { useQuery } from 'urql'
import { graphql } from './gql'
import { SignIn } from './screens/signin'
import { onSignIn, signedIn, signOut } from './signin'

const Groups = graphql(`query Groups { agentGroups(first: 5) { nodes { id name } } }`)

export function App() {
  const known = useSyncExternalStore(onSignIn, signedIn)
  const [r] = useQuery({ query: Groups, pause: !known })
  if (!known) return <SignIn />
  return (
    <AppShell header={{ height: 48 }} padding="md">
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between">
          <Text fw={600}>Twinbox</Text>
          <Button variant="subtle" onClick={() => void signOut()}>Sign out</Button>
        </Group>
      </AppShell.Header>
      <AppShell.Main>{r.data?.agentGroups.nodes.map((g) => <Text key={g.id}>{g.name}</Text>)}</AppShell.Main>
    </AppShell>
  )
}
