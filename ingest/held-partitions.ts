/** Partitions whose records can't go on for now: how long each waits, and what is said of it. */
import type { Health, HealthPart } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import type { RecordBatch } from './record-source.js';

const FIRST_HOLD_MS = 1000;
const LONGEST_HOLD_MS = 60_000;

export interface Refusal {
  /** For the log. */
  reason: string;
  /** For health, which everybody may read: no record, no run, no error's text. */
  told: string;
}

interface Partition {
  part: HealthPart;
  holdsInARow: number;
}

export class HeldPartitions {
  private readonly partitions = new Map<string, Partition>();

  constructor(
    private readonly logger: Logger,
    private readonly health: Health,
    private readonly random: () => number = Math.random,
  ) {}

  /** Returns for how long, in ms: up to a minute, longer from one hold of the partition to the next. */
  hold(batch: RecordBatch, { reason, told }: Refusal): number {
    const { topic, partition } = batch;
    const held = this.find(batch);
    const longestMs = Math.min(FIRST_HOLD_MS * 2 ** held.holdsInARow++, LONGEST_HOLD_MS);
    // Partitions that were refused together should not all come back together.
    const retryInMs = Math.round(longestMs * (0.5 + this.random() / 2));
    this.logger.error({ topic, partition, retryInMs }, `holding the partition: ${reason}`);
    // When the partition moves to another ingester meanwhile, nothing more is heard of it here.
    held.part.down(told, retryInMs + LONGEST_HOLD_MS);
    return retryInMs;
  }

  moved(batch: RecordBatch): void {
    const held = this.find(batch);
    held.holdsInARow = 0;
    held.part.up();
  }

  private find({ topic, partition }: RecordBatch): Partition {
    const name = `${topic}/${partition}`;
    const held = this.partitions.get(name) ?? { part: this.health.part('ingest'), holdsInARow: 0 };
    this.partitions.set(name, held);
    return held;
  }
}
