import { randomBytes, randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { readCodecKeys } from '../../config/codec-keys.js';
import { createRetention, SHORTEST_RETENTION_MS } from '../../temporal/retention.js';
import { SEARCH_ATTRIBUTES } from '../../temporal/search-attributes.js';
import { createWorkflowStarter, type WorkflowStart } from '../../temporal/start-workflow.js';
import { until } from '../support/house.js';
import { createTestWorker, runInput, startTestTemporal, type TestTemporal } from '../support/temporal.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await startTestTemporal();
});
afterAll(() => temporal.stop());

const silent = pino({ level: 'silent' });
const target = () => ({
  connection: temporal.environment.nativeConnection,
  namespace: 'default',
  address: temporal.address,
});

function start(changes: Partial<WorkflowStart> = {}): WorkflowStart {
  const input = runInput();
  return {
    type: 'callWebhook',
    id: input.runId,
    input,
    summary: 's',
    details: 'd',
    searchAttributes: {},
    ...changes,
  };
}

test('registers the search attributes, and does so again without harm', async () => {
  await createWorkflowStarter(target(), { taskQueue: 'q' }, silent);
  await createWorkflowStarter(target(), { taskQueue: 'q' }, silent);
  const { customAttributes } =
    await temporal.environment.nativeConnection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
  expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining([...SEARCH_ATTRIBUTES]));
});

test('a run is found by its search attributes, which are cut to what Temporal takes', async () => {
  const starter = await createWorkflowStarter(target(), { taskQueue: 'q' }, silent);
  const workflow = start({ searchAttributes: { PortAction: 'deploy', PortEntity: 'x'.repeat(300) } });
  await starter.start(workflow);
  const description = await temporal.environment.client.workflow.getHandle(workflow.id).describe();
  const values = Object.fromEntries(
    description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
  );
  expect(values).toMatchObject({ PortAction: 'deploy', PortEntity: 'x'.repeat(255) });
});

test('a second start of a running workflow is known, and changes nothing', async () => {
  const starter = await createWorkflowStarter(target(), { taskQueue: 'q' }, silent);
  const workflow = start();
  await starter.start(workflow);
  const { runId } = await temporal.environment.client.workflow.getHandle(workflow.id).describe();
  await starter.start(workflow);
  expect((await temporal.environment.client.workflow.getHandle(workflow.id).describe()).runId).toBe(runId);
});

test('a second start of a closed workflow is known, and does not run it again', async () => {
  const taskQueue = randomUUID();
  const starter = await createWorkflowStarter(target(), { taskQueue }, silent);
  const workflow = start();
  let calls = 0;
  const worker = await createTestWorker(temporal, taskQueue, {
    invoke: async () => {
      calls++;
      return { kind: 'outcome', outcome: { status: 'SUCCESS', log: [], headline: '' } };
    },
    reportRun: async () => {},
  });
  await worker.runUntil(async () => {
    expect(await starter.start(workflow)).toBe('started');
    await temporal.environment.client.workflow.getHandle(workflow.id).result();
    expect(await starter.start(workflow)).toBe('known');
  });
  expect(calls).toBe(1);
});

test('without the right to register search attributes, runs start without them, and a warning says so', async () => {
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
  const { nativeConnection } = temporal.environment;
  // What Temporal Cloud answers to whoever asks its operator service.
  const refusing = new Proxy(nativeConnection, {
    get: (connection, name) =>
      name === 'operatorService'
        ? { listSearchAttributes: () => Promise.reject(new Error('PERMISSION_DENIED')) }
        : Reflect.get(connection, name, connection),
  });
  const starter = await createWorkflowStarter(
    { ...target(), connection: refusing },
    { taskQueue: 'q' },
    logger,
  );
  const workflow = start({ searchAttributes: { PortAction: 'deploy' } });
  expect(await starter.start(workflow)).toBe('started');
  expect(warnings.join()).toContain('register PortAction, PortBlueprint');
});

