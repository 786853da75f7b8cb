import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { Client, type ListOptions, type WorkflowExecutionInfo } from '@temporalio/client';
import { createReportRejection } from '../../activities/report-rejection.js';
import type { CodecKeys } from '../../config/codec-keys.js';
import { concernsNobody } from '../../sweep/run-of.js';
import { sweep } from '../../sweep/sweep.js';
import { dataConverterOf } from '../../temporal/data-converter.js';
import type { RejectInput } from '../../workflows/contract.js';
import { memoryLogger, newRunId, startPort, type TestPort } from '../activities/environment.js';
import { until } from '../support/house.js';
import { createTestWorker, startTestTemporal, type TestTemporal } from '../support/temporal.js';

const NO_WORKER = 'nobody works here';
const RUN = /^\/v1\/actions\/runs\/[^/]+$/;
const ADVICE = 'Check that PORT_CLIENT_SECRET is the one of this organization.';

let temporal: TestTemporal;
let client: Client;
beforeAll(async () => {
  temporal = await startTestTemporal();
  client = clientWith();
}, 60_000);
afterAll(() => temporal?.stop());

/** Another key has another id. */
function clientWith(codecKeys?: CodecKeys): Client {
  const { connection, namespace = 'default' } = temporal.environment;
  return new Client({
    connection,
    namespace,
    dataConverter: dataConverterOf(codecKeys ? { codecKeys } : {}),
  });
}

const newKeys = (): CodecKeys => [{ id: randomUUID(), secret: createSecretKey(randomBytes(32)) }];

/** Waits until a list of workflows has this one as closed. */
async function listed(workflowId: string) {
  const query = `WorkflowId = "${workflowId}" AND ExecutionStatus != "Running"`;
  await until('Temporal lists it', async () => (await client.workflow.count(query)).count === 1);
  for await (const workflow of client.workflow.list({ query })) return workflow;
  throw new Error(`${workflowId} is counted, and not listed`);
}

/** A workflow that was terminated before anybody worked on it. */
async function terminated(type: string, workflowId: string, input: object = {}, starter = client) {
  const handle = await starter.workflow.start(type, { workflowId, taskQueue: NO_WORKER, args: [input] });
  await handle.terminate('test');
  await listed(workflowId);
  return workflowId;
}

async function terminatedRuns(port: TestPort, count: number, action = 'webhook'): Promise<string[]> {
  const ids: string[] = [];
  for (let run = 0; run < count; run++) ids.push(await terminated('callWebhook', await port.trigger(action)));
  return ids;
}

function rejection(reportTo?: string): RejectInput {
  return {
    ...{ record: 'org_1.runs/0/7', reason: 'bad signature', advice: ADVICE, sizeBytes: 10, timestampMs: 0 },
    ...(reportTo !== undefined && { reportTo }),
  };
}

const rejectionId = () => `rejected/org_1.runs/0/7/${randomUUID()}`;

/** Carries a rejection out, which always ends as a failed workflow. */
async function rejected(port: TestPort, reportTo?: string) {
  const workflowId = rejectionId();
  const taskQueue = randomUUID();
  const reportRejection = createReportRejection({ port: port.client });
  const worker = await createTestWorker(temporal, taskQueue, { reportRejection });
  const result = worker.runUntil(
    client.workflow.execute('rejectMessage', { workflowId, taskQueue, args: [rejection(reportTo)] }),
  );
  await expect(result).rejects.toThrow('Workflow execution failed');
  return listed(workflowId);
}

