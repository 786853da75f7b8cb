/** Processes that are replaced while runs come in, by signals and by versions. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Role } from '../../local/agent.js';
import { type Child, runCommand } from '../../local/parts/child.js';
import { findTemporal } from '../../local/parts/temporal.js';
import { addActions } from '../../local/stack.js';
import { type House, startHouse, until } from '../support/house.js';

const RUNS = 150;
const EVERY_MS = 150;
/** Ample, so that a busy machine is not taken for a target that hangs. */
const CALL_SECONDS = 60;
/** As the chart gives a worker. */
const GRACE_MS = (CALL_SECONDS + 30) * 1000;

let house: House;
beforeAll(async () => {
  house = await startHouse({ WEBHOOK_INVOKER_TIMEOUT: String(CALL_SECONDS) });
  const [action] = ['slow'].map((name) => house.port.actions.get(name));
  for (const [identifier, path] of Object.entries({
    brief: '/slow/300',
    held: '/ok/held',
    limited: '/ok/limited',
  })) {
    const invocationMethod = { ...action?.invocationMethod, url: `${house.service.url}${path}` };
    addActions(house.port, [{ ...action, identifier, invocationMethod } as never]);
  }
});
afterAll(() => house?.close());

/** The new process first, then the end of an old one, in good order. */
async function replace(role: Role, old: Child): Promise<Child> {
  const next = await house.agent(role);
  expect(await old.stop(GRACE_MS)).toEqual({ code: 0, signal: null });
  return next;
}

/** Publishes runs at a steady pace for as long as `isWanted`, and 150 of them; when each was published, by its id. */
async function publishSteadily(isWanted: () => boolean): Promise<Map<string, number>> {
  const published = new Map<string, number>();
  const start = Date.now();
  for (let count = 0; count < RUNS || isWanted(); count++) {
    await delay(Math.max(0, start + count * EVERY_MS - Date.now()));
    const at = Date.now();
    published.set(await house.port.trigger(count % 2 === 0 ? 'brief' : 'sync'), at);
  }
  return published;
}

test('a worker and an ingester are replaced under load: each run is called once and reported once', async () => {
  const [worker, ingester, ...others] = await Promise.all([
    house.agent('worker'),
    house.agent('ingest'),
    house.agent('worker'),
    house.agent('ingest'),
  ]);
  let isReplaced = false;
  const publishing = publishSteadily(() => !isReplaced);
  const replaced = await Promise.all([replace('worker', worker), replace('ingest', ingester)]).finally(() => {
    isReplaced = true;
  });
  const published = await publishing;
  const open = () => [...published.keys()].filter((runId) => house.port.run(runId).status === 'IN_PROGRESS');
  await until('every run has ended', () => open().length === 0, 240_000).catch((error: Error) => {
    throw new Error(`${error.message}; open: ${open()}`);
  });

  const waits: number[] = [];
  for (const [runId, at] of published) {
    const calls = house.service.calls(runId);
    const { status, endedTimes, logs } = house.port.run(runId);
    expect({ runId, calls: calls.length, status, endedTimes, logs: logs.length }).toEqual({
      runId,
      calls: 1,
      status: 'SUCCESS',
      endedTimes: 1,
      logs: 1,
    });
    waits.push((calls[0]?.at ?? 0) - at);
  }
  waits.sort((one, other) => one - other);
  const share = (part: number) => waits[Math.ceil(part * waits.length) - 1];
  console.info(
    `${published.size} runs in a rolling update, published to called: p50 ${share(0.5)} ms, p99 ${share(0.99)} ms`,
  );
  await Promise.all([...others, ...replaced].map((child) => child.stop(GRACE_MS)));
}, 600_000);

