/**
 * The whole call of a run: plan, look up the token, sign, send, and say what came of it.
 *
 * Tokens and bodies stay in here; only the outcome goes into history.
 */
import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { LocalPolicy } from '../config/local-policy.js';
import { AmbiguousError, BadRequestError, NotSentError } from '../http/errors.js';
import type { Outbound } from '../http/outbound.js';
import type { OutboundResponse } from '../http/read-response.js';
import type { OutboundRequest } from '../http/redirect.js';
import { fitOutcome } from '../port/fit-outcome.js';
import { type Refusal, refusalOfAction, refusalOfMethod } from '../port/local-policy.js';
import { JQ_THREADS } from '../port/mapping/mapping-book.js';
import { type InvocationMethod, invocationMethodOf } from '../port/message.js';
import { failed, isPipelineRateLimit, type Outcome } from '../port/outcome.js';
import { retryAfterMs } from '../port/retry-after.js';
import { redact } from '../port/secrets/redact.js';
import { signatureHeaders } from '../port/signature.js';
import type { Logger } from '../telemetry/logger.js';
import { FAILURES, type InvokeInput, type InvokeResult } from '../workflows/contract.js';
import {
  type InTurn,
  type PrepareDependencies,
  type PreparedCall,
  prepareCall,
  type Unprepared,
} from './prepare-call.js';
import { createTurns, type Turns } from './turns.js';

export interface InvokeDependencies extends PrepareDependencies {
  /** Never follows redirects. */
  gitlab: Outbound;
  webhooks: Outbound;
  /** Left out: every action and method. */
  policy?: LocalPolicy;
  /** The worker is to stop: no call is begun any more. */
  stopping: AbortSignal;
  detailedLogging: boolean;
  logger: Logger;
}

/** GitLab counts pipelines by the minute; the jitter keeps many waiting runs from coming back together. */
const PIPELINE_LIMIT_WAIT_MS = 60_000;
const PIPELINE_LIMIT_JITTER_MS = 30_000;
/** An attempt that the window allowed begins so long after it at the latest. */
const LAST_WAIT_MS = 120_000;
/** Of the time that an attempt has beside its call, so much may pass before it; the rest is for telling of it. */
const PREPARING_SHARE = 3 / 4;
/** When a target says 429 and not for how long. */
const DEFAULT_RATE_LIMIT_WAIT_MS = 30_000;
/** `Retry-After: 0` must not become a loop without a pause. */
const MIN_RATE_LIMIT_WAIT_MS = 1000;

export function createInvoke(deps: InvokeDependencies) {
  const turns = createTurns(JQ_THREADS, deps.stopping);
  return async function invoke(input: InvokeInput): Promise<InvokeResult> {
    if (!isAskedFor(input)) return { kind: 'withheld' };
    const outcome = fitOutcome(whyTooLate(input) ?? (await call(input, deps, turns)));
    deps.logger.info({ runId: input.runId, call: input.call, outcome: outcome.headline }, 'called');
    return { kind: 'outcome', outcome };
  };
}

/** Not in a workflow that was reset while this activity was under way: Temporal hands it out again as it was. */
function isAskedFor({ mayCall, forExecution }: InvokeInput): boolean {
  const { runId } = activityInfo().workflowExecution ?? {};
  return mayCall && (forExecution === undefined || forExecution === runId);
}

/** A run that waited too long is not called any more: whoever asked for it has long moved on. */
function whyTooLate({ call, policy }: InvokeInput): Outcome | undefined {
  const { attempt, scheduledTimestampMs } = activityInfo();
  const waitedMs = Date.now() - scheduledTimestampMs;
  // Attempts that died with their worker come back whatever they cost: the window ends that, too.
  if (
    policy.retryAmbiguous &&
    attempt > 1 &&
    waitedMs > policy.retryWindowMs + policy.callTimeoutMs + LAST_WAIT_MS
  ) {
    const why = `no answer came in ${attempt - 1} attempts within ${minutes(waitedMs)}; the target may have been reached`;
    return failed(call, why, 'no answer');
  }
  if (waitedMs <= policy.maxWaitMs) return undefined;
  const reason = attempt === 1 ? 'since no worker was there to do it' : `in ${attempt - 1} attempts`;
  return failed(
    call,
    `nothing was sent within ${minutes(policy.maxWaitMs)}, ${reason}; run the action again`,
  );
}

