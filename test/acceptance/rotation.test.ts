/** Keys come and go while runs are under way: none is lost, called twice, or unreadable without need. */
import { randomBytes } from 'node:crypto';
import { Client } from '@temporalio/client';
import { readCodecKeys } from '../../config/codec-keys.js';
import type { Child } from '../../local/parts/child.js';
import { dataConverterOf } from '../../temporal/data-converter.js';
import { type House, startHouse, until } from '../support/house.js';
import { textOf } from '../support/leaks/written.js';

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const [K1, K2, K3] = [key('k1'), key('k2'), key('k3')];

let house: House;
const running: Record<string, { keys: string | undefined; child: Child }> = {};
beforeAll(async () => {
  // A target may take as long as a worker takes to start.
  const slow = { WEBHOOK_INVOKER_TIMEOUT: '150' };
  house = await startHouse({ CODEC_KEYS: `${K3},${K2},${K1}`, HEALTH_PORT: '0', ...slow });
  // The agents are given theirs one by one.
  delete house.environment['CODEC_KEYS'];
});
afterAll(() => house?.close());

/** Has worker and ingester replaced by ones with these keys, as a rolling update does: the new one first. */
async function rollTo(worker: string | undefined, ingester = worker): Promise<void> {
  await Promise.all([replace('worker', worker), replace('ingest', ingester)]);
}

async function replace(role: 'worker' | 'ingest', keys: string | undefined): Promise<void> {
  const before = running[role];
  if (before && before.keys === keys) return;
  const child = await house.agent(role, keys === undefined ? {} : { CODEC_KEYS: keys });
  running[role] = { keys, child };
  await before?.child.stop(60_000);
}

/** What somebody with these keys reads of a run's result. */
function readWith(keys: string, runId: string): Promise<unknown> {
  const read = readCodecKeys(keys);
  if ('problems' in read) throw new Error(read.problems.join());
  const { connection, options } = house.client;
  const dataConverter = dataConverterOf({ codecKeys: read.keys });
  const client = new Client({ connection, namespace: options.namespace, dataConverter });
  return client.workflow.getHandle(runId).result();
}

/** The ids of the keys that a run's history is encrypted with. */
async function keysOf(runId: string): Promise<string[]> {
  const history = textOf(await house.client.workflow.getHandle(runId).fetchHistory());
  return [...new Set([...history.matchAll(/^encryption-key-id\n(.*)$/gm)].map(([, id = '']) => id))].sort();
}

const start = (action: string): Promise<string> =>
  house.port.trigger(action, { properties: { service: 'billing' } });
const isEnded = (runId: string) =>
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
const calls = (runId: string): number => house.service.calls(runId).length;

test('a new key takes over without a pause: runs of the old one finish, and stay readable', async () => {
  await rollTo(K1);
  const old = await start('sync');
  await house.closed(old);
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  house.service.inject({ kind: 'holdBefore', path: /^\/ok$/, times: 1, until: answered });
  const underWay = await start('sync');
  await until('its target is called', () => calls(underWay) === 1);
  const from = house.logs.length;
  const rolled = rollTo(`${K1},${K2}`);
  await until(
    'the worker that made the call is to stop',
    () => house.logs.slice(from).some(({ whom, line }) => whom === 'worker' && line.includes('"stopping: ')),
    90_000,
  );
  answer();
  await rolled;
  await rollTo(`${K2},${K1}`);
  const young = await start('sync');
  for (const runId of [underWay, young]) await house.closed(runId);

  for (const runId of [old, underWay, young]) {
    expect(calls(runId)).toBe(1);
    isEnded(runId);
    expect(await readWith(`${K2},${K1}`, runId)).toMatchObject({ status: 'SUCCESS' });
  }
  expect(await keysOf(old)).toEqual(['k1']);
  expect(await keysOf(young)).toEqual(['k2']);
});

test('without the old key its histories say so, and new runs are carried out', async () => {
  const old = await start('sync');
  await house.closed(old);
  await rollTo(K3, K3);
  const young = await start('sync');
  await house.closed(young);
  isEnded(young);
  expect(await readWith(K3, young)).toMatchObject({ status: 'SUCCESS' });
  await expect(readWith(K3, old)).rejects.toThrow('key "k2" not loaded: add it to CODEC_KEYS');
});

test.each([
  ['has no key at all', undefined, 'key "k3" not loaded'],
  ['lacks the key', K1, 'key "k3" not loaded'],
  ['has another key under its id', key('k3'), 'key "k3" does not open this payload'],
])('a worker that %s stays up, says so, and leaves the run to one that has it', async (_, keys, why) => {
  const from = house.logs.length;
  await rollTo(keys, K3);
  const runId = await start('sync');
  const said = () =>
    house.logs.slice(from).filter(({ line }) => line.includes(JSON.stringify(why).slice(1, -1)));
  await until('the worker says so', () => said().length > 0);
  expect(running['worker']?.child.isRunning()).toBe(true);
  const ports = house.logs
    .slice(from)
    .flatMap(({ whom, line }) => (whom === 'worker' && /"port":(\d+),/.exec(line)?.[1]) || []);
  const ready = await fetch(`http://127.0.0.1:${ports[0]}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('Check that CODEC_KEYS has every key that is in use');
  expect(calls(runId)).toBe(0);

  await rollTo(K3);
  await house.closed(runId);
  expect(calls(runId)).toBe(1);
  isEnded(runId);
});
