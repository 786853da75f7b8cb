/**
 * Turns the records of a batch into workflows: decides in order, starts side by side, and says how far the
 * unbroken row of accepted records reaches. Only that may be committed.
 */
import type { Logger } from '../telemetry/logger.js';
import type { WorkflowStarter } from '../temporal/start-workflow.js';
import { type Decision, type DecisionContext, decide, recordName } from './decide.js';
import type { MatchMapping } from './match-mapping.js';
import type { BatchContext, BatchHandler, BatchVerdict, RecordBatch, SourceRecord } from './record-source.js';
import { Semaphore } from './semaphore.js';

const FIRST_HOLD_MS = 1000;
const LONGEST_HOLD_MS = 60_000;

export interface AcceptOptions {
  starter: WorkflowStarter;
  decision: Omit<DecisionContext, 'signatures'>;
  /** Left out without a mapping file. */
  matchMapping?: MatchMapping;
  concurrentStarts: number;
  logger: Logger;
}

/** The handler for every partition of the process; it never rejects. */
export function createBatchHandler(options: AcceptOptions): BatchHandler {
  const { starter, logger } = options;
  const slots = new Semaphore(options.concurrentStarts);
  const signatures = { anyGood: false, bad: new Set<string>() };
  let holds = 0;

  return async (batch, context) => {
    const verdict = await acceptBatch(batch, context);
    holds = verdict.retryAfterMs === undefined ? 0 : holds + 1;
    return verdict;
  };

  async function acceptBatch(batch: RecordBatch, context: BatchContext): Promise<BatchVerdict> {
    const row = new AcceptedRow(batch.records, context);
    const starts: Promise<void>[] = [];
    let refusal: string | undefined;
    for (const record of batch.records) {
      await slots.acquire();
      if (refusal !== undefined || context.signal.aborted) {
        slots.release();
        break;
      }
      const decision = await decideAndRemember(record);
      if (decision.kind === 'hold') {
        slots.release();
        refusal = decision.reason;
        break;
      }
      if (decision.kind === 'ignore') context.onIgnored?.(record.offset);
      const accepted = carryOut(decision, record)
        .then(() => row.accept(record))
        .catch((error) => {
          refusal ??= `Temporal did not take ${recordName(record)}: ${messageOf(error)}`;
        })
        .finally(() => slots.release());
      starts.push(accepted);
    }
    await Promise.all(starts);
    if (refusal === undefined) return {};
    const retryAfterMs = Math.min(FIRST_HOLD_MS * 2 ** holds, LONGEST_HOLD_MS);
    logger.error(
      { topic: batch.topic, partition: batch.partition, retryInMs: retryAfterMs },
      `holding the partition: ${refusal}`,
    );
    return { retryAfterMs };
  }

  /** A record that can't be decided on is a mistake of ours: it is held, not lost and not skipped. */
  async function decideAndRemember(record: SourceRecord): Promise<Decision> {
    try {
      const match = await options.matchMapping?.(record);
      // Decided and remembered in one go: another partition's record must not be judged in between.
      const decision = decide(record, { ...options.decision, signatures }, match);
      remember(decision, record);
      return decision;
    } catch (error) {
      return { kind: 'hold', reason: `${recordName(record)} can't be decided on: ${messageOf(error)}` };
    }
  }

  function remember(decision: Decision, record: SourceRecord): void {
    const signature = signatureOf(decision);
    if (signature === 'good') {
      signatures.anyGood = true;
      signatures.bad.clear();
    } else if (signature === 'bad' && !signatures.anyGood) {
      signatures.bad.add(recordName(record));
    }
  }

  async function carryOut(
    decision: Exclude<Decision, { kind: 'hold' }>,
    record: SourceRecord,
  ): Promise<void> {
    const name = recordName(record);
    if (decision.kind === 'ignore') {
      const level = decision.reason === 'not for an agent' ? 'debug' : 'warn';
      logger[level]({ record: name, reason: decision.reason }, 'ignored');
      return;
    }
    const { workflow } = decision;
    const result = await starter.start(workflow);
    if (decision.kind === 'reject')
      logger.warn({ record: name, reason: decision.reason, workflowId: workflow.id }, 'rejected');
    else logger.info({ record: name, runId: workflow.id, workflow: workflow.type, result }, 'accepted');
  }
}

/** What a decision says of its record's signature; undefined when it was not looked at. */
function signatureOf(decision: Decision): 'good' | 'bad' | undefined {
  if (decision.kind === 'start') return 'good';
  if (decision.kind !== 'reject' || decision.reason === 'not JSON') return undefined;
  return decision.reason === 'bad signature' ? 'bad' : 'good';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown reason';
}

/** How far the unbroken row of accepted records reaches from the batch's first. */
class AcceptedRow {
  private readonly accepted = new Set<bigint>();
  private next = 0;

  constructor(
    private readonly records: readonly SourceRecord[],
    private readonly context: BatchContext,
  ) {}

  accept(record: SourceRecord): void {
    this.accepted.add(record.offset);
    const before = this.next;
    for (let at = this.records[this.next]; at && this.accepted.has(at.offset); at = this.records[this.next])
      this.next++;
    const last = this.records[this.next - 1];
    if (this.next > before && last) this.context.onAccepted(last.offset);
  }
}
