/**
 * Runs that are older than Temporal's memory: whether one was carried out before, only Port knows.
 *
 * A message can come again long after its workflow was forgotten: the group's offsets expired, or were set back, or
 * somebody has written a copy of it, whose record is new. So what counts is when it was signed.
 */
import { once } from 'node:events';
import type { PortClient } from '../port/client.js';
import { isNodeRun } from '../port/message.js';
import { HANDED_OVER } from '../port/outcome.js';
import { SHORTEST_RETENTION_MS } from '../temporal/retention.js';
import type { Decision } from './decide.js';
import type { SourceRecord } from './record-source.js';

/** Clocks differ, and a workflow is closed a while after its message. */
const MARGIN = 0.1;

export interface OldRunsOptions {
  /** Of Temporal's namespace, in ms; asked for each run that may be older. */
  retentionMs: () => Promise<number>;
  port: Pick<PortClient, 'isOpen' | 'isNodeRunOpen' | 'logs'>;
  now?: () => number;
}

/**
 * Whether a run that is to be started has ended already, or was handed over to its target; asks Port only where
 * Temporal may have forgotten it. Rejects when Port does not tell, or `signal` says that nobody waits for it any more.
 */
export type HasEnded = (decision: Decision, record: SourceRecord, signal: AbortSignal) => Promise<boolean>;

export function createOldRunCheck({ retentionMs, port, now = Date.now }: OldRunsOptions): HasEnded {
  return async (decision, record, signal) => {
    if (decision.kind !== 'start' || record.origin !== 'runs' || decision.run === 'change') return false;
    const publishedMs = Math.min(record.timestampMs, decision.signedMs ?? record.timestampMs);
    const isYoungerThan = (retention: number) => now() - publishedMs < retention * (1 - MARGIN);
    if (isYoungerThan(SHORTEST_RETENTION_MS) || isYoungerThan(await retentionMs())) return false;
    return Promise.race([wasCarriedOut(decision.workflow.id, port), givenUp(signal)]);
  };
}

/** Where Port does not show its node runs, nobody knows: they count as open. A run that was handed over stays open for as long as its target says nothing, which may be for ever. */
async function wasCarriedOut(runId: string, port: OldRunsOptions['port']): Promise<boolean> {
  if (isNodeRun(runId)) return (await port.isNodeRunOpen(runId)) === false;
  if (!(await port.isOpen(runId))) return true;
  const lines = (await port.logs(runId)).flatMap((message) => message.split('\n'));
  return lines.some((line) => line.startsWith(HANDED_OVER));
}

async function givenUp(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new Error('the ingester stops');
}
