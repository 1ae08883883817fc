import { Text, Title } from '@mantine/core'
import { useEffect, useSyncExternalStore } from 'react'
import { Route, Switch, useLocation } from 'wouter'
import { Boundary } from './components/boundary'
import { Shell } from './components/shell'
import './lib/given'
import { later } from './lib/later'
import { segment } from './lib/places'
import { onSignIn, returnTo, signedIn } from './lib/signin'
import Attention from './screens/attention'

const Sessions = later(() => import('./screens/sessions'))
const Session = later(() => import('./screens/session'))
const SignIn = later(() => import('./screens/signin'))
const Messages = later(() => import('./screens/messages'))
const Reply = later(() => import('./screens/reply'))
const Hook = later(() => import('./screens/hook'))
const Message = later(() => import('./screens/message'))
const Operations = later(() => import('./screens/operations'))
const Tail = later(() => import('./screens/tail'))
const Hooks = later(() => import('./screens/hooks'))

/** What tells that somebody is there: the first screen comes first, and alone for who only looks at it. */
const signs = ['pointermove', 'pointerdown', 'keydown'] as const

/** loadAll has every screen there before it is asked for: the engine may not be, then. What cannot be had is asked for again when it is shown. */
function loadAll() {
  for (const sign of signs) removeEventListener(sign, loadAll)
  for (const screen of [Messages, Sessions, Session, Message, Reply, Operations, Tail, Hooks, Hook]) screen.load().catch(() => {})
}

export function App() {
  const [at] = useLocation()
  const known = useSyncExternalStore(onSignIn, signedIn)
  const elsewhere = known ? returnTo() : null
  useEffect(() => {
    if (elsewhere) location.replace(elsewhere)
  }, [elsewhere])
  useEffect(() => {
    if (!known) return
    for (const sign of signs) addEventListener(sign, loadAll)
    return () => {
      for (const sign of signs) removeEventListener(sign, loadAll)
    }
  }, [known])
  if (!known)
    return (
      <Boundary>
        <SignIn />
      </Boundary>
    )
  if (elsewhere) return null
  return (
    <Shell>
      <Boundary key={at}>
        <Switch>
          <Route path="/" component={Attention} />
          <Route path="/messages" component={Messages} />
          <Route path="/sessions/:id/replies/:replyId">{() => <Reply key={location.pathname} sessionId={segment(2)} replyId={segment(4)} />}</Route>
          <Route path="/sessions" component={Sessions} />
          <Route path="/sessions/:id">{() => <Session key={segment(2)} id={segment(2)} />}</Route>
          <Route path="/sessions/:id/messages/:messageId">
            {() => <Message key={location.pathname} sessionId={segment(2)} messageId={segment(4)} />}
          </Route>
          <Route path="/operations" component={Operations} />
          <Route path="/tail" component={Tail} />
          <Route path="/hooks" component={Hooks} />
          <Route path="/hooks/:name">{() => <Hook key={segment(2)} name={segment(2)} />}</Route>
          <Route>
            <Title order={1} size="h3">
              There is no such screen
            </Title>
            <Text>The menu has those that there are.</Text>
          </Route>
        </Switch>
      </Boundary>
    </Shell>
  )
}
