/** The table of ALLOWED_ACTIONS in docs/network.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refusalOfAction } from '../../port/local-policy.js';
import type { JsonObject, MessageKind } from '../../port/message.js';
import { codeSpans, tableRows } from './markdown.js';

const DOC = readFileSync(join(__dirname, '../../docs/network.md'), 'utf8');

const rows = tableRows(DOC, 'Entry in the list').flatMap(([entries = '', yes = '', no = '']) =>
  codeSpans(entries).map((entry): [string, string[], string[]] => [entry, namesIn(yes), namesIn(no)]),
);

test.each(rows)('%s', (entry, yes, no) => {
  const isAllowed = (name: string) => refusalOfAction(...messageOf(name), { actions: [entry] }) === undefined;
  expect(yes).not.toHaveLength(0);
  expect(yes.filter((name) => !isAllowed(name))).toEqual([]);
  expect(no.filter(isAllowed)).toEqual([]);
});

/** Without the explanations; a blueprint alone explains a change. */
function namesIn(cell: string): string[] {
  return codeSpans(cell.replace(/ of the blueprint `\w+`/, ''));
}

/** A message that goes by this name. */
function messageOf(name: string): [JsonObject, MessageKind] {
  if (name.startsWith('wfnr_')) return [{ context: { runId: name } }, 'node'];
  const [, blueprint] = /^change\/(.*)$/.exec(name) ?? [];
  if (blueprint !== undefined) return [{ context: { blueprint } }, 'change'];
  return [{ action: name, payload: { action: { identifier: name } } }, 'run'];
}
