import { startAgent } from '../../local/agent.js';
import type { Child } from '../../local/parts/child.js';
import { startPortSimulator } from '../../local/simulators/port.js';
import { type House, startHouse, until } from '../support/house.js';

/** Ample: whoever needs longer to stop is killed, and commits nothing. */
const GRACE_MS = 120_000;

let house: House;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house?.close());

const said = (child: Child) => child.lines(500).join('\n');
const now = { waitUntilReady: false };

test('a wrong configuration is told whole, at once, without a value, and nothing starts', async () => {
  const environment = {
    ...house.environment,
    PORT_CLIENT_SECRET: '',
    WEBHOOK_INVOKER_TIMEOUT: 'hunter2',
    STREAMER_NAME: 'carrier pigeon',
  };
  const child = await startAgent('both', { environment, ...now });
  expect(await child.exited).toMatchObject({ code: 1 });
  expect(said(child)).toContain('PORT_CLIENT_SECRET is missing');
  expect(said(child)).toContain('WEBHOOK_INVOKER_TIMEOUT is not a number');
  expect(said(child)).toContain('STREAMER_NAME is not one of');
  expect(said(child)).not.toMatch(/hunter2|pigeon/);
});

test('credentials that Port refuses end the ingester with advice', async () => {
  const child = await house.agent('ingest', { PORT_CLIENT_SECRET: 'not-the-secret-not-the-secret-not' }, now);
  expect(await child.exited).toMatchObject({ code: 1 });
  expect(said(child)).toContain('Port answered 401');
  expect(said(child)).toContain('Check PORT_CLIENT_ID and PORT_CLIENT_SECRET');
  expect(said(child)).not.toContain('not-the-secret');
});

test('an organization without Kafka is told of polling', async () => {
  const port = await startPortSimulator({
    orgId: 'o',
    clientId: 'demo-client',
    clientSecret: house.environment['PORT_CLIENT_SECRET'] ?? '',
  });
  const child = await house.agent('ingest', { PORT_API_BASE_URL: port.url }, now);
  expect(await child.exited).toMatchObject({ code: 1 });
  expect(said(child)).toMatch(/no Kafka credentials.*STREAMER_NAME=POLLING.*support/);
  await port.close();
});

test('Temporal out of reach is logged with its address; the worker waits, and stops when told', async () => {
  const child = await house.agent('worker', { TEMPORAL_ADDRESS: '127.0.0.1:1' }, now);
  await until('it says so', () => said(child).includes("Temporal at 127.0.0.1:1 can't be reached"));
  expect(said(child)).toContain('Check TEMPORAL_ADDRESS');
  expect(await child.stop(GRACE_MS)).toMatchObject({ code: 0 });
});

test('a Kafka password that is refused is logged, and the right one is picked up without a restart', async () => {
  await house.kafka.setPassword(house.kafka.username, 'another-password');
  const child = await house.agent('ingest', {}, now);
  await until('it says so', () => said(child).includes('Kafka refuses the user name and password'));
  expect(said(child)).not.toContain(house.kafka.password);
  await house.kafka.setPassword(house.kafka.username, house.kafka.password);
  await until('it consumes', () => said(child).includes('"ingester ready"'));
  await child.stop(GRACE_MS);
});

test('a client secret of another organization holds everything after three messages, and loses nothing', async () => {
  const ours = house.environment['PORT_CLIENT_SECRET'];
  const port = await startPortSimulator({
    orgId: house.orgId,
    clientId: 'demo-client',
    clientSecret: 'the-secret-of-another-organization-x',
    kafka: { brokers: house.kafka.brokers, username: house.kafka.username, password: house.kafka.password },
  });
  const other = { PORT_CLIENT_SECRET: 'the-secret-of-another-organization-x', PORT_API_BASE_URL: port.url };
  const wrong = await house.agent('ingest', other);
  const runIds = await Promise.all(Array.from({ length: 12 }, () => house.port.trigger('async')));
  await until('it holds', () =>
    said(wrong).includes('PORT_CLIENT_SECRET does not belong to this organization'),
  );
  await wrong.stop(GRACE_MS);
  const rejected = said(wrong)
    .split('\n')
    .filter((line) => line.includes('"rejected"')).length;
  expect(rejected).toBe(2);

  const [right, worker] = await Promise.all([
    house.agent('ingest', { PORT_CLIENT_SECRET: ours ?? '' }),
    house.agent('worker'),
  ]);
  await until(
    'the rest is carried out',
    () => runIds.filter((id) => house.service.calls(id).length === 1).length === runIds.length - rejected,
  );
  await Promise.all([right.stop(), worker.stop(), port.close()]);
});
