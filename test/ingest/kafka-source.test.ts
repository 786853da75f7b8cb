import { createSecureContext } from 'node:tls';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { Health } from '../../telemetry/health.js';
import { collecting, textOf, until, useKafka } from './kafka.js';

jest.setTimeout(180_000);

const kafka = useKafka();
const { createSource, publish, committed } = kafka;

test('what was accepted is committed, and a successor goes on behind it', async () => {
  const first = await createSource();
  const seen: string[] = [];
  await publish(first.topic, ['a', 'b', 'c']);
  first.run(collecting(seen));
  await until('all are accepted', () => seen.length === 3);
  await first.source.stop();
  expect(await committed(first.groupId, first.topic)).toBe('3');
  await publish(first.topic, ['d']);
  const next = await createSource({ groupId: first.groupId, runsTopic: first.topic });
  const more: string[] = [];
  next.run(collecting(more));
  await until('the rest is accepted', () => more.length > 0);
  expect(more).toEqual(['d']);
});

test('only the unbroken row of accepted records is committed; the rest comes again after the hold', async () => {
  const { run, topic, groupId } = await createSource();
  const batches: string[][] = [];
  await publish(topic, ['a', 'b', 'c', 'd']);
  run(async (batch, { onAccepted }) => {
    batches.push(batch.records.map((record) => textOf(record)));
    const upTo = batches.length === 1 ? 2 : batch.records.length;
    for (const record of batch.records.slice(0, upTo)) onAccepted(record.offset);
    return batches.length === 1 ? { retryAfterMs: 100 } : {};
  });
  await until('the rest came again', () => batches.length === 2);
  expect(batches).toEqual([
    ['a', 'b', 'c', 'd'],
    ['c', 'd'],
  ]);
  await until('the rest is committed', async () => (await committed(groupId, topic)) === '4');
});

test('a held partition keeps its membership', async () => {
  const { run, topic, log } = await createSource({ sessionTimeoutMs: 6000 });
  let attempts = 0;
  await publish(topic, ['a']);
  run(async (batch, { onAccepted }) => {
    if (++attempts < 4) return { retryAfterMs: 2500 };
    for (const record of batch.records) onAccepted(record.offset);
    return {};
  });
  await until('it was handed out again and again', () => attempts === 4);
  expect(log().match(/ingester ready/g)).toHaveLength(1);
});

test('a partition that is held again and again piles nothing up', async () => {
  const listeners = new Map<unknown, number>();
  const count = (signal: unknown, by: number) => listeners.set(signal, (listeners.get(signal) ?? 0) + by);
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  jest.spyOn(AbortSignal.prototype, 'addEventListener').mockImplementation(function (
    this: AbortSignal,
    ...args
  ) {
    count(this, 1);
    return addEventListener.apply(this, args as Parameters<typeof addEventListener>);
  });
  jest.spyOn(AbortSignal.prototype, 'removeEventListener').mockImplementation(function (
    this: AbortSignal,
    ...args
  ) {
    count(this, -1);
    return removeEventListener.apply(this, args as Parameters<typeof removeEventListener>);
  });
  try {
    const { run, topic } = await createSource();
    let attempts = 0;
    await publish(topic, ['a']);
    run(async () => {
      attempts++;
      return { retryAfterMs: 1 };
    });
    await until('it was held a dozen times', () => attempts === 12);
    expect(Math.max(...listeners.values())).toBeLessThan(5);
  } finally {
    jest.restoreAllMocks();
  }
});

