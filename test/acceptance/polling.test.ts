import type { Child } from '../../local/parts/child.js';
import { type House, startHouse, until } from '../support/house.js';

/** Ample: whoever needs longer to stop is killed, which counts as a failure. */
const GRACE_MS = 120_000;

let house: House;
beforeAll(async () => {
  house = await startHouse(
    {
      STREAMER_NAME: 'POLLING',
      KAFKA_CONSUMER_GROUP_ID: '',
      POLLING_INTERVAL_SECONDS: '0.2',
      POLLING_INITIAL_BACKOFF_SECONDS: '0.2',
    },
    { polling: true },
  );
  await house.agent('worker');
});
afterAll(() => house?.close());

/** Requests to Port about a run once it was claimed, acknowledgements included, in order. */
function requestsFor(runId: string): string[] {
  return house.port.journal
    .filter(({ path, rawBody }) => path.includes(runId) || (path.endsWith('/ack') && rawBody.includes(runId)))
    .map(
      ({ method, path }) =>
        `${method} ${
          path
            .split(runId)
            .at(-1)
            ?.replace(/^\/v1\//, '') || '/'
        }`,
    );
}

const reports = (runId: string) => requestsFor(runId).filter((request) => !request.endsWith('/ack'));

describe('an organization without Kafka', () => {
  let ingester: Child;
  beforeAll(async () => {
    ingester = await house.agent('ingest');
  });
  afterAll(() => ingester.stop(GRACE_MS));

  test('is told that its runs come by polling', async () => {
    await until('Port knows', () => house.port.settings.portAgentStreamerName === 'POLLING');
  });

  test('has its synchronized webhooks carried out, acknowledged once, in three requests more', async () => {
    const { runId, workflow } = await house.carryOut('sync', { properties: { service: 'zürich' } });
    expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1, response: { ok: true } });
    expect(workflow).toMatchObject({ type: 'callWebhook', status: { name: 'COMPLETED' } });
    await until('it is acknowledged', () => requestsFor(runId).length === 4);
    expect(requestsFor(runId).filter((request) => request.endsWith('/ack'))).toHaveLength(1);
    expect(reports(runId)).toEqual(['PATCH /response', 'POST /logs', 'PATCH /']);
    const calls = house.service.calls(runId);
    expect(calls).toMatchObject([{ isSigned: true, idempotencyKey: runId }]);
    expect(calls[0]?.headers['x-team']).toBe('platform');
    expect(JSON.parse(calls[0]?.rawBody ?? '{}')).toMatchObject({
      action: 'sync',
      service: 'zürich',
      port_context: { runId },
      context: { runId },
    });
  });

  test('has its asynchronous webhooks handed over, in one request more', async () => {
    const { runId } = await house.carryOut('async');
    expect(house.port.run(runId).status).toBe('IN_PROGRESS');
    await until('it is acknowledged', () => !house.port.run(runId).pendingExecution);
    expect(reports(runId)).toEqual(['POST /logs']);
  });

  test('has its failures told', async () => {
    const { runId, failure } = await house.carryOut('broken');
    expect(house.port.run(runId)).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringContaining('status code: 500'),
    });
    expect(failure).toContain('500');
  });

  test('has the nodes of its workflows carried out', async () => {
    const id = await house.port.triggerNode({ url: `${house.service.url}/ok`, body: { service: 'api' } });
    await house.closed(id);
    expect(house.port.nodeRuns.get(id)).toMatchObject({ status: 'COMPLETED', result: 'SUCCESS' });
    const calls = house.service.calls(id);
    expect(calls).toHaveLength(1);
    expect(JSON.parse(calls[0]?.rawBody ?? '{}')).toMatchObject({
      context: { runId: id, nodeConfig: { body: { service: 'api' } } },
    });
    await until('it is acknowledged', () => house.port.nodeRuns.get(id)?.pendingExecution === false);
  });

  test('has many runs at once carried out, each once', async () => {
    const runIds = await Promise.all(Array.from({ length: 120 }, () => house.port.trigger('async')));
    for (const runId of runIds) {
      await house.closed(runId);
      expect(house.service.calls(runId)).toHaveLength(1);
    }
    await until('all are acknowledged', () =>
      runIds.every((runId) => !house.port.run(runId).pendingExecution),
    );
    const acks = house.port.journal.filter(({ path }) => path.endsWith('/actions/runs/ack'));
    expect(acks.filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('finds a run in Temporal by its action', async () => {
    const { runId } = await house.carryOut('async');
    const query = `PortAction = "async" AND WorkflowId = "${runId}"`;
    await until('it is listed', async () => (await house.client.workflow.count(query)).count === 1);
  });
});

// An asynchronous run: one that has ended is not handed out again.
test('the ingester dies between start and acknowledgement: the run comes again, and is carried out once', async () => {
  // The lease has to end before the run comes again.
  const first = await house.agent('ingest', { POLLING_VISIBILITY_TIMEOUT_SECONDS: '4' });
  house.port.inject({ kind: 'hang', path: /\/ack$/ });
  const runId = await house.port.trigger('async');
  await house.closed(runId);
  await until('it is being acknowledged', () =>
    requestsFor(runId).some((request) => request.endsWith('/ack')),
  );
  first.signal('SIGKILL');
  await first.exited;
  house.port.clearFaults();
  expect(house.port.run(runId).pendingExecution).toBe(true);
  const second = await house.agent('ingest');
  await until('it is acknowledged', () => !house.port.run(runId).pendingExecution);
  const about = () => second.lines(200).filter((line) => line.includes(runId));
  await until('it is told', () => about().length > 0);
  expect(about()).toEqual([expect.stringContaining('"result":"known"')]);
  expect(house.service.calls(runId)).toHaveLength(1);
  expect(reports(runId)).toEqual(['POST /logs']);
  await second.stop(GRACE_MS);
});

test('Port refuses to be polled for a while: it is tried on, and then goes on', async () => {
  const ingester = await house.agent('ingest');
  house.port.inject({ kind: 'respond', path: /claim-pending$/, response: { status: 503 } });
  await until('it says so', () => ingester.lines(50).some((line) => line.includes("runs can't be claimed")));
  const runId = await house.port.trigger('async');
  house.port.clearFaults();
  await house.closed(runId);
  expect(await ingester.stop(GRACE_MS)).toMatchObject({ code: 0 });
});
