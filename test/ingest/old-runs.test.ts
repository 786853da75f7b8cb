import { decide } from '../../ingest/decide.js';
import { createOldRunCheck } from '../../ingest/old-runs.js';
import type { SourceRecord } from '../../ingest/record-source.js';
import { concludeWebhook } from '../../port/outcome.js';
import { SHORTEST_RETENTION_MS } from '../../temporal/retention.js';
import { signed, webhookMessage } from '../port/messages.js';
import { recordOf, SETTINGS } from './records.js';

const DAY_MS = 86_400_000;
const WRITTEN = recordOf(null).timestampMs;
const SIGNED_MS = 1_713_277_889_000;

/** What is asked of Port about a record of this age, and what comes of it. */
async function check(
  record: SourceRecord,
  ageMs: number,
  isOpen: boolean | undefined,
  { retentionMs = 7 * DAY_MS, logs = [] as string[] } = {},
) {
  const asked: string[] = [];
  const hasEnded = createOldRunCheck({
    retentionMs: async () => retentionMs,
    port: {
      isOpen: async (runId) => {
        asked.push(runId);
        return isOpen === true;
      },
      isNodeRunOpen: async () => isOpen,
      logs: async () => logs,
    },
    now: () => WRITTEN + ageMs,
  });
  const decision = decide(record, { ...SETTINGS, signatures: { anyGood: true, bad: new Set() } });
  const { signal } = new AbortController();
  return { asked, ended: await hasEnded(decision, record, signal) };
}

const run = recordOf(signed(webhookMessage()));

test.each([
  ['ended in Port', false, true],
  ['is still open', true, false],
])('a run that Temporal may have forgotten and that %s', async (_, isOpen, ended) => {
  expect(await check(run, 6.5 * DAY_MS, isOpen)).toEqual({ asked: ['r_jE5FhDURh4Uen2Qr'], ended });
});

test('a run that was handed over, whose target has said nothing since, is not called again', async () => {
  const { log } = concludeWebhook(
    { status: 202, headers: {}, text: '' },
    { call: 'POST the.target', synchronized: false, detailed: true },
  );
  const said = (logs: string[]) => check(run, 6.5 * DAY_MS, true, { logs });
  expect(await said(['queued', log.join('\n')])).toMatchObject({ ended: true });
  expect(await said(['queued'])).toMatchObject({ ended: false });
});

test.each([
  ['has ended', false, true],
  ['is open', true, false],
  ['is not shown by Port', undefined, false],
])('an old node run that %s', async (_, isOpen, ended) => {
  const node = recordOf(signed(webhookMessage({}, { context: { runId: 'wfnr_abc123' } })));
  expect((await check(node, 30 * DAY_MS, isOpen)).ended).toBe(ended);
});

test('of a copy of an old message Port is asked, however new its record is', async () => {
  const copy = { ...run, timestampMs: SIGNED_MS + 6.5 * DAY_MS };
  expect(await check(copy, copy.timestampMs - WRITTEN, false)).toEqual({
    asked: ['r_jE5FhDURh4Uen2Qr'],
    ended: true,
  });
});

test('where Temporal does not say how long it remembers, Port is asked after the shortest time', async () => {
  const asked = { asked: ['r_jE5FhDURh4Uen2Qr'], ended: true };
  expect(await check(run, DAY_MS, false, { retentionMs: SHORTEST_RETENTION_MS })).toEqual(asked);
  expect(await check(run, 0.8 * DAY_MS, false, { retentionMs: SHORTEST_RETENTION_MS })).toEqual({
    asked: [],
    ended: false,
  });
});

test('an ingester that stops does not wait for Port', async () => {
  const stopping = new AbortController();
  const hasEnded = createOldRunCheck({
    retentionMs: async () => DAY_MS,
    port: { isOpen: () => new Promise(() => {}), isNodeRunOpen: async () => true, logs: async () => [] },
    now: () => WRITTEN + 3 * DAY_MS,
  });
  const decision = decide(run, { ...SETTINGS, signatures: { anyGood: true, bad: new Set() } });
  const asking = hasEnded(decision, run, stopping.signal);
  stopping.abort();
  await expect(asking).rejects.toThrow('the ingester stops');
});

test('of a run that Temporal remembers for sure, Port is not asked', async () => {
  expect(await check(run, 6 * DAY_MS, false)).toEqual({ asked: [], ended: false });
});

test.each([
  ['a change', { ...recordOf(webhookMessage()), origin: 'change log' as const }],
  [
    'a claimed run, which Port has just handed out',
    { ...recordOf(webhookMessage()), origin: 'claim' as const },
  ],
  ['a record that is rejected', recordOf('no JSON')],
])('of %s, Port is not asked', async (_, record) => {
  expect((await check(record, 30 * DAY_MS, false)).asked).toEqual([]);
});
