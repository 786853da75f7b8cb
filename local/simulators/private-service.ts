/** The service inside the customer's network that webhooks call: it remembers, verifies, and misbehaves on demand. */
import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type JournalEntry,
  type Route,
  type SimRequest,
  type SimResponse,
  type SimulatorServer,
  startSimulatorServer,
} from './http-server.js';

export interface PrivateServiceOptions {
  port?: number;
  host?: string;
  tls?: { key: string; cert: string };
  /** Port's client secret, with which callers sign. */
  clientSecret?: string;
}

export interface ReceivedCall extends JournalEntry {
  /** Whether `X-Port-Signature` is Port's over `<X-Port-Timestamp>.<raw body>`. */
  isSigned: boolean;
  idempotencyKey?: string;
}

export interface PrivateService extends SimulatorServer {
  /** Every request as received, oldest first; with a run id those whose key or body names that run. */
  calls(runId?: string): ReceivedCall[];
  /** How often `/idempotent` has really acted, for one key or altogether. */
  effects(idempotencyKey?: string): number;
}

export async function startPrivateService(options: PrivateServiceOptions = {}): Promise<PrivateService> {
  const done: { key: string | undefined; answer: SimResponse }[] = [];

  const idempotent = (request: SimRequest): SimResponse => {
    const key = keyOf(request);
    const earlier = key === undefined ? undefined : done.find((each) => each.key === key);
    if (earlier) return { ...earlier.answer, headers: { 'idempotency-replayed': 'true' } };
    const answer = { status: 201, body: { effect: done.length + 1 } };
    done.push({ key, answer });
    return answer;
  };

  const server = await startSimulatorServer({
    ...(options.port !== undefined && { port: options.port }),
    ...(options.host !== undefined && { host: options.host }),
    ...(options.tls && { tls: options.tls }),
    routes: [
      any('/ok(?:/[\\w-]+)?', () => ({ status: 200, body: { ok: true, received: server.journal.length } })),
      any('/accepted(?:/[\\w-]+)?', () => accepted(server.url, server.journal.length)),
      any('/idempotent', idempotent),
      ...ANSWERS,
    ],
    notFound: (request) => ({ status: 404, body: { error: `nothing at ${request.path}` } }),
  });

  return {
    ...server,
    calls: (runId) =>
      server.journal
        .map((entry) => received(entry, options.clientSecret))
        .filter((call) => runId === undefined || isForRun(call, runId)),
    effects: (key) => done.filter((each) => key === undefined || each.key === key).length,
  };
}

const any = (path: string, handle: Route['handle']): Route => ({
  method: '*',
  path: new RegExp(`^${path}$`),
  handle,
});

const ANSWERS: Route[] = [
  any('/echo', echo),
  any('/status/([2-5]\\d\\d)', status),
  any('/slow/(\\d+)', async ({ params: [ms] }) => {
    await delay(Number(ms), undefined, { ref: false });
    return { status: 200, body: { ok: true, slow: Number(ms) } };
  }),
  any('/big/(\\d+)', ({ params: [bytes] }) => ({ status: 200, body: 'x'.repeat(Number(bytes)) })),
  any('/redirect/(3\\d\\d)', ({ params: [code], query }) => ({
    status: Number(code),
    headers: { location: query.get('to') ?? '/ok' },
  })),
  any('/text', () => ({ status: 200, body: 'done' })),
  any('/empty', () => ({ status: 204 })),
];

function echo(request: SimRequest): SimResponse {
  try {
    return { status: 200, body: JSON.parse(request.rawBody) as unknown };
  } catch {
    return { status: 400, body: { error: 'the body is not JSON' } };
  }
}

/** `?html` gives a page instead of JSON, `?retryAfter=5` the header. */
function status({ params, query }: SimRequest): SimResponse {
  const code = Number(params[0]);
  const retryAfter = query.get('retryAfter');
  const isHtml = query.has('html');
  return {
    status: code,
    headers: {
      ...(isHtml && { 'content-type': 'text/html' }),
      ...(retryAfter !== null && { 'retry-after': retryAfter }),
    },
    ...(code !== 204 &&
      code !== 304 && { body: isHtml ? `<html><h1>${code}</h1></html>` : { status: code } }),
  };
}

function accepted(url: string, id: number): SimResponse {
  return { status: 202, body: { job: { id: `job-${id}`, url: `${url}/jobs/job-${id}` } } };
}

function keyOf({ headers }: Pick<SimRequest, 'headers'>): string | undefined {
  const key = headers['idempotency-key'];
  return Array.isArray(key) ? key[0] : key;
}

function received(entry: JournalEntry, clientSecret: string | undefined): ReceivedCall {
  const key = keyOf(entry);
  return {
    ...entry,
    isSigned: isSigned(entry, clientSecret),
    ...(key !== undefined && { idempotencyKey: key }),
  };
}

/** As Port's documentation tells receivers to: over the raw body, which is not parsed and written again. */
function isSigned({ headers, rawBody }: JournalEntry, clientSecret: string | undefined): boolean {
  if (clientSecret === undefined) return false;
  const timestamp = headers['x-port-timestamp'];
  const expected = createHmac('sha256', clientSecret).update(`${timestamp}.${rawBody}`).digest('base64');
  return timestamp !== undefined && headers['x-port-signature'] === `v1,${expected}`;
}

/** The run id as a whole JSON string, so that `r_1` does not find `r_10`. */
function isForRun(call: ReceivedCall, runId: string): boolean {
  return call.idempotencyKey === runId || call.rawBody.includes(JSON.stringify(runId));
}
