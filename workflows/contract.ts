/**
 * What workflows share with those who start them and work for them: names, inputs, failure types.
 *
 * Everything here is plain JSON, and is written into histories that later versions must be able to replay.
 */
import type { Json, JsonObject, MessageKind } from '../port/message.js';
import type { Outcome } from '../port/outcome.js';

export type RunWorkflowType = 'triggerGitlabPipeline' | 'callWebhook';

/** Limits and switches are settled by the ingester, since workflows read no configuration. */
export interface CallPolicy {
  /** One call, from the name lookup to the last byte of the answer. */
  callTimeoutMs: number;
  /** So long after its call's deadline, an attempt that has not answered is taken to have died with its worker. */
  workerLostAfterMs: number;
  /** How long a call that was provably not sent is tried again, from when it was first due. */
  retryWindowMs: number;
  /** How long a run waits for a worker or for GitLab's pipeline rate limit. */
  maxWaitMs: number;
  /** The receiver honours `Idempotency-Key`, so a call that may have been sent is tried again as well. */
  retryAmbiguous?: boolean;
}

export interface RunInput {
  /** The id of the run or node run; for a change, which has none, the workflow's own. */
  runId: string;
  /** Decides whom the outcome is reported to: nobody, for a change. */
  kind: MessageKind;
  /** `POST gitlab.example.com platform/infra`: shown in the UI. */
  call: string;
  /** Port's message, without its signature. */
  message: JsonObject;
  policy: CallPolicy;
}

export interface InvokeInput extends RunInput {
  /** A workflow that was reset must not call again unasked: it may have called before. */
  mayCall: boolean;
  /** The workflow's run (Temporal's, of which a reset makes another) that asks; left out in older histories. */
  forExecution?: string;
}

export type InvokeResult = { kind: 'outcome'; outcome: Outcome } | { kind: 'withheld' };

export interface ReportInput {
  runId: string;
  outcome: Outcome;
}

export interface RejectInput {
  /** Where the record stands: `topic/partition/offset`. */
  record: string;
  reason: 'not JSON' | 'unknown shape' | 'unusable run id' | 'bad signature' | 'too large';
  /** What it means and what to do. */
  advice: string;
  sizeBytes: number;
  timestampMs: number;
  runId?: Json;
  /** How the record begins, without what looks like a secret. */
  extract?: string;
  /** Whether Port is told that the run failed, if it is open there. */
  reportTo?: string;
}

/** Every type of failure that activities and workflows end with. */
export const FAILURES = {
  /** The call failed before a byte of it was sent; it is tried again for the window. */
  notSent: 'NotSent',
  /** No answer came, and the policy allows to call again. */
  ambiguous: 'Ambiguous',
  /** The target asked to come back later; nothing was done. */
  rateLimited: 'RateLimited',
  /** Port could not be told; it is tried again for days. */
  portUnavailable: 'PortUnavailable',
  /** Port refuses the report, and would again. */
  portRefused: 'PortRefused',
  /** The run ended with FAILURE, and Port was told. */
  runFailed: 'RunFailed',
  /** A record that is no run of ours to carry out. */
  messageRejected: 'MessageRejected',
} as const;

/** Sent to a workflow that was reset, to have the call made again. */
export const CALL_AGAIN_SIGNAL = 'callAgain';
