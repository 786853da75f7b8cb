/**
 * The one file that knows kafkajs: batches in, commits out, and a consumer that is rebuilt whenever it dies.
 *
 * kafkajs's own restart is off, since it leaves out the errors it deems final, after which the process lives
 * on in silence. Offsets are committed with the payload's own function: the consumer's does nothing once a
 * stop has begun.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { SecureContext } from 'node:tls';
import { type Consumer, type EachBatchPayload, Kafka, type KafkaConfig } from 'kafkajs';
import type { Config } from '../config/config.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { Backlog } from './backlog.js';
import { KafkaHealth } from './kafka-health.js';
import { kafkaLog } from './kafka-log.js';
import { positionsOf } from './kafka-positions.js';
import { checkEveryMs, Progress } from './kafka-progress.js';
import type { BatchHandler, RecordSource, SourceRecord } from './record-source.js';

export interface KafkaAccess {
  brokers: string[];
  sasl?: { username: string; password: string };
  /** Whom to trust, where the connection is secured. */
  tls: SecureContext;
}

export interface KafkaSourceOptions {
  settings: Config['kafka'];
  /** Asked anew for each consumer that is built, so that rotated credentials are picked up. */
  access: () => Promise<KafkaAccess>;
  logger: Logger;
  health: Health;
}

const FIRST_REBUILD_MS = 1000;
const LONGEST_REBUILD_MS = 60_000;
/** More than a request to Kafka takes until it times out. */
const LONGEST_LEAVE_MS = 40_000;
/** A consumer that lasted so long was sound: the next wait starts small again. */
const SOUND_AFTER_MS = 60_000;

export class KafkaSource implements RecordSource {
  private readonly stopping = new AbortController();
  private readonly aborts = new Set<AbortController>();
  private readonly health: KafkaHealth;
  private readonly backlog: Backlog;
  private finished: Promise<void> = Promise.resolve();

  constructor(private readonly options: KafkaSourceOptions) {
    this.health = new KafkaHealth(options.health);
    this.backlog = new Backlog(options.logger, options.health);
  }

  run(handle: BatchHandler): Promise<void> {
    this.health.begin();
    this.finished = this.supervise(handle).finally(() => this.health.end());
    return this.finished;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    for (const abort of this.aborts) abort.abort();
    await this.finished;
  }

