/**
 * Turns the records of a batch into workflows: decides in order, starts side by side, and says how far the
 * unbroken row of accepted records reaches. Only that may be committed.
 */
import { forLog } from '../port/client.js';
import type { Health, HealthLoop } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { NotStartedError, type WorkflowStarter } from '../temporal/start-workflow.js';
import { type Decision, type DecisionContext, decide, recordName } from './decide.js';
import { HeldPartitions, type Refusal } from './held-partitions.js';
import type { MatchMapping } from './match-mapping.js';
import type { HasEnded } from './old-runs.js';
import type { BatchContext, BatchHandler, RecordBatch, SourceRecord } from './record-source.js';
import { Semaphore } from './semaphore.js';

export interface AcceptOptions {
  starter: WorkflowStarter;
  decision: Omit<DecisionContext, 'signatures'>;
  /** Left out without a mapping file. */
  matchMapping?: MatchMapping;
  hasEnded?: HasEnded;
  concurrentStarts: number;
  logger: Logger;
  health: Health;
  /** For the length of holds, from 0 to 1; default `Math.random`. */
  random?: () => number;
}

const UNDECIDABLE = "a record that can't be decided on is held, with all behind it; the log names it";
const NOT_TAKEN = 'Temporal does not take what is to be started; nothing is lost, and the log says why';

/** The handler for every partition of the process; it never rejects. */
export function createBatchHandler(options: AcceptOptions): BatchHandler {
  const { starter, logger, health } = options;
  const slots = new Semaphore(options.concurrentStarts);
  const signatures = { anyGood: false, bad: new Set<string>() };
  const partitions = new HeldPartitions(logger, health, options.random);

  return async (batch, context) => {
    const loop = health.loop('ingest');
    const refusal = await acceptBatch(batch, context, loop).finally(() => loop.end());
    // Whoever has the records next finds out; what was broken off says nothing of whether the partition moves.
    if (context.signal.aborted) return {};
    if (refusal !== undefined) return { retryAfterMs: partitions.hold(batch, refusal) };
    partitions.moved(batch);
    return {};
  };

  async function acceptBatch(
    batch: RecordBatch,
    context: BatchContext,
    loop: HealthLoop,
  ): Promise<Refusal | undefined> {
    const row = new AcceptedRow(batch.records, context);
    const starts: Promise<void>[] = [];
    let refusal: Refusal | undefined;
    for (const record of batch.records) {
      await slots.acquire();
      if (refusal !== undefined || context.signal.aborted) {
        slots.release();
        break;
      }
      const decision = await decideAndRemember(record, context.signal);
      if (decision.kind === 'hold' || decision.kind === 'undecidable') {
        slots.release();
        const { kind, reason } = decision;
        refusal = { reason, told: kind === 'hold' ? reason : UNDECIDABLE };
        break;
      }
      if (decision.kind === 'ignore') context.onIgnored?.(record.offset);
      const accepted = carryOut(decision, record)
        .then(() => {
          row.accept(record);
          slots.widen();
        })
        .catch((error) => {
          if (error instanceof NotStartedError && error.exhausted) slots.narrow();
          const reason = `Temporal did not take ${recordName(record)}: ${forLog(error)}`;
          refusal ??= { reason, told: NOT_TAKEN };
        })
        .finally(() => {
          slots.release();
          loop.tick();
        });
      starts.push(accepted);
    }
    await Promise.all(starts);
    return refusal;
  }

  /** A record that can't be decided on is a mistake of ours: it is held, not lost and not skipped. */
  async function decideAndRemember(
    record: SourceRecord,
    signal: AbortSignal,
  ): Promise<Decision | { kind: 'undecidable'; reason: string }> {
    try {
      const match = await options.matchMapping?.(record);
      // Decided and remembered in one go: another partition's record must not be judged in between.
      const decision = decide(record, { ...options.decision, signatures }, match);
      remember(decision, record);
      if (!(await options.hasEnded?.(decision, record, signal))) return decision;
      return { kind: 'ignore', reason: 'ended or handed over before, as Port says' };
    } catch (error) {
      return {
        kind: 'undecidable',
        reason: `${recordName(record)} can't be decided on: ${forLog(error)}`,
      };
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

/** What a decision says of its record's signature; undefined when it has none, or it was not looked at. */
function signatureOf(decision: Decision): 'good' | 'bad' | undefined {
  if (decision.kind !== 'start' && decision.kind !== 'reject') return undefined;
  if (decision.signedMs !== undefined) return 'good';
  return decision.kind === 'reject' && decision.reason === 'bad signature' ? 'bad' : undefined;
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
