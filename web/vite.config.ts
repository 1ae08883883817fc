import react from '@vitejs/plugin-react'
import { existsSync } from 'node:fs'
import { defineConfig, type Plugin } from 'vite'
import { compression } from 'vite-plugin-compression2'

/** sheets finds components that are in use without their style sheet. */
const sheets = (): Plugin => ({
  name: 'sheets',
  apply: 'build',
  generateBundle(_, bundle) {
    const used = Object.values(bundle).flatMap((c) => (c.type === 'chunk' ? c.moduleIds : []))
    const all = [...this.getModuleIds()]
    for (const id of used) {
      const [, core, component] = /^(.*\/@mantine\/core)\/esm\/components\/([^/]+)\/\2\.mjs$/.exec(id) ?? []
      const sheet = `${core}/styles/${component}.css`
      if (component && existsSync(sheet) && !all.includes(sheet)) this.error(`src/styles.ts lacks ${component}.css`)
    }
  },
})

/** eager has the libraries of every screen compiled whole by Chromium while they come: most of them is called at once. */
const eager = (): Plugin => ({
  name: 'eager',
  apply: 'build',
  generateBundle(_, bundle) {
    const first = new Set(Object.values(bundle).flatMap((c) => (c.type === 'chunk' && c.isEntry && c.name === 'index' ? c.imports : [])))
    for (const name of first) {
      const chunk = bundle[name]
      if (chunk?.type !== 'chunk') continue
      chunk.code = `//# allFunctionsCalledOnLoad\n${chunk.code}`
      for (const other of chunk.imports) first.add(other)
    }
  },
})

export default defineConfig({
  plugins: [
    react(),
    sheets(),
    eager(),
    // The engine embeds and serves the compressed files alone.
    compression({ algorithms: ['gzip'], include: /assets\//, threshold: 0, skipIfLargerOrEqual: false, deleteOriginalAssets: true }),
  ],
  build: {
    outDir: 'dist',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: { index: 'index.html', graphiql: 'graphiql.html' } },
  },
})
