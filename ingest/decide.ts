/**
 * What to do with a record: start a workflow, ignore it, reject it, or hold everything.
 *
 * A pure function. First "is it mine?", since several agents share one topic; only then the signature.
 */
import { excerpt, oneLine } from '../port/excerpt.js';
import {
  type InvocationMethod,
  invocationMethodOf,
  isJson,
  isNodeRun,
  type Json,
  type JsonObject,
  kindOfRun,
  type MessageKind,
  parseMessage,
  runIdOf,
} from '../port/message.js';
import { describeCall } from '../port/plan.js';
import { redact } from '../port/secrets/redact.js';
import { type Verified, verify } from '../port/signature.js';
import type { WorkflowStart } from '../temporal/start-workflow.js';
import type { CallPolicy, RejectInput, RunInput, RunWorkflowType } from '../workflows/contract.js';
import { describeRun, MAX_SUMMARY_LENGTH } from './describe-run.js';
import type { SourceRecord } from './record-source.js';

export type IgnoreReason =
  | 'not for an agent'
  | 'GitLab run without an agent flag'
  | 'no mapping matches'
  | 'ended or handed over before, as Port says';

export type Decision =
  | {
      kind: 'start';
      run: MessageKind;
      workflow: WorkflowStart;
      /** When Port signed it, in ms; left out where no good signature was seen. */
      signedMs?: number;
    }
  | { kind: 'ignore'; reason: IgnoreReason }
  | { kind: 'reject'; reason: RejectInput['reason']; workflow: WorkflowStart; signedMs?: number }
  | { kind: 'hold'; reason: string };

export interface DecisionContext {
  clientSecret: string;
  gitlabUrl: string;
  gitlabWithoutAgent: 'ignore' | 'accept';
  unmatchedRuns: 'ignore' | 'fail';
  policy: CallPolicy;
  signatures: SignatureRecord;
}

/** What the mappings say of a message; left out where there is no mapping file. */
export interface MappingMatch {
  isMatched: boolean;
  /** What the mapping calls, as it may be shown. */
  call?: string;
}

/** What signatures have shown since start. Bad ones alone mean that our own secret is wrong. */
export interface SignatureRecord {
  anyGood: boolean;
  /** The records whose signature was bad, by `topic/partition/offset`. */
  bad: ReadonlySet<string>;
}

/** So many bad signatures and not a good one: it is the secret. */
const BAD_SIGNATURES_TO_HOLD = 3;
/** Temporal takes payloads of 2 MB; the rest is room for the encoding. */
const MAX_MESSAGE_BYTES = 1_500_000;
const RUN_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
/** Of a rejected record so much is kept as evidence, in characters. */
const MAX_SHOWN_ID_LENGTH = 200;
const MAX_EXTRACT_LENGTH = 500;

export function recordName({ topic, partition, offset }: SourceRecord): string {
  return `${topic}/${partition}/${offset}`;
}

/** Decides on one record; `match` is what the mapping evaluator found, which needs no decision of its own. */
export function decide(record: SourceRecord, context: DecisionContext, match?: MappingMatch): Decision {
  const message = parseMessage(record.value);
  if (!message) return unreadable(record);
  const kind = record.origin === 'change log' ? 'change' : kindOfRun(message);
  const invocation = invocationMethodOf(message, kind);
  const ignored = whyNotMine(invocation, context, match);
  if (ignored || !invocation) return { kind: 'ignore', reason: ignored ?? 'not for an agent' };

  const runId = kind === 'change' ? `change/${recordName(record)}/${record.timestampMs}` : runIdOf(message);
  const verified =
    record.origin === 'runs' ? verifyRun(message, context.clientSecret, invocation.type) : TRUSTED(message);
  if (!verified.genuine) return badSignature(record, runId, context);
  const { signedMs } = verified;
  const signed = signedMs === undefined ? {} : { signedMs };
  if (typeof runId !== 'string' || (kind !== 'change' && !RUN_ID.test(runId))) {
    const why = "context.runId is not an id of Port's.";
    return { ...reject(record, 'unusable run id', why, runId ?? null), ...signed };
  }
  // As it came and as it is written to Temporal: read as `1e20`, a number is written with 21 digits.
  const written = Buffer.byteLength(JSON.stringify(verified.message));
  if (Math.max(record.value?.byteLength ?? 0, written) > MAX_MESSAGE_BYTES) {
    const advice = `The message is larger than ${MAX_MESSAGE_BYTES} bytes; make the action's payload smaller.`;
    const reportTo = kind === 'change' ? undefined : runId;
    return { ...reject(record, 'too large', advice, runId, reportTo), ...signed };
  }
  const call = match?.call ?? describeCall(invocation, context.gitlabUrl);
  const policy = policyFor(invocation, context.policy);
  const input: RunInput = { runId, kind, call, message: verified.message, policy };
  return { kind: 'start', run: kind, workflow: runWorkflow(input, invocation), ...signed };
}

