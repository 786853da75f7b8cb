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
import { until } from '../support/house.js';

let broker: RunningKafka;
let producer: Producer;
let admin: Admin;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  broker = await startKafka({ username: 'org', password: 'secret', topics: [] });
  const kafka = new Kafka({ brokers: broker.plaintextBrokers, logLevel: logLevel.NOTHING });
  producer = kafka.producer();
  admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});
afterAll(async () => {
  await Promise.all([producer.disconnect(), admin.disconnect()]);
  await broker.stop();
});

interface Source {
  topic: string;
  groupId: string;
  log: () => string;
  health: Health;
  source: KafkaSource;
  run(handle: BatchHandler): void;
}

/** A source on a topic and group of its own. The plain listener: SASL and TLS are the acceptance suite's. */
async function createSource(
  changes: Partial<KafkaSourceOptions['settings']> = {},
  more: Partial<KafkaSourceOptions> = {},
): Promise<Source> {
  const name = randomBytes(6).toString('hex');
  const topic = changes.runsTopic ?? `t.${name}`;
  if (!changes.runsTopic) await broker.createTopics([{ name: topic, partitions: 1 }]);
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
    access: async () => ({ brokers: broker.plaintextBrokers, tls: createSecureContext() }),
    logger: pino({ level: 'debug' }, pino.destination({ dest: logFile, sync: true })),
    health,
    ...more,
  });
  stops.push(() => source.stop());
  return {
    topic,
    groupId,
    log: () => readFileSync(logFile, 'utf8'),
    health,
    source,
    run: (handle) => void source.run(handle),
  };
}

const publish = (topic: string, values: string[]) =>
  producer.send({ topic, messages: values.map((value) => ({ value })) });

async function committed(groupId: string, topic: string): Promise<string | undefined> {
  // A broker that has just started answers that its coordinator is loading.
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => []);
  return found?.partitions[0]?.offset;
}

const textOf = (value: Uint8Array | null) => Buffer.from(value ?? []).toString();

/** Accepts everything, and keeps it. */
function collecting(into: string[]): BatchHandler {
  return async (batch, { onAccepted }) => {
    for (const record of batch.records) {
      into.push(textOf(record.value));
      onAccepted(record.offset);
    }
    return {};
  };
}

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
    batches.push(batch.records.map((record) => textOf(record.value)));
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
  const { run, topic, log } = await createSource({ sessionTimeoutMs: 1000 });
  let attempts = 0;
  await publish(topic, ['a']);
  run(async (batch, { onAccepted }) => {
    if (++attempts < 4) return { retryAfterMs: 800 };
    for (const record of batch.records) onAccepted(record.offset);
    return {};
  });
  await until('it was handed out again and again', () => attempts === 4);
  expect(log().match(/ingester ready/g)).toHaveLength(1);
});

