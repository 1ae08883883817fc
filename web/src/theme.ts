import { createTheme, DEFAULT_THEME, type CSSVariablesResolver } from '@mantine/core'

export const theme = createTheme({
  primaryColor: 'indigo',
  // Lighter ones have too little contrast with what is written on them.
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  fontFamily: 'system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, monospace',
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    Badge: { defaultProps: { tt: 'none', fw: 600 }, styles: { root: { flexShrink: 0 }, label: { overflow: 'visible' } } },
    // A dialog's header is not the page's.
    Modal: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
    Drawer: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
    Table: { styles: { th: { whiteSpace: 'nowrap' } } },
  },
})

/** cssVariables gives text the contrast that WCAG's AA asks for: Mantine's own colours miss it. */
export const cssVariables: CSSVariablesResolver = () => {
  const light: Record<string, string> = {
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--mantine-color-anchor': 'var(--mantine-color-indigo-8)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
  }
  const dark: Record<string, string> = {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-1)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-1)',
    '--mantine-color-anchor': 'var(--mantine-color-indigo-3)',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
  }
  for (const colour of Object.keys(DEFAULT_THEME.colors)) {
    if (colour === 'dark') continue
    light[`--mantine-color-${colour}-text`] = light[`--mantine-color-${colour}-light-color`] = `color-mix(in srgb, var(--mantine-color-${colour}-9) 75%, black)`
    dark[`--mantine-color-${colour}-text`] = dark[`--mantine-color-${colour}-light-color`] = `var(--mantine-color-${colour}-3)`
  }
  return { variables: {}, light, dark }
}
