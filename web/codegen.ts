import type { CodegenConfig } from '@graphql-codegen/cli'

export default {
  schema: '../graph/schema/*.graphqls',
  documents: 'src/**/*.{ts,tsx}',
  ignoreNoDocuments: true,
  generates: {
    'src/gql/': {
      preset: 'client',
      config: { enumsAsTypes: true, useTypeImports: true, scalars: { DateTime: 'string', JSON: 'unknown', Int64: 'number', Base64: 'string' } },
      presetConfig: { fragmentMasking: false },
    },
  },
} satisfies CodegenConfig
