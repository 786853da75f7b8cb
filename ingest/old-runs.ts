/**
 * Runs that are older than Temporal's memory: whether one was carried out before, only Port knows.
 *
 * A message can come again long after its workflow was forgotten: the group's offsets expired, or were set back, or
 * somebody has written a copy of it, whose record is new. So what counts is when it was signed.
 */
import type { Decision } from './decide.js';
import type { SourceRecord } from './record-source.js';

/** Clocks differ, and a workflow is closed a while after its message. */
const MARGIN = 0.1;

export interface OldRunsOptions {
  /** Of Temporal's namespace, in ms. */
  retentionMs: number;
  /** Asks Port. */
  isOpen: (runId: string) => Promise<boolean>;
  now?: () => number;
}

/** Whether a run that is to be started has ended already; asks Port only where Temporal may have forgotten it. */
export type HasEnded = (decision: Decision, record: SourceRecord) => Promise<boolean>;

export function createOldRunCheck({ retentionMs, isOpen, now = Date.now }: OldRunsOptions): HasEnded {
  return async (decision, record) => {
    if (decision.kind !== 'start' || record.origin !== 'runs' || decision.run !== 'run') return false;
    const publishedMs = Math.min(record.timestampMs, decision.signedMs ?? record.timestampMs);
    if (now() - publishedMs < retentionMs * (1 - MARGIN)) return false;
    return !(await isOpen(decision.workflow.id));
  };
}
