import { lazy, Suspense, useSyncExternalStore } from 'react'
import { Route, Switch } from 'wouter'
import { Empty } from './components/empty'
import { Shell } from './components/shell'
import { onSignIn, signedIn } from './lib/signin'
import { SignIn } from './screens/signin'

const Sessions = lazy(() => import('./screens/sessions'))
const Session = lazy(() => import('./screens/session'))
const Message = lazy(() => import('./screens/message'))
const Tail = lazy(() => import('./screens/tail'))
const Hooks = lazy(() => import('./screens/hooks'))

export function App() {
  const known = useSyncExternalStore(onSignIn, signedIn)
  if (!known) return <SignIn />
  return (
    <Shell>
      <Suspense>
        <Switch>
          <Route path="/sessions" component={Sessions} />
          <Route path="/sessions/:id">{({ id }) => <Session key={id} id={id} />}</Route>
          <Route path="/sessions/:id/messages/:messageId">
            {({ id, messageId }) => <Message key={`${id} ${messageId}`} sessionId={decodeURIComponent(id)} messageId={decodeURIComponent(messageId)} />}
          </Route>
          <Route path="/tail" component={Tail} />
          <Route path="/hooks" component={Hooks} />
          <Route>
            <Empty title="There is no such screen">The menu has those that there are.</Empty>
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  )
}