test('a second signal ends a worker at once, in the middle of a call', async () => {
  const [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  const takeBack = house.service.inject({ kind: 'hang', path: /held$/ });
  const runId = await house.port.trigger('held');
  await until('the target is called', () => house.service.calls(runId).length === 1);
  worker.signal('SIGTERM');
  await until('it stops', () => worker.lines(100).some((line) => line.includes('stopping')));
  expect(worker.isRunning()).toBe(true);
  worker.signal('SIGTERM');
  expect(await worker.exited).toEqual({ code: 1, signal: null });
  takeBack();
  await ingester.stop(GRACE_MS);
});

test.each<Role>(['worker', 'ingest'])('a %s that is told to stop while it starts ends well', async (role) => {
  const temporalPort = Number(house.temporal.address.split(':')[1]);
  const wire = createServer((client) => {
    const server = connect(temporalPort, '127.0.0.1');
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.pipe(server).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(wire, 'listening');
  const { port } = wire.address() as AddressInfo;
  const connected = once(wire, 'connection');
  const environment = { TEMPORAL_ADDRESS: `127.0.0.1:${port}` };
  const child = await house.agent(role, environment, { waitUntilReady: false });
  await connected;
  child.signal('SIGTERM');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(child.lines(100).join('\n')).toContain('"msg":"stopped"');
  expect(child.lines(100).filter((line) => line.includes('"level":"fatal"'))).toEqual([]);
  wire.close();
});

describe('Worker Versioning', () => {
  const versioned = (build: string) => ({
    TEMPORAL_DEPLOYMENT_NAME: 'agent',
    TEMPORAL_WORKER_BUILD_ID: build,
  });

  /** As docs/operations.md tells operators to. Temporal knows a version once its worker has asked for work. */
  function makeCurrent(build: string): Promise<void> {
    return until(
      `build ${build} is current`,
      () =>
        setCurrent(build).then(
          () => true,
          () => false,
        ),
      120_000,
    );
  }

  async function setCurrent(build: string): Promise<void> {
    const { address, namespace } = house.temporal;
    await runCommand({
      name: 'temporal',
      command: (await findTemporal()).path,
      args: [
        ...['worker', 'deployment', 'set-current-version', '--yes'],
        ...['--deployment-name', 'agent', '--build-id', build],
        ...['--address', address, '--namespace', namespace],
      ],
    });
  }

  /** The build that worked on a run last. */
  async function buildOf(runId: string): Promise<string | null | undefined> {
    const { raw } = await house.client.workflow.getHandle(runId).describe();
    return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
  }

  test('runs go to the version that is current; those under way are finished by the next one', async () => {
    const ingester = await house.agent('ingest');
    const first = await house.agent('worker', versioned('1'));
    const early = await house.port.trigger('sync');
    await makeCurrent('1');
    await house.closed(early);
    expect(await buildOf(early)).toBe('1');

    let letGo = () => {};
    const answer = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    house.service.inject({ kind: 'holdBefore', path: /held$/, until: answer });
    const limit = { status: 429, headers: { 'retry-after': '1' } };
    const lift = house.service.inject({ kind: 'respond', path: /limited$/, response: limit });
    const [held, limited] = [await house.port.trigger('held'), await house.port.trigger('limited')];
    await until('both are called', () =>
      [held, limited].every((runId) => house.service.calls(runId).length > 0),
    );

    const second = await house.agent('worker', versioned('2'));
    await makeCurrent('2');
    const { runId: late } = await house.carryOut('sync');
    expect(await buildOf(late)).toBe('2');
    const stopped = first.stop(GRACE_MS);
    letGo();
    expect(await stopped).toEqual({ code: 0, signal: null });
    lift();
    for (const runId of [held, limited]) {
      await house.closed(runId);
      expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
      expect(await buildOf(runId)).toBe('2');
    }
    expect(house.service.calls(held)).toHaveLength(1);
    await Promise.all([ingester.stop(GRACE_MS), second.stop(GRACE_MS)]);
  }, 600_000);
});

// The last one: it leaves no Temporal behind.
test('worker and ingester stop in good order although Temporal is away', async () => {
  const children = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  house.temporal.child.signal('SIGKILL');
  await house.temporal.child.exited;
  const exits = await Promise.all(children.map((child) => child.stop(GRACE_MS)));
  expect(exits.map(({ code }) => code)).toEqual([0, 0]);
}, 240_000);
