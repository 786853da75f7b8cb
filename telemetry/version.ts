/** The product's version, from package.json: one directory up from the sources, two from the build. */
import { readFileSync } from 'node:fs';

export const VERSION: string = readVersion();
export const USER_AGENT = `temporal-port-agent/${VERSION}`;

function readVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')).version;
    } catch {}
  }
  return '0.0.0';
}
