import './workers'
import 'graphiql/style.css'
import './page.css'
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer'
import { GraphiQL } from 'graphiql'
import { createRoot } from 'react-dom/client'
import { signedIn, signInFirst } from '../lib/signin'
import { examples } from './examples'
import { fetcher } from './fetcher'

// The console's colours, where the user has chosen some.
const chosen = localStorage.getItem('mantine-color-scheme-value')
const theme = chosen === 'dark' || chosen === 'light' ? chosen : undefined

if (!signedIn()) signInFirst()
else
  createRoot(document.getElementById('root')!).render(
    <main>
      <h1>GraphiQL</h1>
      <GraphiQL fetcher={fetcher} defaultTabs={examples} defaultTheme={theme} visiblePlugin={innerWidth < 900 ? undefined : DOC_EXPLORER_PLUGIN}>
        <GraphiQL.Logo>
          <a className="back" href="/">
            ← Twinbox
          </a>
        </GraphiQL.Logo>
      </GraphiQL>
    </main>,
  )
