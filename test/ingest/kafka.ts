/** One broker for one test file, and sources that read it over the listener without password and TLS. */
import { createSecureContext } from 'node:tls';
import type { KafkaSourceOptions } from '../../ingest/kafka-source.js';
import { type RunningKafka, startKafka } from '../../local/parts/kafka.js';
import { until as untilWithin } from '../support/house.js';
import {
  type Clients,
  createSource,
  openClients,
  type SourceUnderTest,
  stopSources,
  topicName,
} from '../support/kafka/source.js';

export { collecting, textOf } from '../support/kafka/source.js';

export interface Source extends Omit<SourceUnderTest, 'log'> {
  topic: string;
  log(): string;
}

export interface KafkaUnderTest {
  broker: RunningKafka;
  clients: Clients;
  /** On a new topic, unless `changes` names one. */
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
  beforeAll(async () => {
    used.broker = await startKafka({ username: 'org', password: 'secret', topics: [] });
    used.clients = await openClients(used.broker.plaintextBrokers);
  });
  afterEach(stopSources);
  afterAll(async () => {
    await used.clients?.close();
    await used.broker?.stop();
  });

  used.createSource = async (changes = {}, more = {}) => {
    const { runsTopic: topic = topicName() } = changes;
    if (!changes.runsTopic) await used.broker.createTopics([{ name: topic, partitions: 1 }]);
    const access = async () => ({ brokers: used.broker.plaintextBrokers, tls: createSecureContext() });
    const source = createSource(topic, access, changes, more);
    const log = () =>
      source
        .log()
        .map((line) => JSON.stringify(line))
        .join('\n');
    return { ...source, topic, log };
  };
  used.publish = (topic, values, partition = 0) => used.clients.publish(topic, partition, values);
  used.committed = async (groupId, topic, partition = 0) =>
    (await used.clients.committed(groupId, topic))[partition];
  return used;
}

/** Patient: on a busy machine a broker stalls for many seconds, and waiting costs nothing where all is well. */
export const until: typeof untilWithin = (what, isTrue, timeoutMs = 90_000) =>
  untilWithin(what, isTrue, timeoutMs);
