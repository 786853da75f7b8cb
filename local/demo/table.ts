/** The demo's results as a person reads them, in a terminal of 120 columns or of another width. */
import type { DemoResult } from './demo.js';

const COLUMNS = [
  ['run id', 'runId'],
  ['action', 'action'],
  ['called → answered', 'called'],
  ['Temporal', 'workflow'],
  ['Port', 'port'],
] as const;
const GAP = '  ';
/** The one column that gives way when there is too little room, and what is left of it. */
const FLEXIBLE = 'called';
const LEAST = 16;

export function asTable(results: DemoResult[], width = 120): string {
  const widths = new Map<string, number>(
    COLUMNS.map(([title, key]) => [
      key,
      Math.max(title.length, ...results.map((result) => result[key].length)),
    ]),
  );
  const needed = COLUMNS.reduce((sum, [, key]) => sum + GAP.length + (widths.get(key) ?? 0), 0);
  widths.set(FLEXIBLE, Math.max(LEAST, (widths.get(FLEXIBLE) ?? 0) - Math.max(0, needed - width)));
  const line = (mark: string, cellOf: (column: (typeof COLUMNS)[number]) => string): string =>
    [mark, ...COLUMNS.map((column) => fitted(cellOf(column), widths.get(column[1]) ?? 0))]
      .join(GAP)
      .replace(`${mark}${GAP}`, `${mark} `)
      .trimEnd();
  const rows = results.flatMap((result) => [
    line(result.wrong ? '✗' : '✓', ([, key]) => result[key]),
    ...(result.wrong ? wrapped(`WRONG: ${result.wrong}`, width) : []),
    ...(result.summary ? wrapped(result.summary, width) : []),
  ]);
  return [line(' ', ([title]) => title), ...rows].join('\n');
}

function fitted(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** Broken between words and indented below the run's line. */
function wrapped(text: string, width: number): string[] {
  const indent = '    ';
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(`${indent}${word}`);
  }
  return lines;
}
