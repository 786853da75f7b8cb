import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { Kafka, logLevel } from 'kafkajs';
import type { Child } from '../../../local/parts/child.js';
import { type RunningKafka, startKafka } from '../../../local/parts/kafka.js';
import { isListening } from '../../../local/parts/ports.js';
import { type RunningTemporal, startTemporal } from '../../../local/parts/temporal.js';

// The first run on a machine fetches the parts.
const FETCH_MS = 600_000;

function isAlive(child: Child): boolean {
  try {
    return process.kill(child.pid, 0);
  } catch {
    return false;
  }
}

function client(kafka: RunningKafka, password = kafka.password): Kafka {
  return new Kafka({
    brokers: kafka.brokers,
    ssl: { ca: [kafka.caPem] },
    sasl: { mechanism: 'scram-sha-512', username: kafka.username, password },
    logLevel: logLevel.NOTHING,
  });
}

/** Whether the broker lets in a client with this password; throws on anything but a refusal. */
async function letsIn(kafka: RunningKafka, password: string): Promise<boolean> {
  const admin = client(kafka, password).admin();
  try {
    await admin.connect();
    return true;
  } catch (error) {
    if ((error as Error).name === 'KafkaJSSASLAuthenticationError') return false;
    throw error;
  } finally {
    await admin.disconnect();
  }
}

async function produce(kafka: RunningKafka, topic: string, value: string): Promise<void> {
  const producer = client(kafka).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
}

/** Reads a topic from its beginning until it has `count` messages. */
async function consume(kafka: RunningKafka, topic: string, count: number): Promise<string[]> {
  const consumer = client(kafka).consumer({ groupId: randomUUID() });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        async eachMessage({ message }) {
          values.push(String(message.value));
          if (values.length === count) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return values;
}

describe('Kafka', () => {
  let kafka: RunningKafka;
  let dataDir: string;
  const topic = `runs-${randomUUID()}`;
  const progress: string[] = [];
  const start = (options: Partial<Parameters<typeof startKafka>[0]> = {}): Promise<RunningKafka> =>
    startKafka({
      username: 'org',
      password: 'secret',
      topics: [{ name: topic, partitions: 2 }],
      dataDir,
      progress: (line) => progress.push(line),
      ...options,
    });
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'real-parts-'));
    kafka = await start();
  }, FETCH_MS);
  afterAll(async () => {
    await kafka?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('says where it comes from', () => {
    expect(progress).toContainEqual(expect.stringMatching(/^Java \d+\S* \(\S+\)$/));
    expect(progress).toContainEqual(`Kafka 4.1.0 (${kafka.source})`);
  });

  it('carries messages over SASL_SSL, into the topics asked for', async () => {
    await produce(kafka, topic, 'run-1');
    expect(await consume(kafka, topic, 1)).toEqual(['run-1']);
    await kafka.createTopics([
      { name: topic, partitions: 2 },
      { name: `${topic}-later`, partitions: 3 },
    ]);
    const admin = new Kafka({ brokers: kafka.plaintextBrokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic, `${topic}-later`] });
    await admin.disconnect();
    expect(topics.map(({ partitions }) => partitions.length).sort()).toEqual([2, 3]);
  });

  it('refuses a wrong password, and the old one once it was changed', async () => {
    expect(await letsIn(kafka, 'wrong')).toBe(false);
    await kafka.setPassword('org', 'rotated');
    expect(await letsIn(kafka, 'rotated')).toBe(true);
    expect(await letsIn(kafka, 'secret')).toBe(false);
    await kafka.setPassword('org', 'secret');
    expect(await letsIn(kafka, 'secret')).toBe(true);
  });

  it('keeps ports, certificate and messages over a crash', async () => {
    kafka.child.signal('SIGKILL');
    await kafka.child.exited;
    const { ports, caPem } = kafka;
    kafka = await start({ ports });
    expect({ ports: kafka.ports, caPem: kafka.caPem }).toEqual({ ports, caPem });
    await produce(kafka, topic, 'run-2');
    expect((await consume(kafka, topic, 2)).sort()).toEqual(['run-1', 'run-2']);
  });

  it('leaves no process behind, and says so when its port is taken', async () => {
    await kafka.stop();
    expect(isAlive(kafka.child)).toBe(false);
    expect(await isListening(kafka.ports.saslSsl)).toBe(false);

    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(start({ ports: { saslSsl: port } })).rejects.toThrow(
      `Kafka (saslSsl) cannot have port ${port}`,
    );
    other.close();
  });
});

describe('Temporal', () => {
  let temporal: RunningTemporal;
  const namespace = `ns-${randomUUID()}`;
  beforeAll(async () => {
    temporal = await startTemporal({ namespace, searchAttributes: { PortAction: 'Keyword' } });
  }, FETCH_MS);
  afterAll(() => temporal?.stop());

  it('has the namespace, which keeps closed workflows for a week, and the search attributes', async () => {
    const connection = await Connection.connect({ address: temporal.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 24 * 3600);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    expect(customAttributes).toHaveProperty('PortAction');
    await connection.close();
  });

  it('shows its UI', async () => {
    const response = await fetch(temporal.uiUrl);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('<html');
  });

  it('leaves no process behind', async () => {
    await temporal.stop();
    expect(isAlive(temporal.child)).toBe(false);
    expect(await isListening(Number(temporal.address.split(':')[1]))).toBe(false);
  });
});
