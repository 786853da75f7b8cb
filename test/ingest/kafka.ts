/** A real Kafka for one test file, and sources on topics and groups of their own. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs';
import { pino } from 'pino';
import { KafkaSource, type KafkaSourceOptions } from '../../ingest/kafka-source.js';
import type { BatchHandler } from '../../ingest/record-source.js';
import { type RunningKafka, startKafka } from '../../local/parts/kafka.js';
import { Health } from '../../telemetry/health.js';
import { until as untilWithin } from '../support/house.js';

export interface Source {
  topic: string;
  groupId: string;
  log: () => string;
  health: Health;
  source: KafkaSource;
  run(handle: BatchHandler): void;
}

export interface KafkaUnderTest {
  broker: RunningKafka;
  client: Kafka;
  admin: Admin;
  producer: Producer;
  /** The plain listener: SASL and TLS are the acceptance suite's. */
  createSource(
    changes?: Partial<KafkaSourceOptions['settings']>,
    more?: Partial<KafkaSourceOptions>,
  ): Promise<Source>;
  publish(topic: string, values: string[], partition?: number): Promise<unknown>;
  committed(groupId: string, topic: string, partition?: number): Promise<string | undefined>;
}

/** Starts it before the file's tests and stops it after them. */
export function useKafka(): KafkaUnderTest {
  const used = {} as KafkaUnderTest;
  const stops: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    used.broker = await startKafka({ username: 'org', password: 'secret', topics: [] });
    used.client = new Kafka({ brokers: used.broker.plaintextBrokers, logLevel: logLevel.NOTHING });
    used.producer = used.client.producer();
    used.admin = used.client.admin();
    await Promise.all([used.producer.connect(), used.admin.connect()]);
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  });
  afterAll(async () => {
    await Promise.all([used.producer.disconnect(), used.admin.disconnect()]);
    await used.broker.stop();
  });

  used.createSource = async (changes = {}, more = {}) => {
    const name = randomBytes(6).toString('hex');
    const topic = changes.runsTopic ?? `t.${name}`;
    if (!changes.runsTopic) await used.broker.createTopics([{ name: topic, partitions: 1 }]);
    const logFile = join(tmpdir(), `kafka-source-${name}.log`);
    writeFileSync(logFile, '');
    const { health = new Health() } = more;
    const groupId = changes.groupId ?? `g.${name}`;
    const source = new KafkaSource({
      settings: {
        groupId,
        securityProtocol: 'plaintext',
        mechanism: 'none',
        sessionTimeoutMs: 6000,
        startFrom: 'earliest',
        runsTopic: topic,
        changeLogTopic: `${topic}.changes`,
        ...changes,
      },
      access: async () => ({ brokers: used.broker.plaintextBrokers, tls: createSecureContext() }),
      logger: pino({ level: 'debug' }, pino.destination({ dest: logFile, sync: true })),
      health,
      ...more,
    });
    stops.push(() => source.stop());
    const log = () => readFileSync(logFile, 'utf8');
    return { topic, groupId, log, health, source, run: (handle) => void source.run(handle) };
  };
  used.publish = (topic, values, partition) =>
    used.producer.send({
      topic,
      messages: values.map((value) => ({ value, ...(partition !== undefined && { partition }) })),
    });
  used.committed = async (groupId, topic, partition = 0) => {
    // A broker that has just started answers that its coordinator is loading.
    const [found] = await used.admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => []);
    return found?.partitions.find((each) => each.partition === partition)?.offset;
  };
  return used;
}

export const textOf = (value: Uint8Array | null) => Buffer.from(value ?? []).toString();

/** Accepts everything, and keeps it. */
export function collecting(into: string[]): BatchHandler {
  return async (batch, { onAccepted }) => {
    for (const record of batch.records) {
      into.push(textOf(record.value));
      onAccepted(record.offset);
    }
    return {};
  };
}

/** Patient: on a busy machine a broker stalls for many seconds, and waiting costs nothing where all is well. */
export const until: typeof untilWithin = (what, isTrue, timeoutMs = 90_000) =>
  untilWithin(what, isTrue, timeoutMs);
