/**
 * What to do with a record: start a workflow, ignore it, reject it, or hold everything.
 *
 * A pure function. First "is it mine?", since several agents share one topic; only then the signature.
 */
import { excerpt, oneLine } from '../port/excerpt.js';
import {
  type InvocationMethod,
  invocationMethodOf,
  type Json,
  type JsonObject,
  parseMessage,
  runIdOf,
  textAt,
} from '../port/message.js';
import { describeCall, targetOf } from '../port/plan.js';
import { verify } from '../port/signature.js';
import type { SearchAttributeValues } from '../temporal/search-attributes.js';
import type { WorkflowStart } from '../temporal/start-workflow.js';
import type { CallPolicy, RejectInput, RunInput, RunWorkflowType } from '../workflows/contract.js';
import type { SourceRecord } from './record-source.js';

export type IgnoreReason = 'not for an agent' | 'GitLab run without an agent flag' | 'workflow node run';

export type Decision =
  | { kind: 'start'; workflow: WorkflowStart }
  | { kind: 'ignore'; reason: IgnoreReason }
  | { kind: 'reject'; reason: RejectInput['reason']; workflow: WorkflowStart }
  | { kind: 'hold'; reason: string };

export interface DecisionContext {
  clientSecret: string;
  gitlabUrl: string;
  gitlabWithoutAgent: 'ignore' | 'accept';
  policy: CallPolicy;
  signatures: SignatureRecord;
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
const NODE_RUN = /^wfnr_/;
/** Of a rejected record so much is kept as evidence, in characters. */
const MAX_SHOWN_ID_LENGTH = 200;
/** Temporal takes 400 bytes of a summary; a character is three at most. */
const MAX_SUMMARY_LENGTH = 120;
const MAX_VALUE_LENGTH = 200;

export function recordName({ topic, partition, offset }: SourceRecord): string {
  return `${topic}/${partition}/${offset}`;
}

export function decide(record: SourceRecord, context: DecisionContext): Decision {
  const message = parseMessage(record.value);
  if (!message)
    return reject(record, 'not JSON', 'The record holds no JSON object; Port does not write such records.');
  const invocation = invocationMethodOf(message);
  const ignored = whyNotMine(invocation, message, context);
  if (ignored || !invocation) return { kind: 'ignore', reason: ignored ?? 'not for an agent' };

  const runId = runIdOf(message);
  const verified = verify(message, context.clientSecret, invocation.type);
  if (!verified.genuine) return badSignature(record, runId, context);
  if (typeof runId !== 'string' || !RUN_ID.test(runId)) {
    return reject(record, 'unusable run id', "context.runId is not an id of Port's.", runId ?? null);
  }
  if ((record.value?.byteLength ?? 0) > MAX_MESSAGE_BYTES) {
    const advice = `The message is larger than ${MAX_MESSAGE_BYTES} bytes; make the action's payload smaller.`;
    return reject(record, 'too large', advice, runId, runId);
  }
  return { kind: 'start', workflow: runWorkflow(runId, verified.message, invocation, context) };
}

function whyNotMine(
  invocation: InvocationMethod | undefined,
  message: JsonObject,
  context: DecisionContext,
): IgnoreReason | undefined {
  if (!invocation) return 'not for an agent';
  const runId = runIdOf(message);
  if (!invocation.forAgent) {
    if (invocation.type !== 'GITLAB') return 'not for an agent';
    if (context.gitlabWithoutAgent === 'ignore') return 'GitLab run without an agent flag';
  }
  return typeof runId === 'string' && NODE_RUN.test(runId) ? 'workflow node run' : undefined;
}

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
  const known = typeof runId === 'string' && RUN_ID.test(runId) ? runId : undefined;
  return reject(record, 'bad signature', advice, runId, known);
}

function runWorkflow(
  runId: string,
  message: JsonObject,
  invocation: InvocationMethod,
  context: DecisionContext,
): WorkflowStart {
  const type: RunWorkflowType = invocation.type === 'GITLAB' ? 'triggerGitlabPipeline' : 'callWebhook';
  const call = describeCall(invocation, context.gitlabUrl);
  const input: RunInput = { runId, call, message, policy: context.policy };
  const attributes = attributesOf(message, invocation);
  return {
    type,
    id: runId,
    input,
    summary: summaryOf(attributes, call),
    details: detailsOf(attributes, call),
    searchAttributes: attributes,
  };
}

function attributesOf(message: JsonObject, invocation: InvocationMethod): SearchAttributeValues {
  const values = {
    PortAction: textAt(message, 'payload', 'action', 'identifier') ?? textAt(message, 'action'),
    PortBlueprint: textAt(message, 'context', 'blueprint'),
    PortEntity: textAt(message, 'context', 'entity'),
    PortUser: textAt(message, 'trigger', 'by', 'user', 'email') ?? textAt(message, 'trigger', 'by', 'userId'),
    PortOrigin: textAt(message, 'trigger', 'origin'),
    PortTarget: targetOf(invocation),
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value ? [[name, oneLine(value)]] : [])),
  );
}

function summaryOf({ PortAction, PortUser }: SearchAttributeValues, call: string): string {
  const parts = [PortAction, call, PortUser && `by ${PortUser}`];
  return excerpt(parts.filter(Boolean).join(' · '), MAX_SUMMARY_LENGTH);
}

function detailsOf(attributes: SearchAttributeValues, call: string): string {
  const rows = Object.entries(attributes).map(
    ([name, value]) => `- ${name.replace('Port', '')}: ${inCode(value)}`,
  );
  return [`Calls ${inCode(call)}`, '', ...rows].join('\n');
}

/** As inline code, where nothing becomes a link, an image or markup; the UI shows tables without any spacing. */
function inCode(text: string): string {
  return `\`${excerpt(text, MAX_VALUE_LENGTH).replaceAll('`', ' ')}\``;
}

function reject(
  record: SourceRecord,
  reason: RejectInput['reason'],
  advice: string,
  runId?: Json,
  reportTo?: string,
): Decision {
  const name = recordName(record);
  const input: RejectInput = {
    record: name,
    reason,
    advice,
    sizeBytes: record.value?.byteLength ?? 0,
    timestampMs: record.timestampMs,
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