test('a batch that takes longer than the session keeps its membership, and commits on the way', async () => {
  const sessionTimeoutMs = 1000;
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
  await until('the session would have ended', () => Date.now() - startedAt > 2.5 * sessionTimeoutMs);
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

test('a consumer whose broker falls silent is given up, and another one goes on where it was', async () => {
  const { run, topic, groupId, log } = await createSource({ sessionTimeoutMs: 1000 });
  const seen: string[] = [];
  run(collecting(seen));
  await publish(topic, ['before']);
  await until('it consumes', () => seen.length === 1);
  broker.child.signal('SIGSTOP');
  try {
    await until('it is given up', () => log().includes('Kafka has not answered for three sessions'), 40_000);
  } finally {
    broker.child.signal('SIGCONT');
  }
  await publish(topic, ['after']);
  await until('it consumes again', () => seen.includes('after'), 60_000);
  expect(seen.filter((text) => text === 'after')).toHaveLength(1);
  await until('it is committed', async () => (await committed(groupId, topic)) === '2');
}, 120_000);

test('records that Kafka deleted unread are told, with their number', async () => {
  const first = await createSource();
  const seen: string[] = [];
  await publish(first.topic, ['a']);
  first.run(collecting(seen));
  await until('it is committed', async () => (await committed(first.groupId, first.topic)) === '1');
  await first.source.stop();
  await publish(first.topic, ['b', 'c', 'd']);
  await admin.deleteTopicRecords({ topic: first.topic, partitions: [{ partition: 0, offset: '3' }] });

  const next = await createSource({ groupId: first.groupId, runsTopic: first.topic });
  next.run(collecting(seen));
  await until('it goes on with what is left', () => seen.includes('d'));
  expect(seen).toEqual(['a', 'd']);
  expect(next.log()).toContain('Kafka deleted 2 records before they were read');
  expect(first.log()).not.toContain('deleted');
});

test('a group without a position says where it starts', async () => {
  const { run, topic, groupId, log } = await createSource();
  run(collecting([]));
  await until('it is told', () => log().includes('starts with the oldest record there is'));
  expect(log()).toContain(`"groupId":"${groupId}"`);
  expect(log()).toContain(`"${topic}/0"`);
});

test('a password that is refused is asked for again, and the new one counts', async () => {
  const passwords = ['old-and-gone', 'secret'];
  let asked = 0;
  const { run, topic, log } = await createSource(
    { securityProtocol: 'sasl_ssl', mechanism: 'scram-sha-512' },
    {
      access: async () => ({
        brokers: broker.brokers,
        sasl: { username: 'org', password: passwords[Math.min(asked++, 1)] ?? '' },
        tls: createSecureContext({ ca: broker.caPem }),
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
});

test('"latest" starts at the end, and a restart before the first message skips nothing', async () => {
  const first = await createSource({ startFrom: 'latest' });
  await publish(first.topic, ['before']);
  first.run(collecting([]));
  await until('the start is committed', async () => (await committed(first.groupId, first.topic)) === '1');
  await first.source.stop();
  await publish(first.topic, ['in between']);
  const next = await createSource({ startFrom: 'latest', groupId: first.groupId, runsTopic: first.topic });
  const seen: string[] = [];
  next.run(collecting(seen));
  await until('it consumes', () => seen.length > 0);
  expect(seen).toEqual(['in between']);
});

test('a second member with no partition left stands by, and takes over', async () => {
  const first = await createSource({ sessionTimeoutMs: 2000 });
  const [seenByFirst, seenBySecond] = [[] as string[], [] as string[]];
  first.run(collecting(seenByFirst));
  await until('the first is ready', () => first.log().includes('ingester ready'));
  const second = await createSource({
    groupId: first.groupId,
    sessionTimeoutMs: 2000,
    runsTopic: first.topic,
  });
  second.run(collecting(seenBySecond));
  await until('one of them stands by', () => /standing by/.test(first.log() + second.log()));
  const standby = second.log().includes('standing by') ? seenBySecond : seenByFirst;
  await (standby === seenBySecond ? first : second).source.stop();
  await publish(first.topic, ['a']);
  await until('the other one takes over', () => standby.length === 1);
});

test('the change log is read where there is one, and its records are told from runs', async () => {
  const { run, topic } = await createSource();
  await broker.createTopics([{ name: `${topic}.changes`, partitions: 1 }]);
  await publish(topic, ['a run']);
  await publish(`${topic}.changes`, ['a change']);
  const seen = new Map<string, string>();
  run(async (batch, { onAccepted }) => {
    for (const record of batch.records) {
      seen.set(record.origin, textOf(record.value));
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
    const { run, topic, health } = await createSource({ sessionTimeoutMs: 1000 });
    expect(reasons(health)).toEqual([expect.stringContaining('kafka: not in its consumer group yet')]);
    let attempts = 0;
    await publish(topic, ['a']);
    run(async () => {
      attempts++;
      return { retryAfterMs: 1500 };
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

  test('tells that a broker has fallen silent once the session is over, and recovers with it', async () => {
    let aheadMs = 0;
    const { run, health } = await createSource(
      { sessionTimeoutMs: 1000 },
      { health: new Health(() => Date.now() + aheadMs) },
    );
    run(collecting([]));
    await until('it is in its group', () => health.readiness().isGood);
    broker.child.signal('SIGSTOP');
    try {
      await until('it is told', () => reasons(health).some((reason) => reason.includes('no heartbeat')));
      expect(health.liveness().isGood).toBe(true);
      aheadMs = 300_001;
      expect(health.liveness().reasons).toMatchObject([{ part: 'kafka' }]);
    } finally {
      broker.child.signal('SIGCONT');
    }
    await until('it is in its group again', () => health.readiness().isGood, 45_000);
  });
});
