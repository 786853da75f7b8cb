/** What was claimed in one go, and what came of it: acknowledged once it is durable, or left to other agents. */
import type { Acknowledgement } from '../port/claims.js';
import { forLog } from '../port/client.js';
import type { Logger } from '../telemetry/logger.js';
import type { ClaimQueue } from './claim-queue.js';
import type { SourceRecord } from './record-source.js';
import { Semaphore } from './semaphore.js';

export interface PollingCounts {
  claimed: number;
  acknowledged: number;
  /** Started here, yet acknowledged elsewhere: by a replica, or by an agent that carries it out as well. */
  acknowledgedByOthers: number;
  /** Nothing was started: it is left to other agents. */
  left: number;
}

export interface Claim {
  id: string;
  /** What a claim can leave out: the action, or the node. */
  kind: string | undefined;
  record: SourceRecord;
}

const ACKS_AT_ONCE = 8;

export class ClaimedBatch {
  /** How many are off Port's hands. */
  acknowledged = 0;
  private readonly ignored = new Set<bigint>();
  private readonly slots = new Semaphore(ACKS_AT_ONCE);
  private readonly acks: Promise<void>[] = [];
  private reached = 0;

  constructor(
    private readonly queue: ClaimQueue,
    private readonly claims: readonly Claim[],
    private readonly logger: Logger,
    private readonly counts: PollingCounts,
  ) {}

  get records(): SourceRecord[] {
    return this.claims.map(({ record }) => record);
  }

  ignore(offset: bigint): void {
    this.ignored.add(offset);
  }

  accept(offset: bigint): void {
    for (let claim = this.claims[this.reached]; claim && claim.record.offset <= offset; ) {
      if (!this.ignored.has(claim.record.offset)) this.acks.push(this.acknowledge(claim.id));
      claim = this.claims[++this.reached];
    }
  }

  left(): Claim[] {
    return this.claims.filter(({ record }) => this.ignored.has(record.offset));
  }

  async settled(): Promise<void> {
    await Promise.all(this.acks);
  }

  private async acknowledge(id: string): Promise<void> {
    await this.slots.acquire();
    try {
      this.tell(id, await this.queue.acknowledge(id));
    } catch (error) {
      const reason = forLog(error);
      this.logger.warn(
        { queue: this.queue.topic, id },
        `could not be acknowledged: ${reason}. Port hands it out again, and it will be recognized`,
      );
    } finally {
      this.slots.release();
    }
  }

  private tell(id: string, answer: Acknowledgement): void {
    this.acknowledged++;
    if (answer === 'acknowledged') {
      this.counts.acknowledged++;
      return;
    }
    this.counts.acknowledgedByOthers++;
    this.logger.warn(
      { queue: this.queue.topic, id },
      'was acknowledged by another agent before: its lease had ended. An agent that does not share our Temporal carries it out as well',
    );
  }
}