/** GitLab knows no idempotency key: there, a second request is a second pipeline. */
function policyFor({ type }: InvocationMethod, { retryAmbiguous, ...policy }: CallPolicy): CallPolicy {
  return retryAmbiguous && type !== 'GITLAB' ? { ...policy, retryAmbiguous } : policy;
}

/** Port hands claims out itself, and never signs changes. */
const TRUSTED = (message: JsonObject): Verified => ({ genuine: true, message });

/**
 * The agent signs what it sends for a change as Port signs a run, and nobody signs changes: whoever writes one that is
 * sent to himself gets a text of his own signed. It names its destination, which no run does.
 */
function verifyRun(message: JsonObject, clientSecret: string, type: InvocationMethod['type']): Verified {
  return Object.hasOwn(message, 'changelogDestination')
    ? { genuine: false, message }
    : verify(message, clientSecret, type);
}

function whyNotMine(
  invocation: InvocationMethod | undefined,
  context: DecisionContext,
  match: MappingMatch | undefined,
): IgnoreReason | undefined {
  if (!invocation) return 'not for an agent';
  if (!invocation.forAgent) {
    if (invocation.type !== 'GITLAB') return 'not for an agent';
    if (context.gitlabWithoutAgent === 'ignore') return 'GitLab run without an agent flag';
  }
  return match?.isMatched === false && context.unmatchedRuns === 'ignore' ? 'no mapping matches' : undefined;
}

function unreadable(record: SourceRecord): Decision {
  return isJson(record.value)
    ? reject(
        record,
        'unknown shape',
        `The record is JSON, but no object as Port's messages are. ${NOT_PORTS}`,
      )
    : reject(record, 'not JSON', `The record is no JSON. ${NOT_PORTS}`);
}

const NOT_PORTS = 'Port does not write such records; whoever may write to the topic can.';

function badSignature(record: SourceRecord, runId: Json | undefined, context: DecisionContext): Decision {
  const { anyGood, bad } = context.signatures;
  const count = bad.size + (bad.has(recordName(record)) ? 0 : 1);
  if (!anyGood && count >= BAD_SIGNATURES_TO_HOLD) {
    return {
      kind: 'hold',
      reason: `${count} messages with a bad signature and none with a good one: PORT_CLIENT_SECRET does not belong to this organization. Nothing is lost; correct it and restart`,
    };
  }
  const advice =
    "Someone else wrote it, or PORT_CLIENT_SECRET is not the organization's. It was not carried out.";
  const known = typeof runId === 'string' && RUN_ID.test(runId) && !isNodeRun(runId) ? runId : undefined;
  return reject(record, 'bad signature', advice, runId, known);
}

function runWorkflow(input: RunInput, invocation: InvocationMethod): WorkflowStart {
  const type: RunWorkflowType = invocation.type === 'GITLAB' ? 'triggerGitlabPipeline' : 'callWebhook';
  return { type, id: input.runId, input, ...describeRun(input.message, invocation, input.call) };
}

function reject(
  record: SourceRecord,
  reason: RejectInput['reason'],
  advice: string,
  runId?: Json,
  reportTo?: string,
): Extract<Decision, { kind: 'reject' }> {
  const name = recordName(record);
  const input: RejectInput = {
    record: name,
    reason,
    advice,
    sizeBytes: record.value?.byteLength ?? 0,
    timestampMs: record.timestampMs,
    extract: extractOf(record.value),
    ...(runId !== undefined && { runId: excerpt(JSON.stringify(runId), MAX_SHOWN_ID_LENGTH) }),
    ...(reportTo !== undefined && { reportTo }),
  };
  return {
    kind: 'reject',
    reason,
    workflow: {
      type: 'rejectMessage',
      id: `rejected/${name}/${record.timestampMs}`,
      input,
      summary: excerpt(`${reason}: ${name}`, MAX_SUMMARY_LENGTH),
      details: advice,
      searchAttributes: {},
    },
  };
}

/** Redacted before it is cut, and of few bytes: half a secret is not recognized, and a large record is costly. */
function extractOf(value: Uint8Array | null): string {
  const start = new TextDecoder().decode(value?.subarray(0, 8 * MAX_EXTRACT_LENGTH));
  return excerpt(oneLine(redact(start, [])), MAX_EXTRACT_LENGTH);
}
