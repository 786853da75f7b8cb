/** The agent as the documentation describes it: an example's action run at Port, and what comes of the call. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createInvoke } from '../../activities/invoke.js';
import { AmbiguousError, type ConnectPhase, NotSentError } from '../../http/errors.js';
import { createOutbound, type Outbound } from '../../http/outbound.js';
import { decide } from '../../ingest/decide.js';
import {
  type ActionDefinition,
  type PortSimulator,
  startPortSimulator,
  type TriggerOptions,
} from '../../local/simulators/port.js';
import { invocationMethodOf, type JsonObject } from '../../port/message.js';
import type { Outcome } from '../../port/outcome.js';
import { planRequest } from '../../port/plan.js';
import { createLogger } from '../../telemetry/logger.js';
import { USER_AGENT } from '../../telemetry/version.js';
import type { InvokeInput, InvokeResult, RunInput } from '../../workflows/contract.js';
import { testNetwork } from '../support/network.js';

export const CLIENT_SECRET = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ';
const POLICY: RunInput['policy'] = {
  callTimeoutMs: 30_000,
  retryWindowMs: 600_000,
  maxWaitMs: 86_400_000,
  workerLostAfterMs: 60_000,
};
/** Past the window for trying again. */
const LATE_MS = POLICY.retryWindowMs + 60_000;
export const ALMOST_TOO_LATE_MS = POLICY.maxWaitMs - 5000;
const GITLAB_URL = 'https://gitlab.example.com';
const TOKENS = { 'platform_sub-group_infra': 'glptt-infra', platform_buckets: 'glptt-buckets' };

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act();
});

/** Has something undone when the test is over. */
export function afterwards(act: () => unknown): void {
  undo.push(act);
}

export interface Published {
  port: PortSimulator;
  runId: string;
  /** The record's value on Kafka. */
  value: string;
}

/** Registers an action with the simulator of Port and runs it. */
export async function publish(action: ActionDefinition, how: TriggerOptions = {}): Promise<Published> {
  const values: string[] = [];
  const port = await startPortSimulator({
    orgId: 'org_docs',
    clientId: 'client',
    clientSecret: CLIENT_SECRET,
    actions: [action],
    publish: async (_, value) => void values.push(value),
  });
  undo.push(port.close);
  const runId = await port.trigger(action.identifier, how);
  return { port, runId, value: values[0] ?? '' };
}

/** What the ingester makes of the run of an action. */
export async function trigger(
  action: ActionDefinition,
  how: TriggerOptions = {},
): Promise<{ type: string; input: RunInput; runId: string }> {
  const { runId, value } = await publish(action, how);
  const record = {
    origin: 'runs' as const,
    topic: 'org_docs.runs',
    partition: 0,
    offset: 0n,
    timestampMs: 0,
    value: Buffer.from(value),
  };
  const decision = decide(record, {
    clientSecret: CLIENT_SECRET,
    gitlabUrl: GITLAB_URL,
    gitlabWithoutAgent: 'ignore',
    unmatchedRuns: 'ignore',
    policy: POLICY,
    signatures: { anyGood: true, bad: new Set() },
  });
  if (decision.kind !== 'start') throw new Error(`The run was not started: ${decision.kind}`);
  return { type: decision.workflow.type, input: decision.workflow.input as RunInput, runId };
}

/** What the worker would call. */
export function planOf({ message }: { message: JsonObject }): {
  method: string;
  url: string;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: a body is what the test says it is.
  body: any;
} {
  const invocation = invocationMethodOf(message);
  if (!invocation) throw new Error('The message does not say how to carry it out');
  const plan = planRequest(message, invocation, { gitlabUrl: GITLAB_URL, environment: TOKENS });
  if ('problem' in plan) throw new Error(plan.problem);
  return { ...plan.request, body: JSON.parse(plan.request.body ?? 'null') };
}

export interface CallOptions {
  /** How long the run has waited. By default the time for trying again is over. */
  waitedMs?: number;
  environment?: Record<string, string>;
}

/** What comes of a run whose call is sent by `send`. */
export async function outcomeOf(
  method: JsonObject,
  send: Outbound['send'],
  options: CallOptions = {},
): Promise<Outcome> {
  const message = { context: { runId: 'r_1' }, payload: { action: { invocationMethod: method } } };
  return call({ runId: 'r_1', kind: 'run', call: 'POST x', message, policy: POLICY }, send, options);
}

/** Makes the call of a run as the worker does. */
export async function call(
  input: RunInput,
  send: Outbound['send'],
  { waitedMs = LATE_MS, environment = { platform_infra: 'glptt' } }: CallOptions = {},
): Promise<Outcome> {
  const outbound: Outbound = { send, close: async () => {} };
  const invoke = createInvoke({
    stopping: new AbortController().signal,
    gitlab: outbound,
    webhooks: outbound,
    plan: { gitlabUrl: GITLAB_URL, environment },
    clientSecret: CLIENT_SECRET,
    detailedLogging: true,
    logger: createLogger('fatal', 'worker'),
  });
  const activity = new MockActivityEnvironment({ attempt: 14, scheduledTimestampMs: Date.now() - waitedMs });
  const invokeInput: InvokeInput = { ...input, mayCall: true };
  const result = (await activity.run(invoke, invokeInput)) as InvokeResult;
  if (result.kind !== 'outcome') throw new Error('The call was withheld');
  return result.outcome;
}

/** The summary of a run that failed, less how often it was tried and what was answered. */
export async function summaryOf(...args: Parameters<typeof outcomeOf>): Promise<string> {
  const { status, summary = '' } = await outcomeOf(...args);
  if (status !== 'FAILURE') throw new Error(`The run did not fail: ${status}`);
  return summary.replace(/; tried \d+ times in .*$| Response: .*$/, '');
}

export function answering(status: number, text = ''): Outbound['send'] {
  return async () => ({ status, headers: {}, text });
}

/** A connection that fails with a code of the operating system or of TLS. */
export function refusing(code: string, phase: ConnectPhase = 'connect'): Outbound['send'] {
  return async ({ method, url }) => {
    const { host } = new URL(url);
    throw new NotSentError({ method, host }, { phase, code, to: `${host}:443` });
  };
}

/** A target that takes the request and says nothing: asked for real, and renamed to the one that was meant. */
export function silent(): Outbound['send'] {
  return async (request, timeoutMs) => {
    const url = await listen(createServer(() => {}));
    const error = await wayOut()
      .send({ ...request, url }, 200)
      .catch((reason: unknown) => reason);
    if (!(error instanceof AmbiguousError)) throw error;
    const what = error.message
      .replace(/^.* was sent, but /, '')
      .replace(/ \(\w+\)$/, '')
      .replace('0.2 s', `${timeoutMs / 1000} s`);
    throw new AmbiguousError({ method: request.method, host: new URL(request.url).host }, error.reason, what);
  };
}

/** Starts a server on a free port; returns its address. */
export async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** The worker's way out to webhooks. */
export function wayOut(): Outbound {
  const outbound = createOutbound({
    network: testNetwork(),
    verifyTls: true,
    keepAlive: false,
    followRedirects: true,
    userAgent: USER_AGENT,
  });
  undo.push(() => outbound.close());
  return outbound;
}
