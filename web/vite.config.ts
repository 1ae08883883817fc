import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { compression } from 'vite-plugin-compression2'

export default defineConfig({
  plugins: [
    react(),
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
