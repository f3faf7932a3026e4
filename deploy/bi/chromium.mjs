// Opens headless Chromium (CHROMIUM names another one than Debian's), without anything that reaches out to the network.
import { chromium } from 'playwright-core';

export const open = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
