/**
 * The faults that port-agent was measured with, on the same scale, against this agent's real processes.
 *
 * `RELIABILITY_RUNS=3` takes fewer runs a fault, and leaves docs/reliability.md alone.
 */
import { agentRows } from './reliability/agent-rows.js';
import { runsAfter } from './reliability/judge.js';
import { mappingRows } from './reliability/mapping-rows.js';
import { messageRows } from './reliability/message-rows.js';
import { portRows } from './reliability/port-rows.js';
import type { Row } from './reliability/row.js';
import { Site } from './reliability/site.js';
import { compareWithDocument, doubled, lineOf, type Result, unreported } from './reliability/table.js';
import { targetRows } from './reliability/target-rows.js';

const SCALE = 20;
const RUNS = Number(process.env['RELIABILITY_RUNS'] ?? SCALE);
const ROW_TIMEOUT_MS = 400_000;
/** The mappings come last: for them, worker and ingester are started anew. */
const ROWS = [...targetRows, ...portRows, ...agentRows, ...messageRows, ...mappingRows];

let site: Site;
const results: Result[] = [];
beforeAll(async () => {
  site = await Site.open();
}, ROW_TIMEOUT_MS);
afterAll(() => site?.close(), ROW_TIMEOUT_MS);
afterEach(() => {
  for (const part of [site.house.port, site.house.service, site.house.gitlab]) part.clearFaults();
});

test.each(ROWS.map((row): [string, Row] => [row.fault, row]))(
  'no run is left open or doubled when there is: %s',
  async (fault, { before, scale = 1, happen, complaint }) => {
    const happened = await happen(site, Math.round(RUNS * scale));
    const runs = await runsAfter(happened, site);
    const result = { fault, before, runs, sinceMs: happened.sinceMs };
    results.push(result);
    process.stdout.write(`${lineOf(result)}\n`);
    expect({ unreported: unreported(result), doubled: doubled(result) }).toEqual({
      unreported: 0,
      doubled: 0,
    });
    expect(runs.map((run) => complaint(run)).filter((words) => words !== undefined)).toEqual([]);

    expect(site.worker.isRunning() && site.ingester.isRunning()).toBe(true);
    const next = await site.publish(1, () => ({
      type: 'WEBHOOK',
      url: `${site.house.service.url}/ok`,
      agent: true,
      synchronized: true,
    }));
    const [afterwards] = await runsAfter({ runs: next, sinceMs: 0 }, site);
    expect(afterwards).toMatchObject({ ending: 'succeeded', calls: 1 });
  },
  ROW_TIMEOUT_MS,
);

const atFullScale = RUNS === SCALE ? test : test.skip;
atFullScale('docs/reliability.md has what was counted (UPDATE_DOCS=1 rewrites its table)', () => {
  const { written, counted } = compareWithDocument(results);
  expect(written).toEqual(counted);
});
