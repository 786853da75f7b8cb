/** What a group of consumers must keep to: a rebalance in the middle of batches, and a hold that lasts. */
import { createSecureContext } from 'node:tls';
import { type RunningKafka, startKafka } from '../../local/parts/kafka.js';
import { until } from '../support/house.js';
import {
  type Clients,
  collecting,
  createSource,
  numbered,
  openClients,
  type SourceUnderTest,
  stopSources,
  textOf,
  topicName,
} from '../support/kafka/source.js';

const LONG_MS = 90_000;
const SESSION_MS = 6000;

let broker: RunningKafka;
let clients: Clients;

beforeAll(async () => {
  broker = await startKafka({ username: 'org', password: 'secret', topics: [] });
  clients = await openClients(broker.plaintextBrokers);
}, 2 * LONG_MS);
afterEach(stopSources, LONG_MS);
afterAll(async () => {
  await clients?.close();
  await broker?.stop();
});

const access = async () => ({ brokers: broker.plaintextBrokers, tls: createSecureContext() });

/** The partitions that it got each time it joined, the latest last. */
const assignments = (member: SourceUnderTest, topic: string): number[][] =>
  member
    .log()
    .filter(({ msg }) => msg === 'ingester ready')
    .map(({ assignment }) => (assignment as Record<string, number[]>)[topic] ?? []);

test(
  'a member that joins in the middle of batches takes over where the commits stand, and nowhere else',
  async () => {
    const topic = topicName();
    const partitions = [0, 1, 2, 3];
    await broker.createTopics([{ name: topic, partitions: partitions.length }]);
    for (const partition of partitions)
      await clients.publish(topic, partition, numbered(`p${partition}-`, 5));
    const all = partitions.flatMap((partition) => numbered(`p${partition}-`, 5));

    const first = createSource(topic, access);
    const second = createSource(topic, access, { groupId: first.groupId });
    const aborted: number[] = [];
    const accepted: string[] = [];
    /** Where each partition's first batch begins after the rebalance. */
    const resumedAt = new Map<number, bigint>();
    const acceptAll = collecting(accepted);
    const resume: typeof acceptAll = (batch, context) => {
      if (!resumedAt.has(batch.partition)) resumedAt.set(batch.partition, batch.records[0]?.offset ?? -1n);
      return acceptAll(batch, context);
    };
    first.run(async (batch, context) => {
      if (assignments(first, topic).length > 1) return resume(batch, context);
      const [one, two, three] = batch.records;
      if (!one || !two || !three) throw new Error('the batch is too short');
      accepted.push(textOf(one), textOf(two));
      context.onAccepted(two.offset);
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }));
      aborted.push(batch.partition);
      // It was on its way to Temporal already: too late for a commit of this generation.
      context.onAccepted(three.offset);
      return {};
    });
    await until(
      'two records of each partition are committed',
      async () => {
        const committed = await clients.committed(first.groupId, topic);
        return partitions.every((partition) => committed[partition] === '2');
      },
      LONG_MS,
    );

    const failures = (): string[] =>
      [first, second].flatMap((member) => member.said().filter((line) => line.includes('is rebuilt')));
    // A fresh broker may have refused the first one at first.
    const before = failures();
    second.run(resume);
    await until('everything is accepted', () => new Set(accepted).size === all.length, LONG_MS);
    expect([...new Set(accepted)].sort()).toEqual(all);
    expect(aborted.sort()).toEqual(partitions);
    expect(Object.fromEntries(resumedAt)).toEqual({ 0: 2n, 1: 2n, 2: 2n, 3: 2n });
    const shares = [first, second].map((member) => assignments(member, topic).at(-1) ?? []);
    expect(shares.map(({ length }) => length)).toEqual([2, 2]);
    expect(shares.flat().sort()).toEqual(partitions);
    await until(
      'everything is committed',
      async () =>
        Object.values(await clients.committed(first.groupId, topic)).every((offset) => offset === '5'),
      LONG_MS,
    );
    expect(failures()).toEqual(before);
  },
  4 * LONG_MS,
);

test(
  'a partition that is held for several sessions keeps its membership, its heartbeat and its records',
  async () => {
    const topic = topicName();
    await broker.createTopics([{ name: topic, partitions: 1 }]);
    const records = numbered('run-', 3);
    await clients.publish(topic, 0, records);
    const { run, said, health, groupId } = createSource(topic, access, { sessionTimeoutMs: SESSION_MS });
    const holdMs = SESSION_MS / 3;
    const handedOut: string[][] = [];
    const accepted: string[] = [];
    let isTemporalBack = false;
    run(async (batch, context) => {
      handedOut.push(batch.records.map(textOf));
      return isTemporalBack ? collecting(accepted)(batch, context) : { retryAfterMs: holdMs };
    });
    await until('it is handed out', () => handedOut.length > 0, LONG_MS);

    const complaints = new Set<string>();
    await until(
      'it was held for more than three sessions',
      () => {
        for (const { reason } of health.readiness().reasons) complaints.add(reason);
        return handedOut.length > (3 * SESSION_MS) / holdMs;
      },
      2 * LONG_MS,
    );
    isTemporalBack = true;
    await until('it is accepted', () => accepted.length > 0, LONG_MS);
    expect(accepted).toEqual(records);
    expect(new Set(handedOut.map(String))).toEqual(new Set([String(records)]));
    expect([...complaints]).toEqual([]);
    expect(said().filter((line) => line === 'ingester ready')).toHaveLength(1);
    await until(
      'it is committed',
      async () => (await clients.committed(groupId, topic))[0] === String(records.length),
      LONG_MS,
    );
  },
  4 * LONG_MS,
);
