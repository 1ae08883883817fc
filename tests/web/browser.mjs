import { chromium } from 'playwright-core'

// Of the browser itself, for each window: its address bar's list is a page that takes most of a second of a processor,
// just as the page begins that is looked at. The others ask the network for things.
const without = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'MediaRouter', 'OptimizationHints', 'HttpsUpgrades', 'Translate']

/** launch starts the distribution's browser. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.TWINBOX_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', `--disable-features=${without}`],
  })
