import './workers'
import 'graphiql/style.css'
import { GraphiQL } from 'graphiql'
import { createRoot } from 'react-dom/client'
import { fetcher } from './fetcher'

createRoot(document.getElementById('root')!).render(<GraphiQL fetcher={fetcher} />)
