import { Alert, Button, Center, Code, Loader, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useEffect, useState, type FormEvent } from 'react'
import { given } from '../lib/given'
import { signIn } from '../lib/signin'

// Once, though React may render twice.
let begun: Promise<void> | null = null

export default function SignIn() {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(given !== null && begun === null)
  const attempt = (trial: Promise<void>) => {
    setBusy(true)
    trial.catch((e: Error) => setProblem(e.message)).finally(() => setBusy(false))
  }
  useEffect(() => {
    if (given) attempt((begun ??= signIn(given)))
  }, [])
  const submit = (e: FormEvent) => {
    e.preventDefault()
    setProblem(null)
    attempt(signIn({ token: token.trim() }))
  }
  if (busy && given && token === '')
    return (
      <Center h="100vh">
        <Loader aria-label="Signing in" />
      </Center>
    )
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={420} w="100%">
        <form onSubmit={submit}>
          <Stack>
            <Title order={1} size="h3">
              Twinbox
            </Title>
            {problem !== null && (
              <Alert color="red" role="alert" title="Not signed in">
                {problem}
              </Alert>
            )}
            <PasswordInput
              label="Admin token"
              value={token}
              onChange={(e) => setToken(e.currentTarget.value)}
              autoComplete="current-password"
              required
              autoFocus
            />
            <Button type="submit" loading={busy}>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              The token is in <Code>admin-token</Code> in the engine’s data directory. <Code>engine console</Code> prints an
              address that signs in without it.
            </Text>
          </Stack>
        </form>
      </Paper>
    </Center>
  )
}
