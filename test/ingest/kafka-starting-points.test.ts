import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { Position } from '../../ingest/kafka-positions.js';
import { pin, startingPoints } from '../../ingest/kafka-starting-points.js';
import { collecting, until, useKafka } from './kafka.js';

jest.setTimeout(180_000);

const kafka = useKafka();
const { createSource, publish, committed } = kafka;

describe('a group', () => {
  const at = (partition: number, high: number, committed?: number, low = 0): Position => ({
    ...{ topic: 't', partition, low: BigInt(low), high: BigInt(high) },
    ...(committed !== undefined && { committed: BigInt(committed) }),
  });
  const rows: [string, 'earliest' | 'latest', Position[], string[], RegExp | undefined][] = [
    ['without any position, latest', 'latest', [at(0, 5), at(1, 0)], ['0 at 5', '1 at 0'], /at the end/],
    ['without any position, earliest', 'earliest', [at(0, 5), at(1, 0)], [], /the oldest record/],
    ['with some, latest', 'latest', [at(0, 5, 3), at(1, 7)], [], /new to the consumer group/],
    ['with some, earliest', 'earliest', [at(0, 5, 3), at(1, 7)], [], /new to the consumer group/],
    ['with all', 'latest', [at(0, 5, 3), at(1, 7, 7)], [], undefined],
    ['that missed some', 'latest', [at(0, 5, 1, 3)], [], /Kafka deleted 2 records before/],
  ];
  test.each(rows)('%s', (_, startFrom, positions, expected, told) => {
    const log: string[] = [];
    const logger = pino({}, { write: (line: string) => void log.push(line) });
    const points = startingPoints(positions, { groupId: 'g', startFrom }, logger);
    expect(points.map(({ partition, offset }) => `${partition} at ${offset}`)).toEqual(expected);
    if (told) expect(log.join()).toMatch(told);
    else expect(log).toEqual([]);
  });
});

test('a group without a position says where it starts', async () => {
  const { run, topic, groupId, log } = await createSource();
  run(collecting([]));
  await until('it is told', () => log().includes('starts with the oldest record there is'));
  expect(log()).toContain(`"groupId":"${groupId}"`);
  expect(log()).toContain(`"${topic}/0"`);
});

describe('"latest"', () => {
  test('starts at the end, and a restart before the first message skips nothing', async () => {
    const first = await createSource({ startFrom: 'latest' });
    await publish(first.topic, ['before']);
    const none: string[] = [];
    first.run(collecting(none));
    await until('the start is committed', async () => (await committed(first.groupId, first.topic)) === '1');
    await first.source.stop();
    expect(none).toEqual([]);
    await publish(first.topic, ['in between']);
    const next = await createSource({ startFrom: 'latest', groupId: first.groupId, runsTopic: first.topic });
    const seen: string[] = [];
    next.run(collecting(seen));
    await until('it consumes', () => seen.length > 0);
    expect(seen).toEqual(['in between']);
  });

  test('reads a partition that is added later from its start', async () => {
    const first = await createSource({ startFrom: 'latest' });
    const { topic, groupId } = first;
    first.run(collecting([]));
    await until('the start is committed', async () => (await committed(groupId, topic)) === '0');
    await first.source.stop();
    await kafka.clients.admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    // A producer that knows of the partition.
    const producer = kafka.clients.kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'in the new one', partition: 1 }] });
    await producer.disconnect();
    const next = await createSource({ startFrom: 'latest', groupId, runsTopic: topic });
    const seen: string[] = [];
    next.run(collecting(seen));
    await until('the partition is known', async () => (await committed(groupId, topic, 1)) === '1');
    expect(seen).toEqual(['in the new one']);
  });

  test('skips nothing when all that was left to read is gone, and it restarts before there is more', async () => {
    const first = await createSource({ startFrom: 'latest' });
    const { topic, groupId } = first;
    const seen: string[] = [];
    first.run(collecting(seen));
    await until('the start is committed', async () => (await committed(groupId, topic)) === '0');
    await first.source.stop();
    await publish(topic, ['lost', 'lost']);
    await kafka.clients.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    const second = await createSource({ startFrom: 'latest', groupId, runsTopic: topic });
    second.run(collecting(seen));
    await until('the position is set back', async () => (await committed(groupId, topic)) === '-2');
    await second.source.stop();
    await publish(topic, ['kept']);
    const third = await createSource({ startFrom: 'latest', groupId, runsTopic: topic });
    third.run(collecting(seen));
    await until('it is read', async () => (await committed(groupId, topic)) === '3');
    expect(seen).toEqual(['kept']);
  });
});

test('what is committed at the start is the own partitions, unless another member was faster', async () => {
  const [topic, groupId] = [`t.${randomBytes(6).toString('hex')}`, `g.${randomBytes(6).toString('hex')}`];
  await kafka.broker.createTopics([{ name: topic, partitions: 3 }]);
  for (const partition of [0, 1, 2]) await publish(topic, ['0', '1', '2', '3'], partition);
  const consumer = kafka.clients.kafka.consumer({ groupId });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen: string[] = [];
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, isStale }) => {
        await opened;
        if (!isStale()) seen.push(...batch.messages.map(({ offset }) => `${batch.partition} at ${offset}`));
      },
    });
    const points = [0, 1, 2].map((partition) => ({ topic, partition, offset: 3n }));
    const taken = { topic, partition: 1, committed: 2n, low: 0n, high: 4n };
    await pin(consumer, points, { [topic]: [0, 1] }, async () => [taken]);
    open();
    await until('all is read', () => seen.length === 1 + 2 + 4);
    expect([...seen].sort()).toEqual([
      ...['0 at 3', '1 at 2', '1 at 3'],
      ...['2 at 0', '2 at 1', '2 at 2', '2 at 3'],
    ]);
    const offsets = await Promise.all([0, 1, 2].map((partition) => committed(groupId, topic, partition)));
    expect(offsets).toEqual(['3', '-1', '-1']);
  } finally {
    await consumer.disconnect();
  }
});

test('a topic of the change log that comes later is read, from its start and without a failure', async () => {
  const { run, topic, groupId, log } = await createSource({ startFrom: 'latest' }, { lookEveryMs: 250 });
  const seen: string[] = [];
  run(collecting(seen));
  await until('it runs', async () => (await committed(groupId, topic)) === '0');
  await kafka.broker.createTopics([{ name: `${topic}.changes`, partitions: 1 }]);
  await publish(`${topic}.changes`, ['a change']);
  await until('it is read', async () => (await committed(groupId, `${topic}.changes`)) === '1');
  expect(seen).toEqual(['a change']);
  expect(log()).toContain('there are other topics to read');
  expect(log()).not.toContain('failed');
});
