/**
 * The life of one kafkajs consumer, from joining its group to leaving it.
 *
 * kafkajs's own restart is off, since it leaves out the errors it deems final, after which the process lives
 * on in silence. Offsets are committed with the batch's own function: the consumer's does nothing once a stop
 * has begun.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, Kafka } from 'kafkajs';
import type { Config } from '../config/config.js';
import type { Logger } from '../telemetry/logger.js';
import type { Backlog } from './backlog.js';
import { KafkaBatches } from './kafka-batches.js';
import type { KafkaHealth } from './kafka-health.js';
import { type Position, survey } from './kafka-positions.js';
import { pin, type StartingPoint } from './kafka-starting-points.js';
import type { BatchHandler } from './record-source.js';

/** More than a request to Kafka takes until it times out. */
const LONGEST_LEAVE_MS = 40_000;
/** Once the process is to stop: well below the 30 s after which it is killed. */
const LONGEST_STOP_MS = 10_000;

export interface ConsumerOptions {
  kafka: Kafka;
  settings: Config['kafka'];
  topics: string[];
  /** Where to start with partitions that the group has no position in. */
  points: StartingPoint[];
  handle: BatchHandler;
  /** How often the topics and the group's positions are looked at. */
  lookEveryMs: number;
  logger: Logger;
  health: KafkaHealth;
  backlog: Backlog;
}

/**
 * Consumes until `stopped` resolves, or until there are other topics to read than those that were subscribed to.
 *
 * @throws what the consumer died of.
 */
export async function consume(
  options: ConsumerOptions,
  stopped: Promise<'stopped'>,
): Promise<'stopped' | 'topics changed'> {
  const { settings, handle, health, backlog } = options;
  const consumer = createConsumer(options);
  const batches = new KafkaBatches(settings, handle, backlog);
  const life = new AbortController();
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
  let unfollow = (): void => {};
  let patienceMs = LONGEST_LEAVE_MS;
  const stalled = new Promise<never>((_, reject) => {
    unfollow = health.follow(consumer, settings.sessionTimeoutMs, () => {
      patienceMs = 0;
      reject(new Error('Kafka has not answered for three sessions'));
    });
  });
  const joined = join(consumer, options, batches, life.signal);
  try {
    // A crash while joining is told before what it leads to.
    const outdated = joined.then(() => untilTopicsChange(options, life.signal));
    return await Promise.race([crashed, stalled, outdated, stopped]);
  } finally {
    unfollow();
    life.abort();
    batches.close();
    const hurry = stopped.then(() => delay(LONGEST_STOP_MS, undefined, { ref: false }));
    const patience = delay(patienceMs, undefined, { ref: false });
    await Promise.race([leave(consumer, joined), patience, hurry]);
  }
}

function createConsumer({ kafka, settings }: ConsumerOptions): Consumer {
  return kafka.consumer({
    groupId: settings.groupId,
    sessionTimeout: settings.sessionTimeoutMs,
    heartbeatInterval: Math.min(3000, Math.floor(settings.sessionTimeoutMs / 3)),
    rebalanceTimeout: 60_000,
    // Short polls: a stop, a resume and a rebalance wait for the poll under way.
    maxWaitTimeInMs: 500,
    maxBytesPerPartition: 256 * 1024,
    retry: { restartOnFailure: async () => false },
    allowAutoTopicCreation: false,
  });
}

/** Joins the group, and settles where to start; goes no further than the step under way once `signal` aborts. */
async function join(
  consumer: Consumer,
  { kafka, settings, topics, points, logger, backlog }: ConsumerOptions,
  batches: KafkaBatches,
  signal: AbortSignal,
): Promise<void> {
  let assigned: Record<string, number[]> = {};
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned = payload.memberAssignment;
    // Somebody else may have accepted them meanwhile; what was not comes again.
    backlog.clear();
    logger.info({ groupId: settings.groupId, assignment: assigned }, 'ingester ready');
    if (Object.values(assigned).flat().length === 0) logger.info('no partition is assigned: standing by');
  });
  await consumer.connect();
  signal.throwIfAborted();
  // From the beginning, always: where "latest" starts is settled by the points, and a partition that is added
  // later must be read from its start.
  await consumer.subscribe({ topics, fromBeginning: true });
  signal.throwIfAborted();
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 4,
    eachBatch: (payload) => batches.onBatch(payload),
  });
  signal.throwIfAborted();
  await pin(consumer, points, assigned, async () => (await survey(kafka, settings)).positions);
  batches.open();
}

/** Looks at the group's positions now and then, and resolves once there are other topics than at the start. */
async function untilTopicsChange(
  { kafka, settings, topics, lookEveryMs, backlog }: ConsumerOptions,
  signal: AbortSignal,
): Promise<'topics changed'> {
  return new Promise((resolve) => {
    const look = async (): Promise<Position[]> => {
      const found = await survey(kafka, settings);
      if (found.topics.join() !== topics.join()) resolve('topics changed');
      return found.positions;
    };
    void backlog.follow(look, lookEveryMs, signal);
  });
}

/** Leaves the group. A consumer that is just joining would be a member again afterwards: that is awaited. */
async function leave(consumer: Consumer, joined: Promise<void>): Promise<void> {
  await joined.catch(() => {});
  await consumer.disconnect().catch(() => {});
}