async function call(input: InvokeInput, deps: InvokeDependencies, turns: Turns): Promise<Outcome> {
  const invocation = invocationMethodOf(input.message, input.kind);
  if (!invocation) return failed(input.call, 'the message does not say how to carry out the run');
  const { policy = {} } = deps;
  // Before a mapping is evaluated or an input decrypted.
  const notTheAction = refusalOfAction(input.message, input.kind, policy);
  if (notTheAction) return notAllowed(input.call, notTheAction);
  const begunMs = Date.now();
  const prepared = await prepareInTurn(input, invocation, deps, turns);
  if ('problem' in prepared) return failed(input.call, prepared.problem);
  const notTheMethod = refusalOfMethod(prepared.request, policy);
  // A mapping can make a method of anything.
  if (notTheMethod) return untold(notAllowed(input.call, notTheMethod), prepared.secrets);
  if (Date.now() - begunMs > input.policy.workerLostAfterMs * PREPARING_SHARE) return tooBusy(input);
  if (deps.stopping.aborted) leaveToAnother(input);
  // An attempt that was answered must tell so before it is taken for dead.
  const endMs = begunMs + input.policy.callTimeoutMs + input.policy.workerLostAfterMs * PREPARING_SHARE;
  const inTurn: InTurn = (work) => turns.finish(work, Math.max(0, endMs - Date.now()));
  const outcome = await send(prepared, invocation, input, deps, inTurn);
  return untold({ ...outcome, log: [...outcome.log, ...prepared.notes] }, prepared.secrets);
}

function notAllowed(call: string, { rule, reason }: Refusal): Outcome {
  return failed(call, `${call} was not sent: ${reason}`, `refused by ${rule}`);
}

/**
 * A filter may take seconds of jq, and many of them minutes. An attempt that waited behind them for as long would be
 * taken for one whose worker died, and then still call: half of that time is left to it.
 */
async function prepareInTurn(
  input: InvokeInput,
  invocation: InvocationMethod,
  deps: InvokeDependencies,
  turns: Turns,
): Promise<PreparedCall | Unprepared> {
  const prepare = () => prepareCall(input.message, invocation, deps);
  if (!deps.mappings) return prepare();
  const { workerLostAfterMs, retryWindowMs } = input.policy;
  const prepared = await turns.take(prepare, workerLostAfterMs / 2);
  if (prepared) return prepared;
  if (deps.stopping.aborted) leaveToAnother(input);
  const problem = 'nothing was sent, since the mappings of other runs keep jq busy';
  retryWithin(retryWindowMs, { type: FAILURES.notSent, message: `${input.call}: ${problem}` });
  return { problem: `${problem}; ${tried()}. Look for a mapping that takes seconds` };
}

/** Whoever is told to stop begins nothing; the attempt of another worker does. */
function leaveToAnother({ call, policy }: InvokeInput): void {
  const message = `${call}: nothing was sent, since the worker stops; another one makes the call`;
  retryWithin(policy.retryWindowMs, { type: FAILURES.notSent, message });
}

/** Temporal takes an attempt for dead that comes to its call so late, and Port may have been told so: it must not call. */
function tooBusy({ call, policy }: InvokeInput): Outcome {
  const problem = 'nothing was sent, since the worker was too busy to prepare the call in time';
  retryWithin(policy.retryWindowMs, { type: FAILURES.notSent, message: `${call}: ${problem}` });
  return failed(call, `${problem}; ${tried()}. Give it more CPU, or lower WORKER_CONCURRENT_CALLS`);
}

async function send(
  prepared: PreparedCall,
  invocation: InvocationMethod,
  input: InvokeInput,
  deps: InvokeDependencies,
  inTurn: InTurn,
): Promise<Outcome> {
  const outbound = invocation.type === 'GITLAB' ? deps.gitlab : deps.webhooks;
  try {
    const response = await outbound.send(
      signed(prepared.request, input.runId, deps),
      input.policy.callTimeoutMs,
    );
    waitIfLimited(response, invocation, input);
    const about = { call: input.call, synchronized: invocation.synchronized, detailed: deps.detailedLogging };
    return { ...(await prepared.conclude(response, about, inTurn)), statusCode: response.status };
  } catch (error) {
    return outcomeOf(error, input, prepared.secrets);
  }
}

/** What Port and the history are told holds no secret; the answer that others build on loses only what is known. */
function untold(outcome: Outcome, secrets: string[]): Outcome {
  const { response, summary, link, externalRunId } = outcome;
  return {
    ...outcome,
    log: redact(outcome.log, secrets),
    headline: redact(outcome.headline, secrets),
    ...(summary !== undefined && { summary: redact(summary, secrets) }),
    ...(link !== undefined && { link: redact(link, secrets, { only: 'known' }) }),
    ...(externalRunId !== undefined && {
      externalRunId: redact(externalRunId, secrets, { only: 'known' }),
    }),
    ...(response !== undefined && { response: redact(response, secrets, { only: 'known' }) }),
  };
}

