/** The rows of docs/endings.md as a test can compare them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableRows } from '../../docs/markdown.js';

const FILE = join(__dirname, '../../../docs/endings.md');

export interface EndingRow {
  id: string;
  /** What Port holds afterwards; undefined when it holds no such run. */
  status: string | undefined;
  /** How the summary begins; undefined when the row quotes none. */
  summary: RegExp | undefined;
  /** How often the target may have been called. */
  calls: number[];
  /** Whether the summary must say that the target may have been reached. */
  isUncertain: boolean;
  /** How the workflow closed; undefined when there is none. */
  workflow: string | undefined;
}

export function endingRows(): EndingRow[] {
  return tableRows(readFileSync(FILE, 'utf8'), 'Ending').map(
    ([id = '', , port = '', reached = '', temporal = '']) => ({
      id,
      status: /^`(\w+)`/.exec(port)?.[1],
      summary: beginning(/"(.+)"/.exec(port)?.[1]),
      calls: callsOf(reached),
      isUncertain: reached === 'perhaps' && port.includes('"'),
      workflow: temporal.startsWith('No workflow') ? undefined : /^\w+/.exec(temporal)?.[0].toUpperCase(),
    }),
  );
}

/** `…` stands for anything. */
function beginning(quoted: string | undefined): RegExp | undefined {
  if (quoted === undefined) return undefined;
  const parts = quoted.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+?')}`);
}

function callsOf(reached: string): number[] {
  if (reached === 'no') return [0];
  if (reached === 'perhaps') return [0, 1];
  if (reached === 'yes, twice') return [2];
  if (reached === 'yes' || reached.startsWith('yes, by its first')) return [1];
  throw new Error(`"${reached}" does not say whether the target is reached`);
}
