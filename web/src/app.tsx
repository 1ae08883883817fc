import { lazy, Suspense, useSyncExternalStore } from 'react'
import { Route, Switch } from 'wouter'
import { Empty } from './components/empty'
import { Shell } from './components/shell'
import { segment } from './lib/places'
import { onSignIn, signedIn } from './lib/signin'
import { SignIn } from './screens/signin'

const Sessions = lazy(() => import('./screens/sessions'))
const Session = lazy(() => import('./screens/session'))
const Hook = lazy(() => import('./screens/hook'))
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
          <Route path="/sessions/:id">{() => <Session key={segment(2)} id={segment(2)} />}</Route>
          <Route path="/sessions/:id/messages/:messageId">
            {() => <Message key={location.pathname} sessionId={segment(2)} messageId={segment(4)} />}
          </Route>
          <Route path="/tail" component={Tail} />
          <Route path="/hooks" component={Hooks} />
          <Route path="/hooks/:name">{() => <Hook key={segment(2)} name={segment(2)} />}</Route>
          <Route>
            <Empty title="There is no such screen">The menu has those that there are.</Empty>
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  )
}
