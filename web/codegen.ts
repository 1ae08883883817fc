import type { CodegenConfig } from '@graphql-codegen/cli'

export default {
  schema: '../graph/schema/*.graphqls',
  documents: 'src/**/*.{ts,tsx}',
  ignoreNoDocuments: true,
  generates: {
    'src/gql/': {
      preset: 'client',
      config: { enumsAsTypes: true, useTypeImports: true, scalars: { DateTime: 'string', JSON: 'unknown', Long: 'number' } },
      presetConfig: { fragmentMasking: false },
    },
  },
} satisfies CodegenConfig
