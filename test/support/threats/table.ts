/** The rows of docs/threat-model.md as a test can compare them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableRows } from '../../docs/markdown.js';

const FILE = join(__dirname, '../../../docs/threat-model.md');

export interface ThreatRow {
  id: string;
  calls: number;
  /** What Port holds afterwards; undefined when it holds no such run. */
  status: string | undefined;
  /** What the summary has to hold; undefined when the row quotes nothing. */
  says: string | undefined;
  /** How the workflow closed; undefined when there is none. */
  workflow: string | undefined;
}

export function threatRows(): ThreatRow[] {
  return tableRows(readFileSync(FILE, 'utf8'), 'Threat').map(
    ([id = '', , , , called = '', port = '', temporal = '']) => ({
      id,
      calls: ['no', 'once'].indexOf(called),
      status: /^`(\w+)`/.exec(port)?.[1],
      says: /"(.+)"/.exec(port)?.[1],
      workflow: workflowOf(temporal),
    }),
  );
}

/** `FAILED rejectMessage` for ``Failed (`rejectMessage`)``. */
function workflowOf(cell: string): string | undefined {
  const [, status, type] = /^(\w+)(?: \(`(\w+)`\))?$/.exec(cell) ?? [];
  return status && [status.toUpperCase(), type].filter(Boolean).join(' ');
}