/** What workflows of other tests are about is nothing to the Port of this one. */
async function swept(port: TestPort, by = client) {
  const { logger, lines } = memoryLogger();
  const result = await sweep(by, port.client, logger, 0);
  return { ...result, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('a run whose workflow was terminated', () => {
  test('is ended with the words that its target may have been reached, and once', async () => {
    const port = await startPort();
    const [runId = ''] = await terminatedRuns(port, 1);
    expect((await swept(port)).ended).toEqual([runId]);
    expect(port.run(runId)).toMatchObject({ status: 'FAILURE', endedTimes: 1 });
    expect(port.run(runId).summary).toContain('may have been reached');
    expect((await swept(port)).ended).toEqual([]);
  });

  test('is ended through its log where Port takes no status for a synchronized run', async () => {
    const port = await startPort({ synchronizedStatus: 'refused' });
    const [before = ''] = await terminatedRuns(port, 1);
    const [runId = ''] = await terminatedRuns(port, 1, 'synchronized');
    const [after = ''] = await terminatedRuns(port, 1);
    const { ended, failed } = await swept(port);
    expect(failed).toEqual([]);
    expect(ended.sort()).toEqual([before, runId, after].sort());
    expect(port.run(runId).logs).toMatchObject([
      { message: expect.stringContaining('may have been reached'), terminationStatus: 'FAILURE' },
    ]);
  });

  test('that Temporal has deleted since it was listed is passed over', async () => {
    const port = await startPort();
    const [deleted, runId = ''] = [await port.trigger('webhook'), ...(await terminatedRuns(port, 1))];
    const { ended, failed } = await swept(port, listing({ ...(await listed(runId)), workflowId: deleted }));
    expect({ ended, failed }).toEqual({ ended: [runId], failed: [] });
    expect(port.run(deleted).status).toBe('IN_PROGRESS');
  });
});

/** A client whose lists begin with a workflow that is not there: to delete one takes the server half a minute. */
function listing(gone: WorkflowExecutionInfo): Client {
  async function* list(options: ListOptions) {
    yield gone;
    yield* client.workflow.list(options);
  }
  const workflow = Object.create(client.workflow, { list: { value: list } });
  return Object.create(client, { workflow: { value: workflow } });
}

describe('a node run whose workflow was terminated', () => {
  const SHOWN = { status: 404, body: { ok: false, error: 'not_found', message: 'Route not found' } };

  test.each([
    ['is completed as failed, with the reason as its log', undefined],
    ['is so as well where Port does not show its node runs', SHOWN],
  ])('%s', async (_, response) => {
    const port = await startPort();
    const path = /^\/v1\/workflows\/nodes\/runs\/[^/]+$/;
    if (response) port.inject({ kind: 'respond', method: 'GET', path, response });
    const id = await terminated('callWebhook', await port.triggerNode({ url: 'https://service.corp/' }));
    expect((await swept(port)).ended).toEqual([id]);
    expect((await swept(port)).ended).toEqual([]);
    expect(port.nodeRuns.get(id)).toMatchObject({ status: 'COMPLETED', result: 'FAILED' });
    expect(port.nodeRuns.get(id)?.logs).toMatchObject([
      { level: 'ERROR', message: expect.stringContaining('may have been reached') },
    ]);
  });
});

describe('a run that Port will not end', () => {
  const refusal = { status: 422, body: { ok: false, error: 'invalid_request', message: 'No' } };

  test('is told of with the reason, and those before and after it are ended', async () => {
    const port = await startPort();
    const runs = await terminatedRuns(port, 3);
    const [first, refused = '', last] = runs;
    const path = new RegExp(`/${refused}$`);
    port.inject({ kind: 'respond', method: 'PATCH', path, response: refusal });
    const { ended, failed, gaveUp, lines } = await swept(port);
    expect(ended.sort()).toEqual([first, last].sort());
    expect({ failed, gaveUp }).toEqual({ failed: [refused], gaveUp: false });
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 50,
        runId: refused,
        reason: expect.stringContaining('invalid_request'),
      }),
    );
  });

  test('does not end the sweep, however many there are', async () => {
    const port = await startPort();
    const runs = await terminatedRuns(port, 6);
    port.inject({ kind: 'respond', method: 'PATCH', path: RUN, response: refusal });
    const { failed, gaveUp } = await swept(port);
    expect(gaveUp).toBe(false);
    expect(failed.sort()).toEqual(runs.sort());
  });
});

test('a Port that is away is asked about five runs, not about all', async () => {
  const port = await startPort();
  await terminatedRuns(port, 7);
  await port.refuse();
  const { failed, gaveUp, ended } = await swept(port);
  expect({ failures: failed.length, gaveUp, ended }).toEqual({ failures: 5, gaveUp: true, ended: [] });
}, 60_000);

describe('a rejection', () => {
  test.each([false, true])(
    'that was terminated has its run ended as not carried out (encrypted: %p)',
    async (e) => {
      const by = e ? clientWith(newKeys()) : client;
      const port = await startPort();
      const runId = await port.trigger('webhook');
      await terminated('rejectMessage', rejectionId(), rejection(runId), by);
      expect((await swept(port, by)).ended).toEqual([runId]);
      expect(port.run(runId).summary).toBe(`The agent did not carry out this run: bad signature. ${ADVICE}`);
    },
  );

  test('whose report Port refused has its run ended', async () => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    const response = { status: 422, body: { ok: false, error: 'invalid_request', message: 'No' } };
    const takeBack = port.inject({ kind: 'respond', method: 'GET', path: RUN, response });
    await rejected(port, runId);
    takeBack();
    expect(port.run(runId).status).toBe('IN_PROGRESS');
    expect((await swept(port)).ended).toEqual([runId]);
  });

  test('that was reported leaves its run as it is', async () => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    await rejected(port, runId);
    expect((await swept(port)).ended).toEqual([]);
    expect(port.run(runId).endedTimes).toBe(1);
  });

  test('that names no run is known by what a list shows of it', async () => {
    const port = await startPort();
    expect(concernsNobody(await rejected(port))).toBe(true);
    expect(concernsNobody(await rejected(port, newRunId()))).toBe(false);
  });

  test('that names no run and was terminated is nothing to Port', async () => {
    const port = await startPort();
    const id = await terminated('rejectMessage', rejectionId(), rejection());
    expect(concernsNobody(await listed(id))).toBe(false);
    expect(await swept(port)).toMatchObject({ ended: [], failed: [] });
    expect(port.journal.filter(({ path }) => path.includes('rejected'))).toEqual([]);
  });

  test("that can't be read is passed over with a warning, and the others are swept", async () => {
    const port = await startPort();
    const [before = ''] = await terminatedRuns(port, 1);
    const hidden = await port.trigger('webhook');
    const id = await terminated('rejectMessage', rejectionId(), rejection(hidden), clientWith(newKeys()));
    const [after = ''] = await terminatedRuns(port, 1);
    const { ended, failed, lines } = await swept(port);
    expect(ended.sort()).toEqual([before, after].sort());
    expect(failed).toEqual([]);
    expect(port.run(hidden).status).toBe('IN_PROGRESS');
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 40, workflowId: id, reason: expect.stringContaining('CODEC_KEYS') }),
    );
  });
});

test('a change of the catalogue is nothing to Port', async () => {
  const port = await startPort();
  const id = await terminated('callWebhook', `change/org_1.change.log/0/7/${randomUUID()}`);
  expect(concernsNobody(await listed(id))).toBe(true);
  await swept(port);
  expect(port.journal.filter(({ path }) => path.includes('change'))).toEqual([]);
});
