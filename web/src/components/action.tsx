import { Alert, Button, Group, Modal, Stack, Text, type ButtonProps } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState, type ReactNode } from 'react'

type Props = ButtonProps & {
  label: string
  /** Says what will become of what, by name. */
  title: string
  children: ReactNode
  /** Does it; a text says why it was refused. */
  run: () => Promise<string | null>
  danger?: boolean
}

/** Action is a button that asks first, saying what it does. */
export function Action({ label, title, children, run, danger, ...button }: Props) {
  const [asking, ask] = useDisclosure()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const go = async () => {
    setBusy(true)
    const refused = await run()
    setBusy(false)
    setProblem(refused)
    if (refused === null) ask.close()
  }
  return (
    <>
      <Button variant="default" size="xs" {...button} onClick={() => (setProblem(null), ask.open())}>
        {label}
      </Button>
      <Modal opened={asking} onClose={ask.close} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm" component="div" style={{ overflowWrap: 'anywhere' }}>
            {children}
          </Text>
          {problem && (
            <Alert color="red" role="alert">
              {problem}
            </Alert>
          )}
          <Group justify="end">
            <Button variant="default" onClick={ask.close}>
              Back
            </Button>
            <Button color={danger ? 'red' : undefined} loading={busy} onClick={() => void go()} data-autofocus>
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}