test('a batch that takes longer than the session keeps its membership, and commits on the way', async () => {
  const sessionTimeoutMs = 5000;
  const { run, topic, groupId, log } = await createSource({ sessionTimeoutMs });
  let finish = () => {};
  let startedAt = Number.POSITIVE_INFINITY;
  await publish(topic, ['a', 'b']);
  run(async (batch, { onAccepted, signal }) => {
    startedAt = Math.min(startedAt, Date.now());
    onAccepted(batch.records[0]?.offset ?? 0n);
    await new Promise<void>((resolve) => {
      finish = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const record of batch.records) onAccepted(record.offset);
    return {};
  });
  await until('the first is committed', async () => (await committed(groupId, topic)) === '1');
  await until('the session would have ended', () => Date.now() - startedAt > 1.5 * sessionTimeoutMs);
  finish();
  await until('the second is committed', async () => (await committed(groupId, topic)) === '2');
  expect(log().match(/ingester ready/g)).toHaveLength(1);
});

test('a stop in the middle of a batch aborts the handler, and commits what it had accepted', async () => {
  const { run, topic, groupId, source } = await createSource();
  let started = false;
  await publish(topic, ['a', 'b']);
  run(async (batch, { onAccepted, signal }) => {
    onAccepted(batch.records[0]?.offset ?? 0n);
    started = true;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return {};
  });
  await until('the handler runs', () => started);
  await source.stop();
  expect(await committed(groupId, topic)).toBe('1');
});

test('a consumer that dies for good is rebuilt', async () => {
  const { run, topic, log } = await createSource();
  const seen: string[] = [];
  let broken = true;
  await publish(topic, ['a']);
  run((batch, context) => {
    if (broken) {
      broken = false;
      throw new TypeError('kafkajs deems this final');
    }
    return collecting(seen)(batch, context);
  });
  await until('it consumes again', () => seen.length === 1);
  expect(log()).toContain('the Kafka consumer failed and is rebuilt');
});

test('records that Kafka deleted unread are told, with their number', async () => {
  const first = await createSource();
  const seen: string[] = [];
  await publish(first.topic, ['a']);
  first.run(collecting(seen));
  await until('it is committed', async () => (await committed(first.groupId, first.topic)) === '1');
  await first.source.stop();
  await publish(first.topic, ['b', 'c', 'd']);
  await kafka.clients.admin.deleteTopicRecords({
    topic: first.topic,
    partitions: [{ partition: 0, offset: '3' }],
  });

  const next = await createSource({ groupId: first.groupId, runsTopic: first.topic });
  next.run(collecting(seen));
  await until('it goes on with what is left', () => seen.includes('d'));
  expect(seen).toEqual(['a', 'd']);
  expect(next.log()).toContain('Kafka deleted 2 records before they were read');
  expect(first.log()).not.toContain('deleted');
});

test('why a consumer could not join is told, not what comes of it', async () => {
  const { run, log } = await createSource({ sessionTimeoutMs: 900, startFrom: 'latest' });
  run(collecting([]));
  await until('it is told', () => log().includes('the Kafka consumer failed'));
  expect(log()).toMatch(/failed and is rebuilt: The session timeout is not within the range/);
});

test('records in a compression that can not be read are told as such, with the remedy', async () => {
  const { run, topic, log, health } = await createSource();
  const readable = CompressionCodecs[CompressionTypes.LZ4];
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => lz4Frame(buffer),
    decompress: async (buffer: Buffer) => buffer,
  });
  try {
    const messages = [{ value: 'a' }];
    await kafka.clients.producer.send({ topic, messages, compression: CompressionTypes.LZ4 });
  } finally {
    CompressionCodecs[CompressionTypes.LZ4] = readable;
  }
  run(collecting([]));
  await until('it is told', () => log().includes('the Kafka consumer failed'));
  expect(log()).toMatch(/LZ4 compression not implemented.*compression\.type=gzip/);
  const [reason] = health.readiness().reasons;
  expect(reason?.reason).toContain('compression.type=gzip');
  expect(reason?.reason).not.toContain('can be reached');
});

/** A frame of one block that is not compressed: no codec is needed to write it. */
function lz4Frame(content: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE((content.length | 0x80000000) >>> 0);
  // Magic number, version 1 with independent blocks, blocks of 64 KiB at most, the checksum of these two.
  const head = Buffer.from('04224d18604082', 'hex');
  return Buffer.concat([head, size, content, Buffer.alloc(4)]);
}

test('a password that is refused is asked for again, and the new one counts', async () => {
  const passwords = ['old-and-gone', 'secret'];
  const asked: boolean[] = [];
  const { run, topic, log } = await createSource(
    { securityProtocol: 'sasl_ssl', mechanism: 'scram-sha-512' },
    {
      access: async (wereRefused) => ({
        brokers: kafka.broker.brokers,
        sasl: { username: 'org', password: passwords[Math.min(asked.push(wereRefused) - 1, 1)] ?? '' },
        tls: createSecureContext({ ca: kafka.broker.caPem }),
      }),
    },
  );
  const seen: string[] = [];
  await publish(topic, ['a']);
  run(collecting(seen));
  await until('it consumes', () => seen.length === 1);
  expect(log()).toContain(
    "Kafka refuses the user name and password that Port's API gave; they are fetched again",
  );
  expect(log()).not.toContain('old-and-gone');
  expect(asked).toEqual([false, true]);
});

