import { type House, startHouse, until } from '../support/house.js';

/** For runs that are to meet them: soon over, and still long enough for a worker to be killed in time. */
const SHORT_LIMITS = { WEBHOOK_INVOKER_TIMEOUT: '8', WORKER_LOST_AFTER_SECONDS: '4' };
/** Ample: whoever needs longer to stop is killed, which counts as a failure. */
const GRACE_MS = 120_000;

let house: House;
beforeAll(async () => {
  house = await startHouse({ KAFKA_CONSUMER_SESSION_TIMEOUT_MS: '6000' });
});
afterAll(() => house?.close());

test('the worker dies in the middle of a call: the call is not repeated, and the run says so', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest', SHORT_LIMITS)]);
  const letGo = house.hold();
  const runId = await house.port.trigger('held');
  await until('the target is called', () => house.service.calls(runId).length === 1);
  worker.signal('SIGKILL');
  await worker.exited;
  letGo();
  const next = await house.agent('worker');
  const { workflow } = await house.closed(runId);
  expect(workflow.status.name).toBe('FAILED');
  expect(house.port.run(runId)).toMatchObject({
    status: 'FAILURE',
    summary: expect.stringContaining('may have been reached'),
    endedTimes: 1,
  });
  expect(house.service.calls(runId)).toHaveLength(1);
  await Promise.all([next.stop(GRACE_MS), ingester.stop(GRACE_MS)]);
});

test('the worker dies between the call and the report: the next one reports, and does not call', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest', SHORT_LIMITS)]);
  // Longer than Port's client waits by itself: the worker dies between two attempts, since one that dies with it is
  // noticed only after a minute.
  const response = { status: 429, headers: { 'retry-after': '6' } };
  house.port.inject({ kind: 'respond', method: 'POST', path: /\/logs$/, response, times: 1 });
  const runId = await house.port.trigger('async');
  await until('the report waits for its next attempt', async () => (await house.attemptOf(runId)) === 2);
  worker.signal('SIGKILL');
  await worker.exited;
  const next = await house.agent('worker');
  await house.closed(runId);
  expect(house.service.calls(runId)).toHaveLength(1);
  expect(house.port.run(runId).logs).toHaveLength(1);
  await Promise.all([next.stop(GRACE_MS), ingester.stop(GRACE_MS)]);
});

test('the ingester dies in the middle of a load: every run is carried out, and once', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  const first = await Promise.all(Array.from({ length: 20 }, () => house.port.trigger('async')));
  await until('some are accepted', () => ingester.lines(200).some((line) => line.includes('"accepted"')));
  ingester.signal('SIGKILL');
  const second = await Promise.all(Array.from({ length: 10 }, () => house.port.trigger('async')));
  await ingester.exited;
  const next = await house.agent('ingest');
  for (const runId of [...first, ...second]) {
    await house.closed(runId);
    expect(house.service.calls(runId)).toHaveLength(1);
    expect(house.port.run(runId).logs).toHaveLength(1);
  }
  await Promise.all([next.stop(GRACE_MS), worker.stop(GRACE_MS)]);
});

test('told to stop, both finish what is under way and exit with 0', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  const letGo = house.hold();
  const runId = await house.port.trigger('held');
  await until('the target is called', () => house.service.calls(runId).length === 1);
  const exits = Promise.all([worker.stop(GRACE_MS), ingester.stop(GRACE_MS)]);
  await until('the worker stops', () => worker.lines(100).some((line) => line.includes('stopping')));
  letGo();
  expect((await exits).map(({ code }) => code)).toEqual([0, 0]);
  const next = await house.agent('worker');
  await house.closed(runId);
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
  expect(house.service.calls(runId)).toHaveLength(1);
  await next.stop(GRACE_MS);
});
