import { Alert, Anchor, Button, Code, Group, Stack, Text } from '@mantine/core'
import { IconTestPipe } from '@tabler/icons-react'
import { useState } from 'react'
import { useMutation } from 'urql'
import { Link } from 'wouter'
import { graphql } from '../gql'
import type { DryRunHooksInput, DryRunMutation } from '../gql/graphql'
import { compact, micros } from '../lib/figures'
import { bytes } from '../lib/files'
import { refusal } from '../lib/outcome'
import { hookPath } from '../lib/places'
import { Difference } from './difference'
import { Status } from './status'

const DryRunDocument = graphql(`
  mutation DryRun($input: DryRunHooksInput!) {
    dryRunHooks(input: $input) {
      result
      steps {
        hook
        action
        reason
        input
        output
        micros
        fuel
        memoryBytes
        log
      }
      userErrors {
        message
      }
    }
  }
`)

type Run = NonNullable<DryRunMutation['dryRunHooks']>

/** DryRun runs hooks on what input names, which changes nothing, and shows what each did. */
export function DryRun({ input, label }: { input: DryRunHooksInput; label: string }) {
  const [r, dryRun] = useMutation(DryRunDocument)
  const [run, setRun] = useState<Run | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const go = async () => {
    const done = await dryRun({ input })
    const refused = refusal(done, (d) => d.dryRunHooks)
    setProblem(refused)
    setRun(refused === null ? (done.data?.dryRunHooks ?? null) : null)
  }
  return (
    <Stack gap="xs" align="stretch">
      <Group>
        <Button size="xs" variant="default" leftSection={<IconTestPipe size={14} />} disabled={r.fetching} onClick={() => void go()}>
          {label}
        </Button>
      </Group>
      {problem && (
        <Alert color="red" role="alert">
          {problem}
        </Alert>
      )}
      {run && (
        <Stack gap="sm" role="status">
          {run.steps.length === 0 && <Text size="sm">No hook applies to it here.</Text>}
          {run.steps.map((s, i) => (
            <Step key={i} step={s} />
          ))}
        </Stack>
      )}
    </Stack>
  )
}

function Step({ step }: { step: Run['steps'][number] }) {
  return (
    <Stack gap={4}>
      <Group gap="xs">
        <Anchor component={Link} href={hookPath(step.hook)} size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
          {step.hook}
        </Anchor>
        <Status of={step.action} />
        <Text size="xs" c="dimmed">
          {micros(step.micros)} · {compact(step.fuel)} fuel · {bytes(step.memoryBytes)}
        </Text>
      </Group>
      {step.reason && (
        <Text size="sm" c="var(--mantine-color-error)" style={{ overflowWrap: 'anywhere' }}>
          {step.reason}
        </Text>
      )}
      {step.output !== null && <Difference before={step.input} after={step.output} label={`What ${step.hook} changes`} />}
      {step.log.length > 0 && (
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {step.log.join('\n')}
        </Code>
      )}
    </Stack>
  )
}
