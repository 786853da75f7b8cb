/** Holds what is told of one run against what its target has seen. */
import type { InjectedFault, TargetCall, ToldRun, WorkflowEvidence } from './evidence.js';
import { nameOf } from './schedule.js';

export type Violation = 'lost' | 'unreported' | 'untrue' | 'doubled';

export interface Finding {
  kind: Violation | 'ambiguous';
  /** For `ambiguous`, the fault that explains it, and whether the target was called. */
  why: string;
}

export interface RunCase {
  told: ToldRun;
  workflow: WorkflowEvidence;
  /** The requests with this run's key, however they ended. */
  calls: TargetCall[];
  /** The ids of the pipelines that carry this run. */
  pipelines: string[];
  target: TargetCall['target'];
  faults: InjectedFault[];
}

/** Words of the product that carry a claim about the target. */
const STATUS_WORDS = /with status code: (\d{3})|GitLab answered (\d{3})/;
const AMBIGUOUS_WORDS = /may have been reached/;
const NOT_SENT_WORDS = /was not sent|nothing was sent/;

/** A run that is as it should be has no findings, or one that is `ambiguous`. */
export function judgeRun(run: RunCase): Finding[] {
  const { told, workflow } = run;
  const reached = run.calls.filter(({ status }) => status !== 429);
  const findings: Finding[] = [];
  const found = (kind: Finding['kind'], why: string): void => void findings.push({ kind, why });

  if (reached.length > 1) found('doubled', `the target was called ${reached.length} times`);
  if (run.pipelines.length > 1) found('doubled', `${run.pipelines.length} pipelines were created`);
  if (told.ended > 1) found('doubled', `Port heard of its end ${told.ended} times`);
  if (told.logs > 1) found('doubled', `Port holds ${told.logs} logs of it`);
  if (workflow.status === 'running') found('unreported', 'its workflow has not closed');
  else if (told.status === 'IN_PROGRESS' && !isHandedOver(run))
    found('unreported', `its workflow is ${workflow.status}, and Port holds it open`);
  else if (told.status === 'IN_PROGRESS' && told.logs === 0 && told.externalRunId === undefined)
    found('unreported', 'it was handed over, and Port was told nothing of it');
  else findings.push(...judgeTruth(run, reached));
  return findings;
}

function isHandedOver({ told, workflow }: RunCase): boolean {
  return !told.synchronized && workflow.status === 'completed';
}

/** Whether what is told of a run's end is what the target knows of it. */
function judgeTruth(run: RunCase, reached: TargetCall[]): Finding[] {
  const { told, workflow } = run;
  const answer = reached.find(({ status }) => status !== undefined)?.status;
  const untrue = (why: string): Finding[] => [{ kind: 'untrue', why }];
  const isFailed = workflow.status === 'failed';
  if (isFailed !== (told.status === 'FAILURE'))
    return untrue(`Port says ${told.status}, and its workflow is ${workflow.status}`);
  if (!isFailed) {
    if (answer === undefined || answer >= 400)
      return untrue(`${told.status}, but the target says ${answer ?? 'nothing'}`);
    return judgePipeline(run);
  }
  const [, webhookStatus, gitlabStatus] = STATUS_WORDS.exec(told.said) ?? [];
  const claimed = webhookStatus ?? gitlabStatus;
  if (claimed !== undefined)
    return answer === Number(claimed)
      ? []
      : untrue(`"answered ${claimed}", but it was ${answer ?? 'no call'}`);
  if (AMBIGUOUS_WORDS.test(told.said)) return judgeAmbiguous(run);
  if (NOT_SENT_WORDS.test(told.said))
    return reached.length > 0
      ? untrue(`"not sent", but the target was called: ${told.said}`)
      : [{ kind: 'lost', why: `it was never sent, although its target came back: ${told.said}` }];
  return untrue(`it failed with words that nobody knows: ${told.said}`);
}

function judgePipeline({ target, told, pipelines }: RunCase): Finding[] {
  if (target !== 'GitLab' || pipelines.includes(told.externalRunId ?? '')) return [];
  return [
    { kind: 'untrue', why: `Port knows pipeline ${told.externalRunId}, GitLab ${pipelines.join(', ')}` },
  ];
}

function judgeAmbiguous({ workflow, target, faults, told, calls }: RunCase): Finding[] {
  const { call } = workflow;
  const fault = call && faults.find((each) => mayHide(each, target) && isOpenDuring(call, each));
  const outcome = calls.length === 0 ? ', not called' : '';
  if (fault) return [{ kind: 'ambiguous', why: `${nameOf(fault)}${outcome}` }];
  return [{ kind: 'untrue', why: `"may have been reached", and no fault explains it: ${told.said}` }];
}

function isOpenDuring(call: { fromMs: number; toMs: number }, fault: InjectedFault): boolean {
  return call.fromMs <= fault.toMs && fault.fromMs <= call.toMs;
}

/**
 * Whether a fault can keep an agent from learning what became of a call. A worker that is told to stop finishes
 * its calls, and what happens to Port, Kafka and the ingester is no excuse.
 */
function mayHide(fault: InjectedFault, target: TargetCall['target']): boolean {
  if (fault.on !== 'process') return fault.whom === target || fault.whom === 'Temporal';
  return fault.whom === 'Temporal' || (fault.whom === 'worker' && fault.how !== 'SIGTERM');
}
