/**
 * Makes every ending of docs/endings.md happen on real parts, all side by side, and compares; then looks for secrets
 * in all that was written down.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitlabEndings, PROJECTS } from '../support/endings/gitlab-endings.js';
import { mappingEndings } from '../support/endings/mapping-endings.js';
import { lastEndings, portEndings } from '../support/endings/port-endings.js';
import { type Driver, type Ending, HEADER_TOKEN, Stage } from '../support/endings/stage.js';
import { type EndingRow, endingRows } from '../support/endings/table.js';
import { targetEndings } from '../support/endings/target-endings.js';
import { temporalEndings } from '../support/endings/temporal-endings.js';
import { secretsOf } from '../support/leaks/planted.js';
import { leaksIn, type Secret } from '../support/leaks/search.js';
import { writtenIn } from '../support/leaks/written.js';
import { quietWorkers } from '../support/temporal.js';

const sideBySide = {
  ...targetEndings,
  ...gitlabEndings,
  ...temporalEndings,
  ...portEndings,
  ...mappingEndings,
};
const drivers: Record<string, Driver> = { ...sideBySide, ...lastEndings };
const rows = endingRows();

let folder: string;
let stage: Stage;
const endings = new Map<string, Promise<Ending[]>>();

beforeAll(async () => {
  quietWorkers();
  folder = await mkdtemp(join(tmpdir(), 'endings-'));
  stage = await Stage.open(PROJECTS, folder);
  for (const [id, drive] of Object.entries(sideBySide)) begin(id, drive(stage));
  for (const [id, drive] of Object.entries(lastEndings)) begin(id, drivenAfter([...endings.values()], drive));
});
afterAll(async () => {
  await stage?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A failure is told by the row's own test. */
function begin(id: string, ending: Promise<Ending[]>): void {
  ending.catch(() => {});
  endings.set(id, ending);
}

async function drivenAfter(others: Promise<unknown>[], drive: Driver): Promise<Ending[]> {
  await Promise.allSettled(others);
  return drive(stage);
}

test('every row of docs/endings.md has a driver, and every driver a row', () => {
  expect(rows.map(({ id }) => id).sort()).toEqual(Object.keys(drivers).sort());
});

test.each(rows.map((row): [string, EndingRow] => [row.id, row]))('%s', async (id, row) => {
  const seen = (await endings.get(id)) ?? [];
  expect(seen).not.toHaveLength(0);
  for (const { status, summary, calls, workflow } of seen) {
    expect({ status, workflow }).toEqual({ status: row.status, workflow: row.workflow });
    if (row.summary) expect(summary).toMatch(row.summary);
    if (row.isUncertain) expect(summary).toContain('the target may have been reached');
    expect(row.calls).toContain(calls);
  }
});

test('however a run ends, no secret is written down, and its message only encrypted', async () => {
  await Promise.allSettled([...endings.values()]);
  const planted: Secret[] = [
    ...stage.planted.secrets,
    { name: "the message's token", value: HEADER_TOKEN, mayBeIn: ['target'] },
    // Stands in every message.
    { name: "a message's words", value: '"invocationMethod"', mayBeIn: ['target'] },
  ];
  for (const house of stage.houses)
    expect(leaksIn(await writtenIn(house), [...planted, ...secretsOf(house)])).toEqual([]);
});