test('search attributes that vanished are left out from then on, and no run is lost', async () => {
  const { nativeConnection } = temporal.environment;
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
  const starter = await createWorkflowStarter(target(), { taskQueue: 'q' }, logger);
  await nativeConnection.operatorService.removeSearchAttributes({
    namespace: 'default',
    searchAttributes: ['PortAction'],
  });
  const first = start({ searchAttributes: { PortAction: 'deploy' } });
  expect(await starter.start(first)).toBe('started');
  expect(await starter.start(start({ searchAttributes: { PortAction: 'deploy' } }))).toBe('started');
  expect(warnings).toHaveLength(1);
});

test('an ingester that could not register them when it started does so with its first run', async () => {
  const { nativeConnection, client } = temporal.environment;
  await nativeConnection.operatorService.removeSearchAttributes({
    namespace: 'default',
    searchAttributes: ['PortUser'],
  });
  let asked = 0;
  const awayAtFirst = new Proxy(nativeConnection, {
    get(connection, name) {
      if (name === 'operatorService' && ++asked === 1)
        return { listSearchAttributes: () => Promise.reject(new Error('UNAVAILABLE')) };
      return Reflect.get(connection, name, connection);
    },
  });
  const starter = await createWorkflowStarter(
    { ...target(), connection: awayAtFirst },
    { taskQueue: 'q' },
    silent,
  );
  const workflow = start({ searchAttributes: { PortUser: 'somebody@example.com' } });
  expect(await starter.start(workflow)).toBe('started');
  const { typedSearchAttributes } = await client.workflow.getHandle(workflow.id).describe();
  expect(typedSearchAttributes.getAll().map(({ value }) => value)).toContain('somebody@example.com');
});

test('how long Temporal remembers is asked until it is told, and again later', async () => {
  let now = 0;
  let namespace = 'unknown';
  const { connection } = target();
  const retention = createRetention(
    {
      connection,
      get namespace() {
        return namespace;
      },
    },
    () => now,
  );
  expect(await retention()).toBe(SHORTEST_RETENTION_MS);
  namespace = 'default';
  now += 61_000;
  const WEEK_MS = 7 * 24 * 3_600_000;
  expect(await retention()).toBe(WEEK_MS);
  namespace = 'unknown';
  now += 61_000;
  expect(await retention()).toBe(WEEK_MS);
  now += 3_600_000;
  expect(await retention()).toBe(SHORTEST_RETENTION_MS);
});

test('what Temporal does not accept is thrown, for the caller to wait and repeat', async () => {
  const starter = await createWorkflowStarter(target(), { taskQueue: 'q' }, silent);
  await expect(starter.start(start({ id: 'x'.repeat(2000) }))).rejects.toThrow(/length|exceeds/i);
});

test('the largest message that is taken fits into a history, encrypted, and is carried out', async () => {
  const read = readCodecKeys(`k1:${randomBytes(32).toString('base64')}`);
  if ('problems' in read) throw new Error(read.problems.join());
  const codecKeys = read.keys;
  const taskQueue = randomUUID();
  const starter = await createWorkflowStarter(target(), { taskQueue, codecKeys }, silent);
  const filling = 'x'.repeat(1_500_000);
  const workflow = start({ input: runInput({ message: { filling } }) });
  let seen = 0;
  const worker = await createTestWorker({ ...temporal, codecKeys }, taskQueue, {
    invoke: async ({ message }) => {
      seen = String(message['filling']).length;
      return { kind: 'outcome', outcome: { status: 'SUCCESS', log: [], headline: '' } };
    },
    reportRun: async () => {},
  });
  await worker.runUntil(async () => {
    await starter.start(workflow);
    await until('it has ended', async () => {
      const { status } = await temporal.environment.client.workflow.getHandle(workflow.id).describe();
      return status.name === 'COMPLETED';
    });
  });
  expect(seen).toBe(filling.length);
});
