/**
 * Runs that are older than Temporal's memory: whether one was carried out before, only Port knows.
 *
 * A message can come again long after its workflow was forgotten: the group's offsets expired, or were set back, or
 * somebody has written a copy of it, whose record is new. So what counts is when it was signed.
 */
import { once } from 'node:events';
import { SHORTEST_RETENTION_MS } from '../temporal/retention.js';
import type { Decision } from './decide.js';
import type { SourceRecord } from './record-source.js';

/** Clocks differ, and a workflow is closed a while after its message. */
const MARGIN = 0.1;

export interface OldRunsOptions {
  /** Of Temporal's namespace, in ms; asked for each run that may be older. */
  retentionMs: () => Promise<number>;
  /** Asks Port. */
  isOpen: (runId: string) => Promise<boolean>;
  now?: () => number;
}

/**
 * Whether a run that is to be started has ended already; asks Port only where Temporal may have forgotten it.
 * Rejects when Port does not tell, or `signal` says that nobody waits for it any more.
 */
export type HasEnded = (decision: Decision, record: SourceRecord, signal: AbortSignal) => Promise<boolean>;

export function createOldRunCheck({ retentionMs, isOpen, now = Date.now }: OldRunsOptions): HasEnded {
  return async (decision, record, signal) => {
    if (decision.kind !== 'start' || record.origin !== 'runs' || decision.run !== 'run') return false;
    const publishedMs = Math.min(record.timestampMs, decision.signedMs ?? record.timestampMs);
    const isYoungerThan = (retention: number) => now() - publishedMs < retention * (1 - MARGIN);
    if (isYoungerThan(SHORTEST_RETENTION_MS) || isYoungerThan(await retentionMs())) return false;
    return !(await Promise.race([isOpen(decision.workflow.id), givenUp(signal)]));
  };
}

async function givenUp(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new Error('the ingester stops');
}
