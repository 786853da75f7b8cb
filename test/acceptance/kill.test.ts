import { type House, startHouse, until } from '../support/house.js';

let house: House;
beforeAll(async () => {
  house = await startHouse({
    WEBHOOK_INVOKER_TIMEOUT: '4',
    WORKER_LOST_AFTER_SECONDS: '1',
    KAFKA_CONSUMER_SESSION_TIMEOUT_MS: '3000',
  });
});
afterAll(() => house?.close());

test('the worker dies in the middle of a call: the call is not repeated, and the run says so', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  const runId = await house.port.trigger('slow');
  await until('the target is called', () =>
    house.service.journal.some(({ rawBody }) => rawBody.includes(runId)),
  );
  worker.signal('SIGKILL');
  await worker.exited;
  const next = await house.agent('worker');
  const { workflow } = await house.closed(runId);
  expect(workflow.status.name).toBe('FAILED');
  expect(house.port.run(runId)).toMatchObject({
    status: 'FAILURE',
    summary: expect.stringContaining('may have been reached'),
    endedTimes: 1,
  });
  expect(house.service.calls(runId)).toHaveLength(1);
  await Promise.all([next.stop(), ingester.stop()]);
});

test('the worker dies between the call and the report: the next one reports, and does not call', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  house.port.inject({ kind: 'respond', method: 'POST', path: /\/logs$/, response: { status: 503 } });
  const runId = await house.port.trigger('async');
  // Between two attempts: one that dies with its worker is noticed only after a minute.
  await until('the report waits for its next attempt', async () => (await house.attemptOf(runId)) === 2);
  worker.signal('SIGKILL');
  await worker.exited;
  house.port.clearFaults();
  const next = await house.agent('worker');
  await house.closed(runId);
  expect(house.service.calls(runId)).toHaveLength(1);
  expect(house.port.run(runId).logs).toHaveLength(1);
  await Promise.all([next.stop(), ingester.stop()]);
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
  await Promise.all([next.stop(), worker.stop()]);
});

test('told to stop, both finish what is under way and exit with 0', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  const runId = await house.port.trigger('slow');
  await until('the target is called', () =>
    house.service.journal.some(({ rawBody }) => rawBody.includes(runId)),
  );
  const exits = await Promise.all([worker.stop(20_000), ingester.stop(20_000)]);
  expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  const next = await house.agent('worker');
  await house.closed(runId);
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
  expect(house.service.calls(runId)).toHaveLength(1);
  await next.stop();
});
