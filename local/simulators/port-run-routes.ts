/** Port's API for action runs: execute, look up, report, approve, claim. */
import type { Route, SimRequest, SimResponse } from './http-server.js';
import type { TriggerOptions } from './port-actions.js';
import { acknowledge, CLAIM_BODY, claim, isClaimed } from './port-leases.js';
import { type Field, pathParam, readBody, readNumber, refusal } from './port-requests.js';
import { type Run, type RunBook, type RunLog, viewRun } from './port-runs.js';

const RUN = /^\/v1\/actions\/runs\/([^/]+)$/;
const RUN_LOGS = /^\/v1\/actions\/runs\/([^/]+)\/logs$/;

const STATUS: Field = { type: 'string', enum: ['SUCCESS', 'FAILURE'] };
const PATCH_BODY: Record<string, Field> = {
  status: STATUS,
  statusLabel: { type: 'string' },
  link: { type: ['string', 'array'], items: 'string' },
  summary: { type: 'string' },
  externalRunId: { type: 'string' },
  message: { type: 'object' },
};
const LOG_BODY: Record<string, Field> = {
  message: { type: 'string', required: true },
  terminationStatus: STATUS,
  statusLabel: { type: 'string' },
};
const RESPONSE_BODY: Record<string, Field> = {
  response: { type: ['string', 'array', 'object', 'null'], required: true },
};
const APPROVAL_BODY: Record<string, Field> = {
  status: { type: 'string', required: true, enum: ['APPROVE', 'DECLINE'] },
  description: { type: 'string' },
};
const EXECUTE_BODY: Record<string, Field> = {
  properties: { type: 'object', required: true },
  entity: { type: 'string' },
};

export interface RunRouteDeps {
  book: RunBook;
  now: () => number;
  clientId: string;
  execute(actionIdentifier: string, options: TriggerOptions): Promise<Run>;
  /** Hands an approved run to the agent. */
  release(run: Run): Promise<void>;
}

export function runRoutes({ book, now, clientId, execute, release }: RunRouteDeps): Route[] {
  const runOf = (request: SimRequest): Run => book.get(pathParam(request, 0));
  const shown = (run: Run, request: SimRequest): SimResponse['body'] => ({
    ok: true,
    run: viewRun(run, request.query.get('version')),
  });
  const viewLog = (run: Run, log: RunLog): Record<string, unknown> => {
    const { at, ...rest } = log;
    return { ...rest, runId: run.id, createdBy: clientId, createdAt: at };
  };

  return [
    {
      method: 'POST',
      path: /^\/v1\/actions\/runs\/claim-pending$/,
      handle: (request) => {
        const body = readBody(request, CLAIM_BODY);
        const exclude = (body['exclude'] as string[] | undefined) ?? [];
        const candidates = [...book.runs.values()].filter(
          (run) =>
            run.status === 'IN_PROGRESS' &&
            !exclude.includes(run.actionIdentifier) &&
            [undefined, run.invocation.method.type].includes(body['invocationMethod'] as never),
        );
        const claimed = claim(candidates, body, now());
        for (const run of claimed) book.touch(run);
        return { status: 200, body: { ok: true, runs: claimed.map((run) => viewRun(run, 'v2')) } };
      },
    },
    {
      method: 'PATCH',
      path: /^\/v1\/actions\/runs\/ack$/,
      handle: (request) => {
        const body = readBody(request, {
          runIds: { type: 'array', items: 'string' },
          runId: { type: 'string' },
        });
        const ids = (body['runIds'] as string[] | undefined) ?? [body['runId'] as string | undefined];
        if (ids.some((id) => id === undefined))
          throw refusal.invalidRequest("body must have 'runIds' or 'runId'");
        const runs = ids.map((id) => book.get(id as string));
        // Inferred: of several, those still claimed are acknowledged and counted; 409 only when none is.
        const open = runs.filter(isClaimed);
        if (open.length === 0 && runs.length > 0) throw refusal.acknowledged();
        for (const run of open) {
          acknowledge(run);
          book.touch(run);
        }
        return { status: 200, body: { ok: true, ackedCount: open.length } };
      },
    },
    {
      method: 'POST',
      path: /^\/v1\/actions\/([^/]+)\/runs$/,
      handle: async (request) => {
        const body = readBody(request, EXECUTE_BODY) as TriggerOptions;
        const email = request.query.get('run_as');
        const run = await execute(pathParam(request, 0), {
          ...body,
          origin: 'API',
          ...(email !== null && { by: { email } }),
        });
        return { status: 202, body: shown(run, request) };
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/actions\/runs$/,
      handle: ({ query }) => {
        const limit = readNumber(query, 'limit', 1000, [1, 1000]);
        const runs = [...book.runs.values()].filter((run) => matches(run, query)).slice(0, limit);
        return {
          status: 200,
          body: { ok: true, runs: runs.map((run) => viewRun(run, query.get('version'))) },
        };
      },
    },
    {
      method: 'GET',
      path: RUN,
      handle: (request) => ({ status: 200, body: shown(runOf(request), request) }),
    },
    {
      method: 'PATCH',
      path: RUN,
      handle: (request) => {
        const body = readBody(request, PATCH_BODY);
        const run = runOf(request);
        book.patch(run, body);
        return { status: 200, body: shown(run, request) };
      },
    },
    {
      method: 'POST',
      path: RUN_LOGS,
      handle: (request) => {
        const body = readBody(request, LOG_BODY);
        const run = runOf(request);
        return { status: 201, body: { ok: true, runLog: viewLog(run, book.log(run, body)) } };
      },
    },
    {
      method: 'GET',
      path: RUN_LOGS,
      handle: (request) => {
        const run = runOf(request);
        const limit = readNumber(request.query, 'limit', 50, [1, 50]);
        const offset = readNumber(request.query, 'offset', 0, [0, Number.MAX_SAFE_INTEGER]);
        // The name of the list is a guess: the reference gives the parameters only.
        const logs = run.logs.slice(offset, offset + limit).map((log) => viewLog(run, log));
        return { status: 200, body: { ok: true, runLogs: logs } };
      },
    },
    {
      method: 'PATCH',
      path: /^\/v1\/actions\/runs\/([^/]+)\/response$/,
      handle: (request) => {
        const body = readBody(request, RESPONSE_BODY);
        const run = runOf(request);
        book.respond(run, body['response']);
        return { status: 200, body: shown(run, request) };
      },
    },
    {
      method: 'PATCH',
      path: /^\/v1\/actions\/runs\/([^/]+)\/approval$/,
      handle: async (request) => {
        const body = readBody(request, APPROVAL_BODY);
        const run = runOf(request);
        if (book.approve(run, body)) await release(run);
        return { status: 201, body: shown(run, request) };
      },
    },
  ];
}

/** Every filter that was given must hold. */
function matches(run: Run, query: URLSearchParams): boolean {
  const { by } = run.invocation.trigger;
  const is = (name: string, value: string | null): boolean =>
    query.get(name) === null || query.get(name) === value;
  const sources = query.getAll('source');
  return (
    is('action', run.actionIdentifier) &&
    is('entity', run.invocation.entity?.identifier ?? null) &&
    is('blueprint', run.invocation.blueprint) &&
    is('external_run_id', run.externalRunId) &&
    is('user_id', by.userId) &&
    is('user_email', by.user.email) &&
    (sources.length === 0 || sources.includes(run.source)) &&
    (query.get('active') !== 'true' || run.endedAt === null)
  );
}
