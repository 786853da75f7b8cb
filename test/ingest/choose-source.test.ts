import { pino } from 'pino';
import { loadConfig } from '../../config/config.js';
import { createOutbound } from '../../http/outbound.js';
import { createSource } from '../../ingest/choose-source.js';
import { KafkaSource } from '../../ingest/kafka-source.js';
import { PollingSource } from '../../ingest/polling-source.js';
import type { PortSimulatorOptions } from '../../local/simulators/port.js';
import { PortClient } from '../../port/client.js';
import { Health } from '../../telemetry/health.js';
import { REQUIRED } from '../config/required.js';
import { CLIENT_SECRET, startPort } from '../local/simulators/port-fixtures.js';
import { until } from '../support/house.js';
import { testNetwork } from '../support/network.js';

const KAFKA = { brokers: ['kafka:9196'], username: 'org', password: 'secret' };
const network = testNetwork();
const outbound = createOutbound({
  network,
  verifyTls: true,
  keepAlive: true,
  followRedirects: false,
  userAgent: 'test',
});
const stop = new AbortController();
afterAll(() => {
  stop.abort();
  return outbound.close();
});

async function setup(streamer: string, options: Partial<PortSimulatorOptions> = {}) {
  const { port } = await startPort({ now: Date.now, ...options }, { kafka: false });
  const log: string[] = [];
  const client = new PortClient(
    { apiUrl: port.url, clientId: 'client', clientSecret: CLIENT_SECRET },
    outbound,
  );
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const config = loadConfig({ ...REQUIRED, STREAMER_NAME: streamer });
  return {
    port,
    log,
    create: (signal = stop.signal) => createSource(config, client, network, logger, signal, new Health()),
  };
}

test.each([
  ['POLLING', PollingSource],
  ['KAFKA', KafkaSource],
])('%s is the source, and Port is told so', async (streamer, Source) => {
  const { port, create } = await setup(streamer, { kafka: KAFKA });
  expect(await create()).toBeInstanceOf(Source);
  await until('Port is told', () => port.settings.portAgentStreamerName === streamer);
});

test('Port that will not be told is a warning, and no reason not to start', async () => {
  const { port, create, log } = await setup('POLLING');
  port.inject({ kind: 'respond', path: /organization$/, response: { status: 403 } });
  expect(await create()).toBeInstanceOf(PollingSource);
  await until('it is logged', () => log.length > 0);
  expect(JSON.parse(log[0] ?? '')).toMatchObject({ level: 40, source: 'POLLING' });
  expect(log[0]).toContain('Port could not be told that runs come by POLLING');
});

test('polling needs no Kafka; Kafka without it is told of polling', async () => {
  expect(await (await setup('POLLING')).create()).toBeInstanceOf(PollingSource);
  await expect((await setup('KAFKA')).create()).rejects.toThrow('Set STREAMER_NAME=POLLING');
});

test('a stop does not wait for a Port that is silent', async () => {
  const { port, create } = await setup('KAFKA', { kafka: KAFKA });
  let answer = () => {};
  const silence = new Promise<void>((resolve) => {
    answer = resolve;
  });
  port.inject({ kind: 'holdBefore', until: silence, path: /kafka-credentials/ });
  const stopping = new AbortController();
  const created = create(stopping.signal);
  const asked = () => port.journal.find(({ path }) => path.includes('kafka-credentials'));
  await until('Port is asked', () => asked() !== undefined);
  const startedAt = Date.now();
  stopping.abort();
  await expect(created).rejects.toMatchObject({ name: 'AbortError' });
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  answer();
  await until('Port has answered', () => asked()?.status !== undefined);
});
