import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../local/agent.js';
import type { Child } from '../../local/parts/child.js';
import { type RunningTemporal, startTemporal } from '../../local/parts/temporal.js';
import { type House, startHouse, until } from '../support/house.js';

/** Temporal is asked every ten seconds, for five seconds; the rest is for a busy machine. */
const NOTICED_MS = 90_000;
/** Ample: whoever needs longer to stop is killed, which counts as a failure. */
const GRACE_MS = 120_000;

interface Probed {
  child: Child;
  ready(): Promise<Answer>;
  live(): Promise<Answer>;
}

interface Answer {
  status: number;
  body: { status: string; reasons: { part: string; reason: string }[] };
}

let folder: string;
let house: House;
let temporal: RunningTemporal;
let worker: Probed;
let ingester: Probed;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'health-'));
  house = await startHouse(
    { HEALTH_PORT: '0', KAFKA_CONSUMER_SESSION_TIMEOUT_MS: '6000' },
    { temporalDb: join(folder, 'temporal.db') },
  );
  temporal = house.temporal;
  [worker, ingester] = await Promise.all([start('worker'), start('ingest')]);
});
afterAll(async () => {
  await house?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a process and finds the port that it has taken for its health; it need not become ready. */
async function start(role: Role, environment: Record<string, string> = {}): Promise<Probed> {
  const child = await house.agent(role, environment, { waitUntilReady: false });
  let port = 0;
  await until('its health is served', () => {
    const line = child.lines(100).find((line) => line.includes('health is served'));
    if (line !== undefined) port = JSON.parse(line).port;
    return port !== 0;
  });
  const ask = async (path: string): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };
  return { child, ready: () => ask('/readyz'), live: () => ask('/livez') };
}

const isReady = async ({ ready }: Probed) => (await ready()).status === 200;

/** Waits until a process is not ready for this reason, and checks that it is live all the same. */
async function untilUnready({ ready, live }: Probed, part: string, words: RegExp): Promise<void> {
  let last: Answer | undefined;
  const isTold = async (): Promise<boolean> => {
    last = await ready();
    const { status, body } = last;
    return status === 503 && body.reasons.some((found) => found.part === part && words.test(found.reason));
  };
  await until(`${part} is told`, isTold, NOTICED_MS).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
  expect(await live()).toMatchObject({ status: 200, body: { status: 'live', reasons: [] } });
  expect(JSON.stringify(last)).not.toContain(house.environment['PORT_CLIENT_SECRET']);
}

test('worker and ingester are ready, and carry out a run', async () => {
  for (const one of [worker, ingester]) {
    let answer: Answer | undefined;
    await until('it is ready', async () => {
      answer = await one.ready();
      return answer.status === 200;
    });
    expect(answer).toEqual({ status: 200, body: { status: 'ready', reasons: [] } });
    expect(await one.live()).toEqual({ status: 200, body: { status: 'live', reasons: [] } });
  }
  const { runId } = await house.carryOut('sync');
  expect(house.port.run(runId).status).toBe('SUCCESS');
});

test('while Temporal is away, both are live and not ready; when it is back, both are ready', async () => {
  temporal.child.signal('SIGKILL');
  await temporal.child.exited;
  const runId = await house.port.trigger('sync');
  await Promise.all([worker, ingester].map((one) => untilUnready(one, 'temporal', /does not answer/)));
  await untilUnready(ingester, 'ingest', /Temporal does not take/);
  expect(JSON.stringify(await ingester.ready())).not.toContain(runId);
  const port = Number(temporal.address.split(':')[1]);
  temporal = await startTemporal({ port, dbFilename: join(folder, 'temporal.db') });
  for (const one of [worker, ingester]) await until('it is ready again', () => isReady(one), NOTICED_MS);
  await house.closed(runId);
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
}, 600_000);

test('both in one process have one port, with the reasons of both, while nothing can be reached', async () => {
  const both = await start('both', {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    PORT_API_BASE_URL: 'http://127.0.0.1:1',
  });
  await untilUnready(both, 'temporal', /can't be reached.*TEMPORAL_ADDRESS/);
  const parts = async () => (await both.ready()).body.reasons.map(({ part }) => part).sort();
  await until('both have told all', async () => (await parts()).length === 4);
  expect(await parts()).toEqual(['port', 'temporal', 'temporal', 'worker']);
  await both.child.stop();
});

test('an ingester with the wrong client secret holds everything, and says what to correct', async () => {
  for (let run = 0; run < 3; run++) await house.carryOut('async');
  const wrong = await start('ingest', {
    PORT_CLIENT_SECRET: 'not-the-secret',
    KAFKA_CONSUMER_GROUP_ID: `${house.orgId}.other`,
    USING_LOCAL_PORT_INSTANCE: 'true',
    KAFKA_CONSUMER_BOOTSTRAP_SERVERS: house.kafka.plaintextBrokers.join(','),
    KAFKA_CONSUMER_SECURITY_PROTOCOL: 'PLAINTEXT',
    KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: 'none',
  });
  await untilUnready(wrong, 'ingest', /PORT_CLIENT_SECRET .* correct it and restart/);
  await wrong.child.stop();
});

test('a port that is taken ends the start, with the name of the variable', async () => {
  const HEALTH_PORT = /127\.0\.0\.1:(\d+)/.exec(house.port.url)?.[1] ?? '';
  const late = await house.agent('worker', { HEALTH_PORT }, { waitUntilReady: false });
  expect(await late.exited).toMatchObject({ code: 1 });
  expect(late.lines(10).join('\n')).toContain('HEALTH_PORT names a port that another process has');
  expect(late.lines(10).join('\n')).not.toMatch(/^ +at /m);
});

test('a stop is told while the call under way is finished', async () => {
  const letGo = house.hold();
  const runId = await house.port.trigger('held');
  await until('the target is called', () => house.service.calls(runId).length === 1);
  const stopped = worker.child.stop(GRACE_MS);
  await untilUnready(worker, 'process', /shutting down/);
  letGo();
  expect(await stopped).toMatchObject({ code: 0 });
  // Its answer is kept: the next worker reports it.
  worker = await start('worker');
  await house.closed(runId);
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
  expect(house.service.calls(runId)).toHaveLength(1);
});

// The last one: from now on, Port hands runs out for polling.
test('polls that fail for too long are told in health and log, and tried on', async () => {
  house.port.inject({ kind: 'respond', path: /claim-pending$/, response: { status: 503 } });
  const poller = await start('ingest', {
    STREAMER_NAME: 'POLLING',
    POLLING_INTERVAL_SECONDS: '0.2',
    POLLING_INITIAL_BACKOFF_SECONDS: '0.2',
    POLLING_MAX_BACKOFF_SECONDS: '0.5',
    POLLING_MAX_FAILURE_DURATION_SECONDS: '1',
  });
  await untilUnready(poller, 'polling', /longer than POLLING_MAX_FAILURE_DURATION_SECONDS/);
  await until('it is logged', () =>
    poller.child.lines(100).some((line) => line.includes('longer than POLLING_MAX_FAILURE_DURATION_SECONDS')),
  );
  expect(poller.child.isRunning()).toBe(true);
  house.port.clearFaults();
  await until('it is ready', () => isReady(poller));
  expect(await poller.child.stop(GRACE_MS)).toMatchObject({ code: 0 });
});
