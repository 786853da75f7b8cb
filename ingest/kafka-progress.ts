/** A batch of kafkajs's while it is worked on: heartbeats, and commits on the way. */
import type { EachBatchPayload } from 'kafkajs';

const LONGEST_CHECK_MS = 1000;

/** A third of the session, so that one late beat does not end it. */
export function checkEveryMs(sessionTimeoutMs: number): number {
  return Math.min(LONGEST_CHECK_MS, Math.floor(sessionTimeoutMs / 3));
}

/** Keeps the membership alive while a batch is worked on, and commits how far it has come. */
export class Progress {
  private accepted: bigint | undefined;
  private committed: bigint | undefined;
  private failure: unknown;
  private beating: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly payload: EachBatchPayload,
    private readonly abort: AbortController,
    everyMs: number,
  ) {
    this.timer = setInterval(() => {
      this.beating = this.beating.then(() => this.beat());
    }, everyMs);
  }

  accept(offset: bigint): void {
    this.accepted = offset;
  }

  /** @throws what the group answered, a rebalance above all, so that kafkajs joins again. */
  async finish(): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
    if (this.failure !== undefined) throw this.failure;
    await this.commit();
    if (this.payload.isRunning()) await this.payload.heartbeat();
  }

  cancel(): void {
    clearInterval(this.timer);
  }

  private async beat(): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      if (!this.payload.isRunning()) return this.abort.abort();
      await this.payload.heartbeat();
      await this.commit();
    } catch (error) {
      // Somebody else may own the partition by now: start nothing more, commit nothing more.
      this.failure = error;
      this.abort.abort();
    }
  }

  private async commit(): Promise<void> {
    const offset = this.accepted;
    if (offset === undefined || offset === this.committed) return;
    const { topic, partition } = this.payload.batch;
    this.payload.resolveOffset(String(offset));
    await this.payload.commitOffsetsIfNecessary({
      topics: [{ topic, partitions: [{ partition, offset: String(offset + 1n) }] }],
    });
    this.committed = offset;
  }
}
