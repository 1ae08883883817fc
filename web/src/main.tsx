import './styles'
import { MantineProvider } from '@mantine/core'
import { setNonce } from 'get-nonce'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Provider } from 'urql'
import { App } from './app'
import { client } from './lib/client'
import { cssVariables, theme } from './theme'

const nonce = () => document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content ?? ''
// For what keeps the page behind a dialog from scrolling.
setNonce(nonce())

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto" getStyleNonce={nonce}>
      <Provider value={client}>
        <App />
      </Provider>
    </MantineProvider>
  </StrictMode>,
)