test('a second member with no partition left stands by, and takes over', async () => {
  const first = await createSource({ sessionTimeoutMs: 6000 });
  const [seenByFirst, seenBySecond] = [[] as string[], [] as string[]];
  first.run(collecting(seenByFirst));
  await until('the first is ready', () => first.log().includes('ingester ready'));
  const second = await createSource({
    groupId: first.groupId,
    sessionTimeoutMs: 6000,
    runsTopic: first.topic,
  });
  second.run(collecting(seenBySecond));
  await until('one of them stands by', () => /standing by/.test(first.log() + second.log()));
  const standby = second.log().includes('standing by') ? seenBySecond : seenByFirst;
  await (standby === seenBySecond ? first : second).source.stop();
  await publish(first.topic, ['a']);
  await until('the other one takes over', () => standby.length === 1);
});

test('how long the oldest record waits is told where its partition is, and nowhere else', async () => {
  const holding = async () => ({ retryAfterMs: 600_000 });
  const { topic, groupId, health, log, run } = await createSource({}, { lookEveryMs: 250 });
  await kafka.clients.producer.send({
    topic,
    messages: [{ value: 'a', timestamp: String(Date.now() - 600_000) }],
  });
  run(holding);
  await until('it is told', () => health.readiness().notes.length === 1);
  const joins = () => log().match(/ingester ready/g)?.length ?? 0;
  // Chance decides who gets the one partition: another member comes until that one has it.
  await until('it has moved', async () => {
    const before = joins();
    const other = await createSource({ groupId, runsTopic: topic });
    other.run(holding);
    await until('it is shared out anew', () => joins() > before && other.log().includes('ingester ready'));
    if (log().includes('standing by')) return true;
    await other.source.stop();
    return false;
  });
  await until('it is told no more', () => health.readiness().notes.length === 0);
});

test('the change log is read where there is one, and its records are told from runs', async () => {
  const { run, topic } = await createSource();
  await kafka.broker.createTopics([{ name: `${topic}.changes`, partitions: 1 }]);
  await publish(topic, ['a run']);
  await publish(`${topic}.changes`, ['a change']);
  const seen = new Map<string, string>();
  run(async (batch, { onAccepted }) => {
    for (const record of batch.records) {
      seen.set(record.origin, textOf(record));
      onAccepted(record.offset);
    }
    return {};
  });
  await until('both have come', () => seen.size === 2);
  expect(seen).toEqual(
    new Map([
      ['runs', 'a run'],
      ['change log', 'a change'],
    ]),
  );
});

describe('health', () => {
  const reasons = (health: Health) =>
    health.readiness().reasons.map(({ part, reason }) => `${part}: ${reason}`);

  test('is good once the consumer is in its group, and while its partition is held', async () => {
    const { run, topic, health } = await createSource({ sessionTimeoutMs: 5000 });
    expect(reasons(health)).toEqual([expect.stringContaining('kafka: not in its consumer group yet')]);
    let attempts = 0;
    await publish(topic, ['a']);
    run(async () => {
      attempts++;
      return { retryAfterMs: 6500 };
    });
    await until('it is in its group', () => health.readiness().isGood);
    const told = new Set<string>();
    await until('the partition was held for longer than a session', () => {
      for (const reason of reasons(health)) told.add(reason);
      return attempts === 2;
    });
    expect([...told]).toEqual([]);
  });

  test('is no question of a loop before the source runs, however long the process waits for Temporal', async () => {
    let clock = 0;
    const health = new Health(() => clock);
    await createSource({}, { health });
    clock += 24 * 3_600_000;
    expect(health.liveness().isGood).toBe(true);
    expect(reasons(health)).toEqual([expect.stringContaining('kafka: not in its consumer group yet')]);
  });

  test('tells that the consumer is rebuilt, in words that quote no error', async () => {
    const { run, topic, health } = await createSource();
    await publish(topic, ['a']);
    run(() => {
      throw new TypeError('planted error');
    });
    await until('it is told', () => reasons(health).some((reason) => reason.includes('is rebuilt')));
    expect(reasons(health).join()).not.toContain('planted');
    expect(health.liveness().isGood).toBe(true);
  });
});
