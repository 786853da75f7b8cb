/** The demo's results as a person reads them. */
import type { DemoResult } from './demo.js';

const COLUMNS = [
  ['run id', 'runId', 20],
  ['action', 'action', 22],
  ['called → answered', 'called', 46],
  ['Port now holds', 'port', 60],
] as const;

export function asTable(results: DemoResult[]): string {
  const width = (key: (typeof COLUMNS)[number][1], title: string, most: number): number =>
    Math.min(most, Math.max(title.length, ...results.map((result) => result[key].length)));
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) =>
        cutTo(cell, width(COLUMNS[i]?.[1] ?? 'runId', COLUMNS[i]?.[0] ?? '', COLUMNS[i]?.[2] ?? 0)),
      )
      .join('  ')
      .trimEnd();
  const rows = results.flatMap((result) => [
    `${result.wrong ? '✗' : '✓'} ${line(COLUMNS.map(([, key]) => result[key]))}`,
    `    ${result.wrong ? `WRONG: ${result.wrong} ` : ''}${result.link}`,
  ]);
  return [`  ${line(COLUMNS.map(([title]) => title))}`, ...rows].join('\n');
}

function cutTo(text: string, width: number): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length > width ? `${flat.slice(0, width - 1)}…` : flat.padEnd(width);
}
