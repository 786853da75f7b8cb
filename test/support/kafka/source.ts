/** Kafka sources under test, the broker they read being a real one. */
import { randomBytes } from 'node:crypto';
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs';
import { pino } from 'pino';
import { KafkaSource, type KafkaSourceOptions } from '../../../ingest/kafka-source.js';
import type { BatchHandler, SourceRecord } from '../../../ingest/record-source.js';
import { Health } from '../../../telemetry/health.js';

export interface Clients {
  kafka: Kafka;
  admin: Admin;
  producer: Producer;
  /** Writes one record a value. */
  publish(topic: string, partition: number, values: string[]): Promise<void>;
  /** What the group has committed for each partition; empty while its coordinator is away. */
  committed(groupId: string, topic: string): Promise<Record<number, string>>;
  close(): Promise<void>;
}

/** Clients of listeners without authentication. */
export async function openClients(brokers: string[]): Promise<Clients> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 20 } });
  // A broker that comes back must not lose what is written to it meanwhile.
  const producer: Producer = kafka.producer();
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  return {
    ...{ kafka, admin, producer },
    async publish(topic, partition, values) {
      await producer.send({ topic, acks: -1, messages: values.map((value) => ({ partition, value })) });
    },
    async committed(groupId, topic) {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => []);
      return Object.fromEntries(
        (found?.partitions ?? []).map(({ partition, offset }) => [partition, offset]),
      );
    },
    async close() {
      await Promise.all([producer.disconnect(), admin.disconnect()]);
    },
  };
}

export interface SourceUnderTest {
  groupId: string;
  health: Health;
  source: KafkaSource;
  /** What it has logged, line by line. */
  log(): Record<string, unknown>[];
  /** The messages alone. */
  said(): string[];
  run(handle: BatchHandler): void;
}

const running: KafkaSource[] = [];

/** A source on a group of its own, with a session of 6 s. */
export function createSource(
  topic: string,
  access: KafkaSourceOptions['access'],
  settings: Partial<KafkaSourceOptions['settings']> = {},
  more: Partial<KafkaSourceOptions> = {},
): SourceUnderTest {
  const log: Record<string, unknown>[] = [];
  const { health = new Health() } = more;
  const { groupId = `g.${randomBytes(6).toString('hex')}` } = settings;
  const source = new KafkaSource({
    settings: {
      groupId,
      securityProtocol: 'plaintext',
      mechanism: 'none',
      sessionTimeoutMs: 6000,
      startFrom: 'earliest',
      runsTopic: topic,
      changeLogTopic: `${topic}.changes`,
      ...settings,
    },
    access,
    logger: pino({ level: 'debug' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
    health,
    ...more,
  });
  running.push(source);
  return {
    ...{ groupId, health, source },
    log: () => log,
    said: () => log.map(({ msg }) => String(msg)),
    run: (handle) => void source.run(handle),
  };
}

/** After each test. */
export async function stopSources(): Promise<void> {
  await Promise.all(running.splice(0).map((source) => source.stop()));
}

export const textOf = ({ value }: Pick<SourceRecord, 'value'>): string => Buffer.from(value ?? []).toString();

/** Accepts everything, and keeps it. */
export function collecting(into: string[]): BatchHandler {
  return async (batch, { onAccepted }) => {
    for (const record of batch.records) {
      into.push(textOf(record));
      onAccepted(record.offset);
    }
    return {};
  };
}

/** A new topic's name. */
export const topicName = (): string => `t.${randomBytes(6).toString('hex')}`;

/** `a0`, `a1` … */
export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