/** Signs exactly the text that is sent, so that receivers can verify the raw body. */
function signed(request: OutboundRequest, runId: string, deps: InvokeDependencies): OutboundRequest {
  const body = request.body ?? '';
  return {
    ...request,
    headers: {
      ...withoutOurs(request.headers),
      'Idempotency-Key': runId,
      ...signatureHeaders(body, deps.clientSecret, Date.now()),
    },
  };
}

/** What the message may not say itself, in any case of letters: two headers of one name would go out. */
const OURS = /^(idempotency-key|x-port-(signature|timestamp))$/i;

function withoutOurs(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OURS.test(name)));
}

/** Throws what makes Temporal try again where the target asks for it. */
function waitIfLimited(response: OutboundResponse, invocation: InvocationMethod, input: InvokeInput): void {
  if (response.status === 429) waitFor(response, input);
  if (invocation.type !== 'GITLAB' || !isPipelineRateLimit(response)) return;
  const delayMs = PIPELINE_LIMIT_WAIT_MS + Math.random() * PIPELINE_LIMIT_JITTER_MS;
  const message = `${input.call}: GitLab's limit of pipelines a minute is reached; nothing was created`;
  retryWithin(input.policy.maxWaitMs, { type: FAILURES.rateLimited, message, delayMs });
}

function waitFor(response: OutboundResponse, input: InvokeInput): void {
  const askedMs = retryAfterMs(response.headers, Date.now()) ?? DEFAULT_RATE_LIMIT_WAIT_MS;
  const delayMs = Math.max(askedMs, MIN_RATE_LIMIT_WAIT_MS);
  const message = `${input.call}: answered 429, come back in ${Math.ceil(delayMs / 1000)} s`;
  retryWithin(input.policy.retryWindowMs, { type: FAILURES.rateLimited, message, delayMs });
}

/** The outcome of a call that got no answer. Throws what Temporal is to try again. */
function outcomeOf(error: unknown, input: InvokeInput, secrets: string[]): Outcome {
  if (error instanceof BadRequestError) return failed(input.call, error.message);
  if (error instanceof AmbiguousError) return unanswered(error, input, secrets);
  if (!(error instanceof NotSentError)) return unforeseen(error, input);
  if (!error.permanent) {
    // A mapping can have put a secret into the host's name.
    const message = redact(error.message, secrets);
    retryWithin(input.policy.retryWindowMs, { type: FAILURES.notSent, message });
  }
  return failed(input.call, `${error.message}${error.permanent ? '' : `; ${tried()}`}`);
}

/** The request was written and no status came back: only a receiver that knows the key may get it again. */
function unanswered({ message }: AmbiguousError, { call, policy }: InvokeInput, secrets: string[]): Outcome {
  if (policy.retryAmbiguous) {
    retryWithin(policy.retryWindowMs, { type: FAILURES.ambiguous, message: redact(message, secrets) });
  }
  const repeated = policy.retryAmbiguous ? `It was ${tried()}` : 'It was not called again';
  const why = `${message}; the target may have been reached. ${repeated}: look at the target before running the action again`;
  return failed(call, why, 'no answer');
}

/** A fault of ours in the middle of a call is no reason to make the call twice, as Temporal would. */
function unforeseen(error: unknown, input: InvokeInput): Outcome {
  if (error instanceof ApplicationFailure) throw error;
  const name = error instanceof Error ? error.name : 'unknown error';
  const why = `the agent itself failed during the call (${name}); the target may have been reached. Look at the target before running the action again`;
  return failed(input.call, why, 'agent failed');
}

/**
 * Throws the failure that makes Temporal try again, while the next attempt would still fall into the window.
 * The window is kept here and not by a timeout, so that the last error is what the run ends with.
 */
function retryWithin(windowMs: number, failure: { type: string; message: string; delayMs?: number }): void {
  const { scheduledTimestampMs } = activityInfo();
  const { type, message, delayMs } = failure;
  if (Date.now() - scheduledTimestampMs + (delayMs ?? 0) >= windowMs) return;
  throw ApplicationFailure.create({
    type,
    message,
    category: 'BENIGN',
    ...(delayMs !== undefined && { nextRetryDelay: delayMs }),
  });
}

/** `tried 14 times in 10 minutes`. */
function tried(): string {
  const { attempt, scheduledTimestampMs } = activityInfo();
  const times = attempt === 1 ? 'once' : `${attempt} times`;
  return `tried ${times} in ${minutes(Date.now() - scheduledTimestampMs)}`;
}

function minutes(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} minutes`;
}