  private async supervise(handle: BatchHandler): Promise<void> {
    let waitMs = FIRST_REBUILD_MS;
    while (!this.stopping.signal.aborted) {
      const startedAt = Date.now();
      const failure = await this.consume(handle).catch((error: unknown) => error);
      if (this.stopping.signal.aborted) return;
      if (Date.now() - startedAt > SOUND_AFTER_MS) waitMs = FIRST_REBUILD_MS;
      // A broker that has just started may refuse the first; whatever stays is an error.
      this.options.logger[waitMs === FIRST_REBUILD_MS ? 'warn' : 'error'](
        { retryInMs: waitMs },
        `the Kafka consumer failed and is rebuilt: ${explain(failure)}`,
      );
      this.health.failed(waitMs);
      await delay(waitMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      waitMs = Math.min(2 * waitMs, LONGEST_REBUILD_MS);
    }
  }

  /** Consumes until told to stop, which resolves with undefined, or until the consumer dies. */
  private async consume(handle: BatchHandler): Promise<unknown> {
    const { settings, logger } = this.options;
    this.health.building();
    const kafka = new Kafka(clientConfig(settings, await this.options.access(), logger));
    const topics = await this.existingTopics(kafka);
    const firstOffsets = await this.startingPoints(kafka, topics);
    const consumer = kafka.consumer({
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
    const crashed = new Promise<unknown>((resolve) =>
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error)),
    );
    this.announceJoins(consumer);
    let unfollow = (): void => {};
    let patienceMs = LONGEST_LEAVE_MS;
    const stalled = new Promise<unknown>((resolve) => {
      unfollow = this.health.follow(consumer, settings.sessionTimeoutMs, () => {
        patienceMs = 0;
        resolve(new Error('Kafka has not answered for three sessions'));
      });
    });
    const generation = new AbortController();
    try {
      await consumer.connect();
      // From the beginning, always: where "latest" starts is settled by `firstOffsets`, and a partition that is
      // added later must be read from its start.
      await consumer.subscribe({ topics, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 4,
        eachBatch: (payload) => this.onBatch(payload, handle, generation.signal),
      });
      await pin(consumer, firstOffsets);
      void this.backlog.follow(() => positionsOf(kafka, settings.groupId, topics), generation.signal);
      return await Promise.race([crashed, stalled, aborted(this.stopping.signal)]);
    } finally {
      unfollow();
      generation.abort();
      for (const abort of this.aborts) abort.abort();
      await leave(consumer, patienceMs);
    }
  }

  /** The topics of runs and of the change log, which organizations that came late do not have. */
  private async existingTopics(kafka: Kafka): Promise<string[]> {
    const { settings, logger } = this.options;
    const admin = kafka.admin();
    try {
      await admin.connect();
      const found = await admin.listTopics();
      if (found.includes(settings.changeLogTopic)) return [settings.runsTopic, settings.changeLogTopic];
      logger.info(
        { topic: settings.changeLogTopic },
        'there is no topic of the change log; only runs are read',
      );
      return [settings.runsTopic];
    } finally {
      await admin.disconnect();
    }
  }

  /** Where to start with partitions that the group has committed nothing for; what was lost unread is told. */
  private async startingPoints(kafka: Kafka, topics: string[]): Promise<TopicOffset[]> {
    const { settings, logger } = this.options;
    const positions = await positionsOf(kafka, settings.groupId, topics);
    for (const { topic, partition, committed, low } of positions) {
      if (committed === undefined || committed >= low) continue;
      const records = Number(low - committed);
      logger.error(
        { topic, partition, committed: String(committed), first: String(low), records },
        `Kafka deleted ${records} records before they were read: the ingester was away for longer than the topic keeps them. Look for runs in Port that are still open`,
      );
    }
    const fresh = positions.filter(({ committed }) => committed === undefined);
    if (fresh.length > 0) {
      const where = settings.startFrom === 'latest' ? 'at the end' : 'with the oldest record there is';
      const partitions = fresh.map(({ topic, partition }) => `${topic}/${partition}`);
      logger.warn(
        { groupId: settings.groupId, partitions },
        `the consumer group has no position in these partitions, and starts ${where}: it is new, or was away for so long that Kafka forgot it`,
      );
    }
    if (settings.startFrom !== 'latest') return [];
    return fresh.map(({ topic, partition, high }) => ({ topic, partition, offset: String(high) }));
  }

  private announceJoins(consumer: Consumer): void {
    const { logger, settings } = this.options;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      const assignment = payload.memberAssignment;
      logger.info({ groupId: settings.groupId, assignment }, 'ingester ready');
      if (Object.values(assignment).flat().length === 0) logger.info('no partition is assigned: standing by');
    });
  }

  private async onBatch(
    payload: EachBatchPayload,
    handle: BatchHandler,
    generation: AbortSignal,
  ): Promise<void> {
    // A consumer that was given up may still come to itself: its partitions are another's by then.
    if (generation.aborted) return;
    const { topic, partition, messages } = payload.batch;
    const records = messages.map(
      (message): SourceRecord => ({
        origin: topic === this.options.settings.changeLogTopic ? 'change log' : 'runs',
        topic,
        partition,
        offset: BigInt(message.offset),
        timestampMs: Number(message.timestamp),
        value: message.value,
      }),
    );
    const abort = new AbortController();
    this.aborts.add(abort);
    if (this.stopping.signal.aborted) abort.abort();
    const progress = new Progress(payload, abort, checkEveryMs(this.options.settings.sessionTimeoutMs));
    try {
      this.backlog.fetched(records);
      const verdict = await handle(
        { topic, partition, records },
        {
          signal: abort.signal,
          onAccepted: (offset) => {
            progress.accept(offset);
            this.backlog.accepted(topic, partition, offset);
          },
        },
      );
      await progress.finish();
      if (verdict.retryAfterMs !== undefined) this.holdPartition(payload, verdict.retryAfterMs);
    } finally {
      progress.cancel();
      this.aborts.delete(abort);
    }
  }

  /** Pausing keeps the membership; what was not committed is handed out again. */
  private holdPartition(payload: EachBatchPayload, forMs: number): void {
    const resume = payload.pause();
    const timer = setTimeout(resume, forMs);
    this.stopping.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }
}

/** Leaves the group, if Kafka answers; a consumer that hangs is left behind. */
async function leave(consumer: Consumer, patienceMs: number): Promise<void> {
  const gone = consumer.disconnect().catch(() => {});
  await Promise.race([gone, delay(patienceMs, undefined, { ref: false })]);
}

interface TopicOffset {
  topic: string;
  partition: number;
  offset: string;
}

/**
 * Starts at these offsets, and commits them at once, so that a restart before the first message does not skip
 * what came in between. A consumer that has just joined is not running yet as far as kafkajs is concerned, and
 * would drop the commit without a word: hence after `run`.
 */
async function pin(consumer: Consumer, offsets: TopicOffset[]): Promise<void> {
  if (offsets.length === 0) return;
  for (const offset of offsets) consumer.seek(offset);
  await consumer.commitOffsets(offsets);
}

function clientConfig(settings: Config['kafka'], access: KafkaAccess, logger: Logger): KafkaConfig {
  const { username, password } = access.sasl ?? {};
  return {
    clientId: 'temporal-port-agent',
    brokers: access.brokers,
    ssl: settings.securityProtocol.endsWith('ssl') && { secureContext: access.tls },
    // The default of one second is too short for TLS to a cloud.
    connectionTimeout: 10_000,
    ...(username !== undefined &&
      password !== undefined &&
      settings.mechanism !== 'none' && {
        sasl: { mechanism: settings.mechanism, username, password } as NonNullable<KafkaConfig['sasl']>,
      }),
    logCreator: kafkaLog(logger),
  };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

function explain(failure: unknown): string {
  if (!(failure instanceof Error)) return 'unknown reason';
  if (failure.name === 'KafkaJSSASLAuthenticationError') {
    return `${failure.message}. Kafka refuses the user name and password that Port's API gave; they are fetched again`;
  }
  return failure.message;
}
