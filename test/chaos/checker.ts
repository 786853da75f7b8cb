/**
 * Proves from the journals alone that nothing was lost, left open, told untruly or done twice. A pure function.
 *
 * What was published is what Kafka holds. A record names a run, or is a change, or is poison: each must have one
 * closed workflow, of an id that follows from the record.
 */
import type { Evidence, PublishedRecord, TargetCall, ToldRun, WorkflowEvidence } from './evidence.js';
import { type Finding, judgeRun } from './judge-run.js';
import { nameOf } from './schedule.js';

export interface Verdict {
  /** Everything that was to be carried out: runs, node runs, changes. */
  runs: number;
  /** Records that are no run. */
  rejected: number;
  lost: number;
  unreported: number;
  untrue: number;
  doubled: number;
  /** "May have been reached", explained by a fault. */
  ambiguous: number;
  ambiguousBy: Record<string, number>;
  leaks: number;
  /** Partitions whose records are not all committed, or more than that. */
  uncommitted: number;
  /** Processes that ended unasked, or did not stop in good order when told to. */
  unclean: number;
  details: string[];
}

interface Expected {
  id: string;
  kind: 'run' | 'change' | 'rejected';
}

/** Whether a verdict has nothing to be ashamed of. */
export function isGood(verdict: Verdict): boolean {
  const { lost, unreported, untrue, doubled, leaks, uncommitted, unclean } = verdict;
  return lost + unreported + untrue + doubled + leaks + uncommitted + unclean === 0;
}

export function check(evidence: Evidence): Verdict {
  const verdict: Verdict = {
    ...{ runs: 0, rejected: 0, lost: 0, unreported: 0, untrue: 0, doubled: 0, ambiguous: 0 },
    ...{ ambiguousBy: {}, leaks: 0, uncommitted: 0, unclean: 0, details: [] },
  };
  const told = new Map(evidence.told.map((run) => [run.id, run]));
  const workflows = byKey(evidence.workflows, ({ id }) => id);
  const calls = byKey(evidence.calls, ({ runId }) => runId);
  const pipelines = byKey(evidence.pipelines, ({ runId }) => runId);
  const add = (id: string, { kind, why }: Finding): void => {
    verdict[kind] += 1;
    if (kind === 'ambiguous') verdict.ambiguousBy[why] = (verdict.ambiguousBy[why] ?? 0) + 1;
    else verdict.details.push(`${kind}: ${id}: ${why}`);
  };

  const expected = expectedOf(evidence.published, told);
  for (const { id, kind } of expected.values()) {
    if (kind === 'rejected') verdict.rejected += 1;
    else verdict.runs += 1;
    const [workflow, ...others] = workflows.get(id) ?? [];
    const requests = calls.get(id) ?? [];
    if (!workflow) {
      add(id, { kind: 'lost', why: 'its record was published, and there is no workflow' });
      continue;
    }
    if (others.length > 0) add(id, { kind: 'doubled', why: `it has ${others.length + 1} workflows` });
    for (const finding of kind === 'rejected'
      ? judgeRejected(workflow, requests)
      : judgeRun({
          told: kind === 'change' ? toldByWorkflow(workflow) : (told.get(id) as ToldRun),
          workflow,
          calls: requests,
          pipelines: (pipelines.get(id) ?? []).map((pipeline) => pipeline.id),
          target: targetOf(requests, evidence, id),
          faults: evidence.faults,
        }))
      add(id, finding);
  }
  for (const id of workflows.keys())
    if (!expected.has(id)) add(id, { kind: 'untrue', why: 'a workflow of nothing that was published' });
  for (const id of calls.keys())
    if (!expected.has(id)) add(id, { kind: 'untrue', why: 'a call of nothing that was published' });
  checkOffsets(evidence, verdict);
  checkSecrets(evidence, verdict);
  checkProcesses(evidence, verdict);
  return verdict;
}

/** What each record must have led to, once for records that name the same run. */
function expectedOf(published: PublishedRecord[], told: Map<string, ToldRun>): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const record of published) {
    const { origin, topic, partition, offset, timestampMs } = record;
    const place = `${topic}/${partition}/${offset}/${timestampMs}`;
    const runId = runIdIn(record.value);
    if (origin === 'change log') expected.set(`change/${place}`, { id: `change/${place}`, kind: 'change' });
    else if (runId !== undefined && told.has(runId)) expected.set(runId, { id: runId, kind: 'run' });
    else expected.set(`rejected/${place}`, { id: `rejected/${place}`, kind: 'rejected' });
  }
  return expected;
}

function runIdIn(value: string): string | undefined {
  try {
    const runId = (JSON.parse(value) as { context?: { runId?: unknown } }).context?.runId;
    return typeof runId === 'string' ? runId : undefined;
  } catch {
    return undefined;
  }
}

function judgeRejected({ status }: WorkflowEvidence, calls: TargetCall[]): Finding[] {
  if (calls.length > 0) return [{ kind: 'untrue', why: 'it was rejected, and its target was called' }];
  if (status === 'failed') return [];
  return [{ kind: 'unreported', why: `a rejected record's workflow is ${status}` }];
}

/** Nobody is told of a change: its workflow is all there is. */
function toldByWorkflow({ id, status, failure }: WorkflowEvidence): ToldRun {
  const ended = { running: 'IN_PROGRESS', completed: 'SUCCESS' } as const;
  return {
    id,
    synchronized: false,
    status: status === 'running' || status === 'completed' ? ended[status] : 'FAILURE',
    ...{ ended: status === 'running' ? 0 : 1, said: failure ?? '', logs: 0 },
  };
}

/** Of a run whose target was never reached, the record's own words tell it. */
function targetOf(calls: TargetCall[], { published }: Evidence, id: string): TargetCall['target'] {
  const [call] = calls;
  if (call) return call.target;
  const record = published.find(({ value }) => value.includes(`"${id}"`));
  return record?.value.includes('"type":"GITLAB"') ? 'GitLab' : 'service';
}

function checkOffsets({ offsets }: Evidence, verdict: Verdict): void {
  for (const { topic, partition, committed, end } of offsets) {
    // A partition without records has nothing to commit.
    if (committed === end || (end === '0' && committed === '-1')) continue;
    verdict.uncommitted += 1;
    verdict.details.push(`uncommitted: ${topic}/${partition}: ${committed} of ${end}`);
  }
}

function checkSecrets({ texts, secrets }: Evidence, verdict: Verdict): void {
  for (const { name, value } of secrets) {
    for (const { where, text } of texts) {
      if (!text.includes(value)) continue;
      verdict.leaks += 1;
      verdict.details.push(`leak: ${name} stands in ${where}`);
    }
  }
}

function checkProcesses({ faults, deaths }: Evidence, verdict: Verdict): void {
  for (const { whom, exit, lastLines } of deaths) {
    verdict.unclean += 1;
    verdict.details.push(
      `unclean: ${whom} ended unasked (${JSON.stringify(exit)}): ${lastLines.join(' | ')}`,
    );
  }
  for (const fault of faults) {
    const isOurs = fault.whom === 'worker' || fault.whom === 'ingester';
    if (!isOurs || fault.how !== 'SIGTERM' || !fault.exit || fault.exit.code === 0) continue;
    verdict.unclean += 1;
    verdict.details.push(`unclean: ${nameOf(fault)} ended with ${JSON.stringify(fault.exit)}`);
  }
}

function byKey<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  const map = new Map<string, T[]>();
  for (const item of items) {
    const same = map.get(keyOf(item));
    if (same) same.push(item);
    else map.set(keyOf(item), [item]);
  }
  return map;
}
