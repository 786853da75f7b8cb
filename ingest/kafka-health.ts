/**
 * A Kafka consumer's health, by its own events: whether it is in its group, and whether it still does anything.
 *
 * kafkajs beats from the loop that fetches, with held partitions and with none at all as well; while a batch is
 * worked on, we beat. What Kafka does not answer times out and is tried again: under a broker that is frozen, no
 * two steps are further apart than a minute, however long that lasts.
 */
import type { Consumer } from 'kafkajs';
import type { Health, HealthLoop, HealthPart } from '../telemetry/health.js';

/** Joining a group takes a while: its other members have to come along. */
const SHORTEST_STALL_MS = 10_000;

const NOT_JOINED = 'not in its consumer group yet';
const REBUILT = 'the consumer failed and is rebuilt; the log says why';
const REBALANCING = 'the group shares its partitions out anew, which takes seconds';
const ADVICE = 'Check that the brokers can be reached from here';

export class KafkaHealth {
  private readonly part: HealthPart;
  private loop: HealthLoop | undefined;

  constructor(private readonly health: Health) {
    this.part = health.part('kafka', `${NOT_JOINED}. ${ADVICE}`);
  }

  /** Only from here on a loop turns: before, the process may wait for Temporal, for as long as it takes. */
  begin(): void {
    this.loop = this.health.loop('kafka');
  }

  /** A consumer is built. */
  building(): void {
    this.loop?.tick();
  }

  end(): void {
    this.loop?.end();
  }

  /**
   * Follows a consumer until the function that is returned is called; `onSilence` is called when it has shown no
   * sign of life for three sessions, which no error of its own tells: a connection that swallows what is sent.
   */
  follow(consumer: Consumer, sessionTimeoutMs: number, onSilence: () => void): () => void {
    const { GROUP_JOIN, HEARTBEAT, REBALANCING: SHARED_OUT, FETCH_START } = consumer.events;
    let silence: NodeJS.Timeout | undefined;
    let stall: NodeJS.Timeout | undefined;
    const isMember = (): void => {
      this.loop?.tick();
      this.part.up();
      clearTimeout(silence);
      silence = setTimeout(() => this.lost(sessionTimeoutMs), sessionTimeoutMs).unref();
      clearTimeout(stall);
      stall = setTimeout(onSilence, Math.max(3 * sessionTimeoutMs, SHORTEST_STALL_MS)).unref();
    };
    const off = [
      consumer.on(GROUP_JOIN, isMember),
      consumer.on(HEARTBEAT, isMember),
      consumer.on(FETCH_START, () => this.loop?.tick()),
      consumer.on(SHARED_OUT, () => this.part.down(REBALANCING)),
    ];
    return () => {
      clearTimeout(silence);
      clearTimeout(stall);
      for (const remove of off) remove();
    };
  }

  /** The consumer is built anew after `waitMs`. `advice`: a sentence that everybody may read. */
  failed(waitMs: number, advice: string): void {
    this.part.down(`${REBUILT}. ${advice}`);
    this.loop?.tick(waitMs);
  }

  private lost(sessionTimeoutMs: number): void {
    const seconds = sessionTimeoutMs / 1000;
    this.part.down(`no heartbeat has got through for ${seconds} s, which ends the membership. ${ADVICE}`);
  }
}
