/** The batches of one consumer: handed on, watched while they are worked on, and held where they can't go on. */
import type { EachBatchPayload } from 'kafkajs';
import type { Config } from '../config/config.js';
import type { Backlog } from './backlog.js';
import { checkEveryMs, Progress } from './kafka-progress.js';
import type { BatchHandler, SourceRecord } from './record-source.js';

export class KafkaBatches {
  private readonly aborts = new Set<AbortController>();
  private readonly holds = new Set<NodeJS.Timeout>();
  private isClosed = false;
  private admit = (): void => {};
  private readonly admitted = new Promise<void>((resolve) => {
    this.admit = resolve;
  });

  constructor(
    private readonly settings: Config['kafka'],
    private readonly handle: BatchHandler,
    private readonly backlog: Backlog,
  ) {}

  /** Where to start is settled: batches that came before then have waited. */
  open(): void {
    this.admit();
  }

  /** Aborts what is under way, and takes nothing more. */
  close(): void {
    this.isClosed = true;
    this.admit();
    for (const abort of this.aborts) abort.abort();
    for (const timer of this.holds) clearTimeout(timer);
  }

  async onBatch(payload: EachBatchPayload): Promise<void> {
    await this.admitted;
    // A consumer that was given up may still come to itself: its partitions are another's by then. And what was
    // fetched before the starting point was settled is not to be read.
    if (this.isClosed || payload.isStale()) return;
    const { topic, partition } = payload.batch;
    const records = this.recordsOf(payload);
    const abort = new AbortController();
    this.aborts.add(abort);
    const progress = new Progress(payload, abort, checkEveryMs(this.settings.sessionTimeoutMs));
    try {
      this.backlog.fetched(records);
      const verdict = await this.handle(
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

  private recordsOf({ batch: { topic, partition, messages } }: EachBatchPayload): SourceRecord[] {
    const origin = topic === this.settings.changeLogTopic ? 'change log' : 'runs';
    return messages.map(({ offset, timestamp, value }) => ({
      ...{ origin, topic, partition, value },
      offset: BigInt(offset),
      timestampMs: Number(timestamp),
    }));
  }

  /** Pausing keeps the membership; what was not committed is handed out again. */
  private holdPartition(payload: EachBatchPayload, forMs: number): void {
    const resume = payload.pause();
    if (this.isClosed) return;
    const timer = setTimeout(() => {
      this.holds.delete(timer);
      resume();
    }, forMs);
    this.holds.add(timer);
  }
}
