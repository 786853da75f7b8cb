/** The table of docs/network.md: what runs say that fail on their way out, as the test has seen them say it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAILURES } from './matrix.js';

const FILE = join(__dirname, '../../../docs/network.md');
const MARKED = /(<!-- failures:begin -->)[\s\S]*?(<!-- failures:end -->)/;

/** The document as it is, and with the table made anew; with UPDATE_DOCS=1 it is rewritten first. */
export function failureTable(said: ReadonlyMap<string, string>): { written: string; generated: string } {
  const rows = Object.entries(FAILURES).map(
    ([failure, { repeated }]) => `| ${failure} | ${said.get(failure)} | ${repeated ? 'yes' : 'no'} |`,
  );
  const table = ['| What is wrong | What the run says | Tried again |', '|---|---|---|', ...rows].join('\n');
  const generated = read().replace(MARKED, (_, begin, end) => `${begin}\n\n${table}\n\n${end}`);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, generated);
  return { written: read(), generated };
}

function read(): string {
  const text = readFileSync(FILE, 'utf8');
  if (!MARKED.test(text)) throw new Error(`the marks of the table are missing in ${FILE}`);
  return text;
}

/** A run's sentence with names and ports as they might be, and without the proxy before a target's certificate. */
export function asReadersSeeIt(sentence: string): string {
  return sentence
    .replace(/(TLS to \S+) through the proxy \S+/, '$1')
    .replace(/the proxy 127\.0\.0\.1:\d+/, 'the proxy proxy.corp:3128')
    .replace(/^POST (localhost|\w+\.corp\.test):\d+/, 'POST hook.corp')
    .replace(/(localhost|\w+\.corp\.test):\d+/g, 'hook.corp:443')
    .replace(/(elsewhere\.test):\d+/g, '$1')
    .replace(/tried .* in .*$/, 'tried 14 times in 10 minutes');
}
