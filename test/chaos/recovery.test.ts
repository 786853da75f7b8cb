import type { Evidence, InjectedFault, PublishedRecord } from './evidence.js';
import { slowestRecoveries } from './recovery.js';

const run = (id: string, publishedMs: number, startedMs: number, closedMs: number) => ({
  published: {
    ...{ origin: 'runs', topic: 'org.runs', partition: 0, offset: '0', timestampMs: publishedMs },
    value: `{"context":{"runId":"${id}"}}`,
  } as const,
  workflow: { id, status: 'completed', startedMs, closedMs } as const,
});

/** Published before the fault at 1000 and started after it; and published after it. */
const RUNS = [run('r_1', 900, 910, 1100), run('r_2', 950, 1200, 1300), run('r_3', 1500, 1600, 1700)];

function recovery(whom: string, how = 'kill -9', runs = RUNS): number[] {
  const fault = { on: 'process', whom, how, atMs: 0, forMs: 0, fromMs: 1000, toMs: 1050 } as InjectedFault;
  const evidence: Pick<Evidence, 'faults' | 'published' | 'workflows'> = {
    faults: [fault],
    published: runs.map(({ published }) => published as PublishedRecord),
    workflows: runs.map(({ workflow }) => workflow),
  };
  return slowestRecoveries(evidence as Evidence).map(({ ms }) => ms);
}

test.each([
  ['worker', [300]],
  ['ingester', [300]],
  ['Temporal', [300]],
  ['Kafka', [700]],
])('%s is back with the first run that needed it', (whom, expected) => {
  expect(recovery(whom)).toEqual(expected);
});

test('a freeze is no death, and what nobody was published after is left out', () => {
  expect([recovery('worker', 'freeze'), recovery('Kafka', 'kill -9', RUNS.slice(0, 2))]).toEqual([[], []]);
});
