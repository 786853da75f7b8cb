/** The table of docs/reliability.md: written from what was counted, and compared with it but for the times. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableRows } from '../../docs/markdown.js';
import type { Ending, ToldRun } from './judge.js';

const FILE = join(__dirname, '../../../docs/reliability.md');
const MARKED = /(<!-- faults:begin -->)[\s\S]*?(<!-- faults:end -->)/;
const HEADINGS = ['Fault', 'Runs', 'How they ended', 'Unreported', 'Doubled', 'Last one told', 'port-agent'];
const TIME_COLUMN = HEADINGS.indexOf('Last one told');
const ORDER: Ending[] = ['succeeded', 'handed over', 'failed', 'rejected', 'left open'];
/** Times are rounded up to these, in seconds: what comes after the decimal point is the machine's. */
const ROUNDED = [1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240];

export interface Result {
  fault: string;
  before: string;
  runs: ToldRun[];
  sinceMs: number;
}

export function unreported({ runs }: Result): number {
  return runs.filter(({ ending }) => ending === 'left open').length;
}

export function doubled({ runs }: Result): number {
  return runs.filter(({ isDoubled }) => isDoubled).length;
}

/** A row for people who look on. */
export function lineOf(result: Result): string {
  const seconds = (lastToldMs(result) / 1000).toFixed(1);
  const counts = `${unreported(result)} unreported, ${doubled(result)} doubled`;
  return `${result.fault}: ${result.runs.length} runs, ${endingsOf(result)}; ${counts}; ${seconds} s`;
}

/** The rows as they are written and as they are now, without the times; UPDATE_DOCS=1 writes them first, with them. */
export function compareWithDocument(results: Result[]): { written: string[][]; counted: string[][] } {
  const rows = results.map(cellsOf);
  if (process.env['UPDATE_DOCS'] === '1') write(rows);
  const withoutTimes = (cells: string[]): string[] => cells.filter((_, column) => column !== TIME_COLUMN);
  const written = tableRows(readFileSync(FILE, 'utf8'), HEADINGS[0] ?? '');
  return { written: written.map(withoutTimes), counted: rows.map(withoutTimes) };
}

function cellsOf(result: Result): string[] {
  return [
    ...[result.fault, `${result.runs.length}`, endingsOf(result)],
    ...[`${unreported(result)}`, `${doubled(result)}`, rounded(lastToldMs(result)), result.before],
  ];
}

function endingsOf({ runs }: Result): string {
  const counts = ORDER.map((ending) => ({
    ending,
    count: runs.filter((run) => run.ending === ending).length,
  }));
  const present = counts.filter(({ count }) => count > 0);
  return present.map(({ ending, count }) => `${count} ${ending}`).join(', ');
}

function lastToldMs({ runs, sinceMs }: Result): number {
  return Math.max(...runs.map(({ toldAtMs }) => toldAtMs)) - sinceMs;
}

function rounded(ms: number): string {
  const limit = ROUNDED.find((seconds) => ms <= seconds * 1000);
  return limit === undefined ? 'later' : `within ${limit} s`;
}

function write(rows: string[][]): void {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  const table = [line(HEADINGS), `|${'---|'.repeat(HEADINGS.length)}`, ...rows.map(line)].join('\n');
  const text = readFileSync(FILE, 'utf8');
  if (!MARKED.test(text)) throw new Error(`the marks of the table are missing in ${FILE}`);
  writeFileSync(
    FILE,
    text.replace(MARKED, (_, begin, end) => `${begin}\n\n${table}\n\n${end}`),
  );
}
