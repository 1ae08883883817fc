import { ActionIcon, Alert, AppShell, Burger, Group, NavLink, Text, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure, useHotkeys } from '@mantine/hooks'
import { IconAlertTriangle, IconApi, IconKeyboard, IconListCheck, IconLogout, IconMessages, IconMoon, IconPlugConnected, IconSearch, IconSun, IconTimeline } from '@tabler/icons-react'
import { useEffect, useState, type ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { Link, useLocation } from 'wouter'
import { onPage } from '../lib/keys'
import { useConnection } from '../lib/live'
import { later } from '../lib/later'
import { segment } from '../lib/places'
import { signOut } from '../lib/signin'
import { visible } from '../lib/visible'

const KeyHelp = later(() => import('./keyhelp'))

const places = [
  { to: '/', label: 'Attention', icon: IconAlertTriangle },
  { to: '/messages', label: 'Messages', icon: IconSearch },
  { to: '/sessions', label: 'Sessions', icon: IconMessages },
  { to: '/operations', label: 'Operations', icon: IconListCheck },
  { to: '/tail', label: 'Live tail', icon: IconTimeline },
  { to: '/hooks', label: 'Hooks', icon: IconPlugConnected },
]

/** titleOf is what a window's title and the history say of a screen: the last id of its address, and what it is of. */
function titleOf(at: string) {
  const place = places.find((p) => (p.to === '/' ? at === '/' : at.startsWith(p.to)))
  const id = segment(4) || segment(2)
  return [visible(id), place?.label, 'Twinbox'].filter(Boolean).join(' · ')
}

export function Shell({ children }: { children: ReactNode }) {
  const [open, menu] = useDisclosure()
  const [helping, help] = useDisclosure()
  const [helpIsHere, helpComes] = useState(false)
  const showHelp = async () => {
    await KeyHelp.load()
    // Closed at first: as it opens it notes what to give the focus back to.
    flushSync(() => helpComes(true))
    help.open()
  }
  const [at, go] = useLocation()
  const { setColorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme('light') === 'dark'
  const lost = useConnection() === 'lost'
  const search = () => (at === '/messages' ? document.querySelector<HTMLInputElement>('main [type=search]')?.focus() : go('/messages?focus=1'))
  useEffect(() => {
    document.title = titleOf(at)
  }, [at])
  // Where both are depends on the keyboard: with shift, or without.
  useHotkeys([
    ['/', onPage(search)],
    ['shift+/', onPage(search)],
    ['?', onPage(() => void showHelp())],
    ['shift+?', onPage(() => void showHelp())],
  ])
  return (
    <AppShell header={{ height: 48 }} navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !open } }} padding="md">
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={open} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Text fw={700}>Twinbox</Text>
          </Group>
          <Group gap={4} wrap="nowrap">
            <Action label="Keyboard help" icon={<IconKeyboard size={18} />} onClick={() => void showHelp()} />
            <Action
              label={dark ? 'Light colours' : 'Dark colours'}
              icon={dark ? <IconSun size={18} /> : <IconMoon size={18} />}
              onClick={() => setColorScheme(dark ? 'light' : 'dark')}
            />
            <Action label="Sign out" icon={<IconLogout size={18} />} onClick={() => void signOut()} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Screens">
        {places.map((p) => (
          <NavLink
            key={p.to}
            component={Link}
            href={p.to}
            label={p.label}
            leftSection={<p.icon size={18} aria-hidden />}
            active={p.to === '/' ? at === '/' : at.startsWith(p.to)}
            onClick={menu.close}
          />
        ))}
        <NavLink href="/graphiql" label="GraphiQL" leftSection={<IconApi size={18} aria-hidden />} />
      </AppShell.Navbar>
      <AppShell.Main>
        {lost && (
          <Alert color="orange" role="status" mb="md" title="Connection lost">
            What you see may be old. Trying again; nothing that happens meanwhile will be missed.
          </Alert>
        )}
        {children}
      </AppShell.Main>
      {helpIsHere && <KeyHelp opened={helping} onClose={help.close} />}
    </AppShell>
  )
}

function Action({ label, icon, onClick }: { label: string; icon: ReactNode; onClick: () => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} onClick={onClick}>
      {icon}
    </ActionIcon>
  )
}
