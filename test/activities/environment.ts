/** Activities as a worker runs them, with what they need of the world, and what they leave behind. */
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { createOutbound, type Outbound, type OutboundProfile } from '../../http/outbound.js';
import {
  type PortSimulator,
  type PortSimulatorOptions,
  startPortSimulator,
} from '../../local/simulators/port.js';
import type { ActionDefinition, InvocationMethod } from '../../local/simulators/port-actions.js';
import { PortClient } from '../../port/client.js';
import type { Logger } from '../../telemetry/logger.js';
import { testNetwork } from '../support/network.js';

export const CLIENT_SECRET = 'planted-client-secret-0123456789abcdef';
export const TRIGGER_TOKEN = 'glptt-planted-trigger-token';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Has something closed when the test has ended. */
export function closing<T extends { close(): unknown }>(thing: T): T {
  closers.push(() => thing.close());
  return thing;
}

/** The way out with the profile of calls to webhooks, or another. */
export function outbound(profile: Partial<OutboundProfile> = {}): Outbound {
  return closing(
    createOutbound({
      network: testNetwork(),
      verifyTls: true,
      keepAlive: false,
      followRedirects: true,
      userAgent: 'test',
      ...profile,
    }),
  );
}

/** A logger of everything, whose lines are kept. */
export function memoryLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }), lines };
}

export interface AttemptInfo {
  attempt?: number;
  /** How long ago the activity was scheduled for the first time. */
  scheduledMsAgo?: number;
  heartbeatDetails?: unknown;
  /** When the worker's grace is over. */
  stops?: Promise<void>;
}

/** The end of one attempt: what the activity returned, or threw. */
export interface Attempt<R> {
  result: R | undefined;
  error: unknown;
  /** The last heartbeat, which the next attempt will find. */
  heartbeatDetails: unknown;
}

/** Runs one attempt of an activity. */
export async function attempt<I, R>(
  activity: (input: I) => Promise<R>,
  input: I,
  info: AttemptInfo = {},
): Promise<Attempt<R>> {
  const { attempt = 1, scheduledMsAgo = 0, heartbeatDetails } = info;
  const environment = new MockActivityEnvironment(
    { attempt, scheduledTimestampMs: Date.now() - scheduledMsAgo, heartbeatDetails },
    { logger: new DefaultLogger('ERROR') },
  );
  const ended: Attempt<R> = { result: undefined, error: undefined, heartbeatDetails };
  environment.on('heartbeat', (details: unknown) => {
    ended.heartbeatDetails = details;
  });
  void info.stops?.then(() => environment.cancel('WORKER_SHUTDOWN'));
  try {
    ended.result = await environment.run(activity, input);
  } catch (error) {
    ended.error = error;
  }
  return ended;
}

/** What an attempt threw, which must be a failure of a type that workflows know. */
export function failureOf({ error, result }: Attempt<unknown>): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  throw new Error(`no ApplicationFailure, but ${inspect(error ?? result)}`);
}

/** Everything that could be read off a value, wherever it is written. */
export function everythingIn(value: unknown): string {
  const parts = [
    inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
    JSON.stringify(value),
  ];
  if (value instanceof Error) parts.push(value.message, value.stack ?? '', everythingIn(value.cause));
  return parts.join('\n');
}

export function newRunId(): string {
  return `r_${randomUUID().replaceAll('-', '').slice(0, 16)}`;
}

/** The actions of the Port that tests report to. */
const ACTIONS: ActionDefinition[] = [
  action('webhook', { type: 'WEBHOOK', url: 'http://the.target', agent: true }),
  action('synchronized', { type: 'WEBHOOK', url: 'http://the.target', agent: true, synchronized: true }),
  action('gitlab', { type: 'GITLAB', groupName: 'platform', projectName: 'infra' }),
];

function action(identifier: string, invocationMethod: InvocationMethod): ActionDefinition {
  return { identifier, trigger: { type: 'self-service', operation: 'CREATE' }, invocationMethod };
}

export interface TestPort extends PortSimulator {
  client: PortClient;
  /** Every request so far, but for those for a token: `PATCH /response`. */
  asked(): string[];
}

/** A Port, and the client that the worker has of it. */
export async function startPort(
  options: Partial<PortSimulatorOptions> = {},
  clientSecret = CLIENT_SECRET,
): Promise<TestPort> {
  const port = closing(
    await startPortSimulator({
      orgId: 'org_1',
      clientId: 'client',
      clientSecret: CLIENT_SECRET,
      actions: ACTIONS,
      ...options,
    }),
  );
  const credentials = { apiUrl: port.url, clientId: 'client', clientSecret };
  const client = new PortClient(credentials, outbound({ keepAlive: true, followRedirects: false }));
  const asked = () =>
    port.journal
      .filter(({ path }) => path !== '/v1/auth/access_token')
      .map(({ method, path }) => `${method} ${path.replace(/^\/v1\/actions\/runs\/[^/]+/, '') || '/'}`);
  return { ...port, client, asked };
}
