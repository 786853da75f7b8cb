/**
 * A simulator of Port: its API, and the messages it publishes when an action is executed.
 *
 * Faithful to what `docs.port.io` documents; each file beside this one says at its top what had to be guessed.
 */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { type JournalEntry, type Route, type SimulatorServer, startSimulatorServer } from './http-server.js';
import { type KafkaCredentials, organizationRoutes, tokenRoute } from './port-account-routes.js';
import type { ActionDefinition, TriggerOptions } from './port-actions.js';
import { createDispatch, type Dispatch } from './port-dispatch.js';
import { createGate, type RateLimit } from './port-gate.js';
import { createNodeBook, type NodeBook, type NodeConfigInput, type NodeRun } from './port-nodes.js';
import { type Field, pathParam, readBody } from './port-requests.js';
import { runRoutes } from './port-run-routes.js';
import { createRunBook, type Run, type RunBook, type RunRules } from './port-runs.js';

export type { ActionDefinition, TriggerOptions } from './port-actions.js';
export { SIGNATURE_HEADER, signatureOf, signMessage, TIMESTAMP_HEADER } from './port-message.js';
export type { NodeConfigInput, NodeRun } from './port-nodes.js';
export type { Run, RunLog } from './port-runs.js';

export interface PortSimulatorOptions {
  orgId: string;
  clientId: string;
  /** At least 32 characters, for inputs with `encryption: "aes256-gcm"`. */
  clientSecret: string;
  /** What `/v1/kafka-credentials` answers; left out, the organisation has no Kafka. */
  kafka?: KafkaCredentials;
  /** How messages reach Kafka; left out, runs wait to be claimed. */
  publish?: (topic: string, value: string, key?: string) => Promise<void>;
  actions?: ActionDefinition[];
  /** Default: 10800. */
  tokenTtlSeconds?: number;
  /** Default: 15000 in 300 s, the last number that Port published. */
  rateLimit?: RateLimit;
  /** Default: epoch. */
  rateLimitResetForm?: 'epoch' | 'seconds';
  /** Whether a status on a synchronized run is taken (default) or answered 422 run_synchronized_error. */
  synchronizedStatus?: RunRules['synchronizedStatus'];
  /** Whether `/response` ends a synchronized run. Default: false. */
  responseEndsRun?: boolean;
  port?: number;
  host?: string;
  tls?: { key: string; cert: string };
  /** Milliseconds since 1970. */
  now?: () => number;
}

export interface PortSimulator extends SimulatorServer {
  /** May be added to at any time. */
  actions: Map<string, ActionDefinition>;
  runs: Map<string, Run>;
  nodeRuns: Map<string, NodeRun>;
  /** What PATCH /v1/organization set; POLLING keeps runs off Kafka. */
  settings: { portAgentStreamerName?: string };
  /** The run; throws when there is none. */
  run(id: string): Run;
  /** Executes an action; returns the run's id once its message is published, or the run can be claimed. */
  trigger(actionIdentifier: string, options?: TriggerOptions): Promise<string>;
  /** Runs a workflow's webhook node; returns the node run's id. */
  triggerNode(config: NodeConfigInput): Promise<string>;
  /** Publishes any text at all, on the topic of runs unless told otherwise. */
  publishRaw(value: string, topic?: string, key?: string): Promise<void>;
  /** Makes every token handed out so far invalid. */
  revokeTokens(): void;
  /** The journal's entries whose path names the run. */
  requestsFor(runId: string): JournalEntry[];
  /** Resolves when the run satisfies the predicate; rejects after `timeoutMs` (default 10000). */
  waitFor(runId: string, predicate: (run: Run) => boolean, timeoutMs?: number): Promise<Run>;
  waitForNode(id: string, predicate: (run: NodeRun) => boolean, timeoutMs?: number): Promise<NodeRun>;
}

