import { createTheme } from '@mantine/core'

export const theme = createTheme({
  primaryColor: 'indigo',
  autoContrast: true,
  fontFamily: 'system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, monospace',
  defaultRadius: 'md',
})
