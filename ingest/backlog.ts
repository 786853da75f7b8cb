/** How many records wait, and for how long the oldest one: what an operator asks first when runs are late. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Health, HealthPart } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import type { Position } from './kafka-positions.js';
import type { SourceRecord } from './record-source.js';

/** Records wait for a moment in the best of times. */
const WORTH_TELLING_MS = 60_000;

export class Backlog {
  /** The records of each partition that were fetched and are not accepted yet. */
  private readonly waiting = new Map<string, readonly SourceRecord[]>();
  private readonly note: HealthPart;

  constructor(
    private readonly logger: Logger,
    health: Health,
    private readonly now: () => number = Date.now,
  ) {
    this.note = health.note('backlog');
  }

  fetched(records: readonly SourceRecord[]): void {
    const [first] = records;
    if (first) this.waiting.set(`${first.topic}/${first.partition}`, records);
  }

  /** Everything up to and including `offset`. */
  accepted(topic: string, partition: number, offset: bigint): void {
    const name = `${topic}/${partition}`;
    const left = (this.waiting.get(name) ?? []).filter((record) => record.offset > offset);
    if (left.length > 0) this.waiting.set(name, left);
    else this.waiting.delete(name);
  }

  /** Nothing waits here: what is not accepted yet is handed out again, here or to another member. */
  clear(): void {
    this.waiting.clear();
  }

  /** How long the oldest record that was fetched has been waiting, in ms; 0 when none is. */
  oldestMs(): number {
    const times = [...this.waiting.values()].flatMap(([oldest]) => oldest?.timestampMs ?? []);
    return times.length === 0 ? 0 : Math.max(this.now() - Math.min(...times), 0);
  }

  /** Looks at the whole group's positions now and then until `signal` aborts, and tells what waits for long. Never rejects. */
  async follow(ask: () => Promise<Position[]>, everyMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(everyMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      const positions = await ask().catch(() => undefined);
      if (positions && !signal.aborted) this.tell(positions);
    }
  }

  tell(positions: Position[]): void {
    const lag = positions.reduce(
      (sum, { committed, low, high }) => sum + Number(high - (committed ?? low)),
      0,
    );
    const oldestMs = this.oldestMs();
    if (lag === 0 || oldestMs < WORTH_TELLING_MS) {
      this.note.up();
      return;
    }
    const seconds = Math.round(oldestMs / 1000);
    this.note.down(`${lag} records of the group wait; the oldest one here for ${seconds} s`);
    this.logger.warn({ lag, oldestMs }, 'records wait to be accepted');
  }
}
