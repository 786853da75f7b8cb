/** Three brokers: one of them goes away, and one partition keeps its handler busy. */
import { createSecureContext } from 'node:tls';
import type { BatchHandler } from '../../ingest/record-source.js';
import { until } from '../support/house.js';
import { type KafkaCluster, startKafkaCluster } from '../support/kafka/cluster.js';
import {
  type Clients,
  collecting,
  createSource,
  numbered,
  openClients,
  stopSources,
  topicName,
} from '../support/kafka/source.js';

const LONG_MS = 120_000;
/** Where the group's coordinator is. */
const COORDINATOR = 2;

let cluster: KafkaCluster;
let clients: Clients;

beforeAll(async () => {
  cluster = await startKafkaCluster();
  clients = await openClients(cluster.brokers);
  await cluster.createTopic('__consumer_offsets', [[COORDINATOR, 3, 1]], { 'cleanup.policy': 'compact' });
}, 2 * LONG_MS);
afterEach(stopSources, LONG_MS);
afterAll(async () => {
  await clients?.close();
  await cluster?.stop();
}, LONG_MS);

const access = async () => ({ brokers: cluster.brokers, tls: createSecureContext() });

async function leaderOf(topic: string, partition: number): Promise<number | undefined> {
  const { topics } = await clients.admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader;
}

test.each([
  { what: 'the leader of a partition stops in order', broker: 3, signal: 'SIGTERM' },
  { what: 'the leader of a partition, and of the group, is killed', broker: COORDINATOR, signal: 'SIGKILL' },
] as const)(
  '$what: what is written meanwhile and afterwards is handed out, with no record lost',
  async ({ broker, signal }) => {
    const topic = topicName();
    await cluster.createTopic(topic, [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
    ]);
    const { run, groupId } = createSource(topic, access);
    const seen: string[] = [];
    const written: string[] = [];
    const write = async (when: string): Promise<void> => {
      for (const partition of [0, 1, 2]) {
        const values = numbered(`${when}-${partition}-`, 5);
        await clients.publish(topic, partition, values);
        written.push(...values);
      }
    };
    const untilRead = (what: string) => until(what, () => new Set(seen).size === written.length, LONG_MS);
    run(collecting(seen));
    await write('before');
    await untilRead('all is read before');

    await cluster.take(broker, signal);
    await write('meanwhile');
    await until('another one leads', async () => (await leaderOf(topic, broker - 1)) !== broker, LONG_MS);
    await untilRead('what was written meanwhile is read');
    await cluster.giveBack(broker);
    await write('afterwards');
    await untilRead('what was written afterwards is read');
    expect([...new Set(seen)].sort()).toEqual([...written].sort());
    await until(
      'all is committed',
      async () => {
        const offsets = Object.values(await clients.committed(groupId, topic));
        return offsets.length === 3 && offsets.every((offset) => offset === '15');
      },
      LONG_MS,
    );
  },
  4 * LONG_MS,
);

test(
  'a handler that takes its time keeps no other broker waiting, and a held partition nobody at all',
  async () => {
    const topic = topicName();
    // Partitions 0 and 3 are led by one broker.
    await cluster.createTopic(topic, [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
      [1, 3, 2],
    ]);
    const { run } = createSource(topic, access);
    const seen: string[] = [];
    const collect = collecting(seen);
    let finish = (): void => {};
    let mode: 'busy' | 'held' | 'free' = 'busy';
    let attempts = 0;
    const handle: BatchHandler = async (batch, context) => {
      if (batch.partition !== 0 || mode === 'free') return collect(batch, context);
      attempts++;
      if (mode === 'held') return { retryAfterMs: 500 };
      await new Promise<void>((resolve) => {
        finish = resolve;
        context.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return { retryAfterMs: 500 };
    };
    run(handle);
    await clients.publish(topic, 0, ['slow']);
    await until('the handler is busy', () => attempts > 0, LONG_MS);
    for (const partition of [1, 2]) await clients.publish(topic, partition, numbered(`${partition}-`, 3));
    await until('the other brokers are read', () => seen.length === 6, LONG_MS);

    mode = 'held';
    finish();
    await until('the partition is held', () => attempts > 1, LONG_MS);
    for (const partition of [1, 2, 3])
      await clients.publish(topic, partition, numbered(`held-${partition}-`, 3));
    await until('all other partitions are read', () => seen.length === 15, LONG_MS);
    expect(seen).not.toContain('slow');
    mode = 'free';
    await until('the held one is read', () => seen.includes('slow'), LONG_MS);
  },
  4 * LONG_MS,
);
