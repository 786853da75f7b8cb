/**
 * Records from Kafka: a consumer, which is built anew whenever it dies, until the source is stopped.
 *
 * Only the files called `kafka-…` know kafkajs, and nothing of it leaves them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { Backlog } from './backlog.js';
import { createKafkaClient, type KafkaAccess } from './kafka-client.js';
import { type ConsumerOptions, consume } from './kafka-consumer.js';
import { explain, isRefusedPassword } from './kafka-failure.js';
import { KafkaHealth } from './kafka-health.js';
import { survey } from './kafka-positions.js';
import { startingPoints } from './kafka-starting-points.js';
import type { BatchHandler, RecordSource } from './record-source.js';

export interface KafkaSourceOptions {
  settings: Config['kafka'];
  /**
   * Asked anew for each consumer that is built, so that rotated credentials are picked up. `wereRefused`: Kafka did
   * not accept the last ones.
   */
  access: (wereRefused: boolean) => Promise<KafkaAccess>;
  logger: Logger;
  health: Health;
  /** How often the topics and the group's positions are looked at; default 30 s. */
  lookEveryMs?: number;
}

const FIRST_REBUILD_MS = 1000;
const LONGEST_REBUILD_MS = 60_000;
/** A consumer that lasted so long was sound: the next wait starts small again. */
const SOUND_AFTER_MS = 60_000;
const LOOK_EVERY_MS = 30_000;

export class KafkaSource implements RecordSource {
  private readonly stopping = new AbortController();
  private readonly stopped = new Promise<'stopped'>((resolve) => {
    this.stopping.signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
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

  /** What is under way is committed and the group is left; after ten seconds, what is not through is left behind. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.finished;
  }

  private async supervise(handle: BatchHandler): Promise<void> {
    const { logger } = this.options;
    let waitMs = FIRST_REBUILD_MS;
    let wereRefused = false;
    while (!this.stopping.signal.aborted) {
      const startedAt = Date.now();
      try {
        const end = await this.consume(handle, wereRefused);
        if (end === 'topics changed') logger.info('there are other topics to read: the consumer is rebuilt');
      } catch (failure) {
        if (this.stopping.signal.aborted) return;
        wereRefused = isRefusedPassword(failure);
        if (Date.now() - startedAt > SOUND_AFTER_MS) waitMs = FIRST_REBUILD_MS;
        this.tell(failure, waitMs);
        await delay(waitMs, undefined, { signal: this.stopping.signal }).catch(() => {});
        waitMs = Math.min(2 * waitMs, LONGEST_REBUILD_MS);
      }
    }
  }

  private tell(failure: unknown, waitMs: number): void {
    const { reason, advice } = explain(failure);
    // A broker that has just started may refuse the first; whatever stays is an error.
    this.options.logger[waitMs === FIRST_REBUILD_MS ? 'warn' : 'error'](
      { retryInMs: waitMs },
      `the Kafka consumer failed and is rebuilt: ${reason}`,
    );
    this.health.failed(waitMs, advice);
  }

  /** Whatever takes long on the way to a consumer, a stop does not wait for it. */
  private async consume(handle: BatchHandler, wereRefused: boolean): Promise<'stopped' | 'topics changed'> {
    const { settings, logger, lookEveryMs = LOOK_EVERY_MS } = this.options;
    const { health, backlog } = this;
    this.health.building();
    const prepared = await Promise.race([this.prepare(wereRefused), this.stopped]);
    if (prepared === 'stopped') return prepared;
    return consume({ ...prepared, settings, handle, lookEveryMs, logger, health, backlog }, this.stopped);
  }

  private async prepare(wereRefused: boolean): Promise<Pick<ConsumerOptions, 'kafka' | 'topics' | 'points'>> {
    const { settings, access, logger } = this.options;
    const { signal } = this.stopping;
    const given = await access(wereRefused);
    signal.throwIfAborted();
    const kafka = createKafkaClient(settings, given, logger);
    const { topics, positions } = await survey(kafka, settings);
    signal.throwIfAborted();
    if (!topics.includes(settings.changeLogTopic)) {
      const topic = settings.changeLogTopic;
      logger.info({ topic }, 'there is no topic of the change log; only runs are read');
    }
    return { kafka, topics, points: startingPoints(positions, settings, logger) };
  }
}