/** Starts a simulator of Port on a free port, or on `port`. */
export async function startPortSimulator(options: PortSimulatorOptions): Promise<PortSimulator> {
  const { orgId, clientId, clientSecret, kafka, publish } = options;
  const now = options.now ?? Date.now;
  const changes = new EventEmitter().setMaxListeners(0);
  const changed = (id: string): void => void changes.emit(id);
  const actions = new Map((options.actions ?? []).map((action) => [action.identifier, action]));
  const settings: PortSimulator['settings'] = {};
  const rules: RunRules = {
    synchronizedStatus: options.synchronizedStatus ?? 'accepted',
    responseEndsRun: options.responseEndsRun ?? false,
  };
  const book = createRunBook(rules, now, changed);
  const nodes = createNodeBook(now, changed);
  const dispatch = createDispatch({ orgId, clientSecret, publish, actions, settings, book, nodes, now });
  const gate = createGate({
    orgId,
    tokenTtlSeconds: options.tokenTtlSeconds ?? 10_800,
    rateLimit: options.rateLimit ?? { limit: 15_000, periodSeconds: 300 },
    rateLimitResetForm: options.rateLimitResetForm ?? 'epoch',
    now,
  });
  const account = { orgId, clientId, clientSecret, kafka, settings, issueToken: gate.issueToken };
  const guarded = [
    ...organizationRoutes(account),
    ...nodes.routes,
    ...runRoutes({ book, now, clientId, execute: dispatch.execute, release: dispatch.release }),
  ];

  const server = await startSimulatorServer({
    routes: [
      ...controlRoutes(dispatch, book, nodes).map(gate.control),
      gate.open(tokenRoute(account)),
      ...guarded.map(gate.guard),
    ],
    notFound: () => ({ status: 404, body: { ok: false, error: 'not_found', message: 'Route not found' } }),
    defaultHeaders: () => ({ 'x-trace-id': randomUUID().replaceAll('-', '') }),
    ...(options.host !== undefined && { host: options.host }),
    ...(options.port !== undefined && { port: options.port }),
    ...(options.tls && { tls: options.tls }),
  });

  return {
    ...server,
    actions,
    runs: book.runs,
    nodeRuns: nodes.nodeRuns,
    settings,
    run: book.get,
    trigger: async (actionIdentifier, how = {}) => (await dispatch.execute(actionIdentifier, how)).id,
    triggerNode: dispatch.triggerNode,
    publishRaw: dispatch.publishRaw,
    revokeTokens: gate.revokeTokens,
    requestsFor: (runId) => server.journal.filter(({ path }) => names(path, runId)),
    waitFor: (id, predicate, timeoutMs) => until(changes, book.runs, id, predicate, timeoutMs),
    waitForNode: (id, predicate, timeoutMs) => until(changes, nodes.nodeRuns, id, predicate, timeoutMs),
  };
}

const TRIGGER_BODY: Record<string, Field> = {
  properties: { type: 'object' },
  entity: { type: ['string', 'object'] },
  origin: { type: 'string', enum: ['UI', 'API', 'AUTOMATION'] },
  event: { type: ['object', 'null'] },
  by: { type: 'object' },
};

/** For people who try things out: the button that Port's portal would have, and a look inside. No token needed. */
function controlRoutes(dispatch: Dispatch, book: RunBook, nodes: NodeBook): Route[] {
  return [
    {
      method: 'POST',
      path: /^\/_simulator\/trigger\/([^/]+)$/,
      handle: async (request) => {
        const how = request.rawBody === '' ? {} : readBody(request, TRIGGER_BODY);
        const run = await dispatch.execute(pathParam(request, 0), how as TriggerOptions);
        return { status: 200, body: { runId: run.id } };
      },
    },
    {
      method: 'GET',
      path: /^\/_simulator\/runs$/,
      handle: () => ({
        status: 200,
        body: { runs: [...book.runs.values()], nodeRuns: [...nodes.nodeRuns.values()] },
      }),
    },
  ];
}

function names(path: string, runId: string): boolean {
  return path.split('/').some((segment) => segment === runId || segment === encodeURIComponent(runId));
}

/** Waits on the change events of one run; a run that is not there yet is waited for as well. */
function until<T>(
  changes: EventEmitter,
  runs: Map<string, T>,
  id: string,
  predicate: (run: T) => boolean,
  timeoutMs = 10_000,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      changes.off(id, look);
      done();
    };
    const look = (): void => {
      const run = runs.get(id);
      try {
        if (run !== undefined && predicate(run)) settle(() => resolve(run));
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const timer = setTimeout(() => {
      const state = JSON.stringify(summaryOf(runs.get(id)));
      settle(() => reject(new Error(`Run ${id} was not as awaited within ${timeoutMs} ms: ${state}`)));
    }, timeoutMs);
    changes.on(id, look);
    look();
  });
}

function summaryOf(run: unknown): unknown {
  const { status, statusLabel, result, logs } = (run ?? {}) as Partial<Run & NodeRun>;
  return { status, statusLabel, result, logs: logs?.map(({ message }) => message) };
}
