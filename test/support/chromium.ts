/** A real browser for tests: Debian's Chromium, or any other that is there, headless. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { describeWith } from './system-part.js';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];
const LAUNCH_TIMEOUT_MS = 180_000;

/** The browser's path: `CHROMIUM`, else the first known command on the PATH or in /usr/bin. */
export function findChromium(): string | undefined {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const folders = [...PATH.split(delimiter).filter(Boolean), '/usr/bin'];
  return COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command))).find(isExecutable);
}

/** `describe` for tests in a browser, which runs from before the first of them until after the last. */
export function describeInBrowser(title: string, body: (browser: () => Browser) => void): void {
  const path = findChromium();
  const remedy = 'Debian: apt-get install --no-install-recommends chromium; elsewhere set CHROMIUM to a path';
  describeWith({ name: 'Chromium', isThere: path !== undefined, remedy }, title, () => {
    let browser: Browser;
    beforeAll(async () => {
      const timeout = LAUNCH_TIMEOUT_MS;
      browser = await chromium.launch({ executablePath: path ?? '', args: FLAGS, timeout });
    }, LAUNCH_TIMEOUT_MS);
    afterAll(() => browser?.close());
    body(() => browser);
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
