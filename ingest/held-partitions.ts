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

export class HeldPartitions {
  private readonly parts = new Map<string, HealthPart>();
  private inARow = 0;

  constructor(
    private readonly logger: Logger,
    private readonly health: Health,
  ) {}

  /** Returns for how long, in ms: up to a minute, longer from one hold to the next. */
  hold(batch: RecordBatch, { reason, told }: Refusal): number {
    const { topic, partition } = batch;
    const retryInMs = Math.min(FIRST_HOLD_MS * 2 ** this.inARow++, LONGEST_HOLD_MS);
    this.logger.error({ topic, partition, retryInMs }, `holding the partition: ${reason}`);
    // When the partition moves to another ingester meanwhile, nothing more is heard of it here.
    this.partOf(batch).down(told, retryInMs + LONGEST_HOLD_MS);
    return retryInMs;
  }

  moved(batch: RecordBatch): void {
    this.inARow = 0;
    this.partOf(batch).up();
  }

  private partOf({ topic, partition }: RecordBatch): HealthPart {
    const name = `${topic}/${partition}`;
    const part = this.parts.get(name) ?? this.health.part('ingest');
    this.parts.set(name, part);
    return part;
  }
}
