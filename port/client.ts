/**
 * Port's API as the agent uses it: one cached token a process, a deadline on every call.
 *
 * A hiccup is smoothed over here, in a second or two; waiting for an outage to end is Temporal's part.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AmbiguousError, NotSentError } from '../http/errors.js';
import type { Outbound } from '../http/outbound.js';
import type { OutboundResponse } from '../http/read-response.js';
import { excerpt } from './excerpt.js';
import { at, isObject, type Json, type JsonObject, textAt } from './message.js';
import { retryAfterMs } from './retry-after.js';

const CALL_TIMEOUT_MS = 15_000;
const MAX_ATTEMPTS = 3;
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 3000;
/** A token is renewed so long before it expires. */
const TOKEN_MARGIN_MS = 60_000;
/** Of Port's words so much is quoted. */
const MAX_QUOTE_LENGTH = 500;

export interface PortCredentials {
  apiUrl: string;
  clientId: string;
  clientSecret: string;
}

export interface KafkaCredentials {
  brokers: string[];
  username: string;
  password: string;
}

export interface RunPatch {
  status?: 'SUCCESS' | 'FAILURE';
  summary?: string;
  link?: string | string[];
  externalRunId?: string;
}

export interface NodeRunPatch {
  status?: 'COMPLETED';
  result?: 'SUCCESS' | 'FAILED';
  /** What later nodes read as `.outputs.<node>.response`. */
  output?: { response: { status: number; data: Json } };
  externalRunId?: string;
  links?: string[];
}

/** Port answered, and not with what was asked for. The message says what to do; no body but Port's own words is in it. */
export class PortError extends Error {
  override readonly name = 'PortError';
  constructor(
    readonly status: number,
    /** Port's error code, such as `run_exhausted`. */
    readonly code: string,
    message: string,
    readonly response: Pick<OutboundResponse, 'headers'>,
    /** Port itself refuses this very request, and would again: no credentials, load or gateway in between. */
    readonly isFinal: boolean,
    /** The message without Port's own words, which may quote what it was sent: for the process's log. */
    readonly forLog = message,
  ) {
    super(message);
  }
}

/** What the process's log may say of an error on the way to Port: nothing of a message or an answer. */
export function forLog(error: unknown): string {
  if (error instanceof PortError) return error.forLog;
  return error instanceof Error ? error.message : 'unknown reason';
}

export class PortClient {
  private token: { value: string; expiresAt: number } | undefined;
  private renewal: Promise<string> | undefined;

  constructor(
    private readonly credentials: PortCredentials,
    private readonly outbound: Outbound,
    private readonly now: () => number = Date.now,
  ) {}

  /** Changes a run; a `status` ends it. */
  async patchRun(runId: string, patch: RunPatch): Promise<void> {
    await this.call('PATCH', `/v1/actions/runs/${encodeURIComponent(runId)}`, { ...patch });
  }

  /** Adds to a run's log; `terminationStatus` ends the run. */
  async addLog(runId: string, message: string, terminationStatus?: 'SUCCESS' | 'FAILURE'): Promise<void> {
    const body = { message, ...(terminationStatus && { terminationStatus }) };
    await this.call('POST', `/v1/actions/runs/${encodeURIComponent(runId)}/logs`, body);
  }

  /** The messages of a run's log, the fifty that Port gives. */
  async logs(runId: string): Promise<string[]> {
    const answer = await this.call('GET', `/v1/actions/runs/${encodeURIComponent(runId)}/logs?limit=50`);
    // The name of the list is not documented.
    const lists = Object.values(isObject(answer) ? answer : {}).filter(Array.isArray);
    return lists.flat().flatMap((log) => textAt(log, 'message') ?? []);
  }

  /** Hands over what a synchronized run's target answered. */
  async sendResponse(runId: string, response: Json): Promise<void> {
    await this.call('PATCH', `/v1/actions/runs/${encodeURIComponent(runId)}/response`, { response });
  }

  /** Changes a workflow's node run; status COMPLETED, with a result, ends it. */
  async patchNodeRun(nodeRunId: string, patch: NodeRunPatch): Promise<void> {
    await this.call('PATCH', `/v1/workflows/nodes/runs/${encodeURIComponent(nodeRunId)}`, { ...patch });
  }

  /** Adds to a node run's logs. */
  async addNodeLogs(nodeRunId: string, logs: { level: 'INFO' | 'ERROR'; message: string }[]): Promise<void> {
    await this.call('POST', `/v1/workflows/nodes/runs/${encodeURIComponent(nodeRunId)}/logs`, { logs });
  }

  /** Whether a node run holds these messages already; false as well where Port does not show its node runs. */
  async hasNodeLogs(nodeRunId: string, messages: string[]): Promise<boolean> {
    // Neither the name nor the form of the list is documented: each must stand there as a text of its own.
    const held = JSON.stringify((await this.nodeRun(nodeRunId)) ?? {});
    return messages.every((message) => held.includes(JSON.stringify(message)));
  }

  /** Whether a node run has not ended; undefined where Port does not show its node runs, or has none such. */
  async isNodeRunOpen(nodeRunId: string): Promise<boolean | undefined> {
    const status = textAt(await this.nodeRun(nodeRunId), 'nodeRun', 'status');
    return status === undefined ? undefined : status !== 'COMPLETED';
  }

  /** A node run as Port shows it; undefined where it does not. */
  private async nodeRun(nodeRunId: string): Promise<Json | undefined> {
    try {
      return await this.call('GET', `/v1/workflows/nodes/runs/${encodeURIComponent(nodeRunId)}`);
    } catch (error) {
      if (error instanceof PortError && error.isFinal) return undefined;
      throw error;
    }
  }

  /** Tells Port by which way this organization's agent gets its runs, as the old agent did at its start. */
  async announceSource(source: 'KAFKA' | 'POLLING'): Promise<void> {
    await this.call('PATCH', '/v1/organization', { settings: { portAgentStreamerName: source } });
  }

  /** Whether Port holds the run, and it has not ended. */
  async isOpen(runId: string): Promise<boolean> {
    try {
      const answer = await this.call('GET', `/v1/actions/runs/${encodeURIComponent(runId)}`);
      return !['SUCCESS', 'FAILURE', 'DECLINED'].includes(textAt(answer, 'run', 'status') ?? '');
    } catch (error) {
      if (error instanceof PortError && error.status === 404 && error.isFinal) return false;
      throw error;
    }
  }

  /** Where and as whom to consume; undefined for an organization without Kafka. */
  async kafkaCredentials(): Promise<KafkaCredentials | undefined> {
    const credentials = at(await this.call('GET', '/v1/kafka-credentials'), 'credentials');
    const brokers = at(credentials, 'brokers');
    const username = textAt(credentials, 'username');
    const password = textAt(credentials, 'password');
    if (!Array.isArray(brokers) || brokers.length === 0 || !username || !password) return undefined;
    return { brokers: brokers.map(String), username, password };
  }

  /** Makes a call, and makes it again a few times where that is harmless and may soon help. */
  private async call(method: string, path: string, body?: JsonObject): Promise<Json> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.callOnce(method, path, body);
      } catch (error) {
        const waitMs = attempt < MAX_ATTEMPTS ? waitBeforeRepeating(error, method, attempt) : undefined;
        if (waitMs === undefined) throw error;
        await delay(waitMs);
      }
    }
  }

  /** Makes a call and reads its answer, `{}` when that is no JSON object; only an expired token makes it twice. */
  async callOnce(
    method: string,
    path: string,
    body?: JsonObject,
    headers?: Record<string, string>,
  ): Promise<Json> {
    const token = await this.currentToken();
    let response = await this.send(method, path, token, body, headers);
    if (response.status === 401) {
      // Another call may have renewed it since.
      if (this.token?.value === token) this.token = undefined;
      response = await this.send(method, path, await this.currentToken(), body, headers);
    }
    return this.read(response, `${method} ${path}`);
  }

  /** The cached token; however many ask for a new one, it is fetched once. */
  private async currentToken(): Promise<string> {
    if (this.token && this.now() < this.token.expiresAt - TOKEN_MARGIN_MS) return this.token.value;
    this.renewal ??= this.fetchToken().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  private async fetchToken(): Promise<string> {
    const { clientId, clientSecret } = this.credentials;
    const path = '/v1/auth/access_token';
    const response = await this.send('POST', path, undefined, { clientId, clientSecret });
    // Whatever is wrong with the credentials, it is not final for the run that is being told about.
    const answer = this.read(response, `POST ${path}`, { mayBeFinal: false });
    const value = textAt(answer, 'accessToken');
    const expiresIn = at(answer, 'expiresIn');
    if (!value)
      throw new PortError(
        200,
        'no_token',
        'Port answered the credentials without a token',
        { headers: {} },
        false,
      );
    // A short-lived token is used for half its life at least, else each call would fetch one.
    const lifeMs = Math.max((typeof expiresIn === 'number' ? expiresIn : 3600) * 1000, 2 * TOKEN_MARGIN_MS);
    this.token = { value, expiresAt: this.now() + lifeMs };
    return value;
  }

  private send(
    method: string,
    path: string,
    token: string | undefined,
    body?: JsonObject,
    headers: Record<string, string> = {},
  ): Promise<OutboundResponse> {
    const request = {
      method,
      url: `${this.credentials.apiUrl}${path}`,
      headers: { ...headers, ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
      ...(body && { body: JSON.stringify(body) }),
    };
    return this.outbound.send(request, CALL_TIMEOUT_MS);
  }

  private read(response: OutboundResponse, what: string, { mayBeFinal } = { mayBeFinal: true }): Json {
    const body = parse(response.text);
    if (response.status >= 200 && response.status < 300) return body;
    const own = textAt(body, 'error');
    const code = own ?? `http_${response.status}`;
    const isFinal = mayBeFinal && own !== undefined && isRefusal(response.status);
    const said = textAt(body, 'message');
    const advice = ADVICE[response.status] ?? '';
    const words = said ? `: ${excerpt(said, MAX_QUOTE_LENGTH)}` : '';
    const { status, headers } = response;
    const message = `Port answered ${status} ${code} to ${what}${words}${advice}`;
    const shownCode = CODE.test(code) ? code : `http_${status}`;
    const plain = `Port answered ${status} ${shownCode} to ${what}${advice}`;
    throw new PortError(status, code, message, { headers }, isFinal, plain);
  }
}

/**
 * How long to wait before a call is repeated, in ms; undefined to leave that to Temporal, which waits longer.
 * A log that may have been written is not posted again from here.
 */
function waitBeforeRepeating(error: unknown, method: string, attempt: number): number | undefined {
  const backoffMs = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
  if (error instanceof NotSentError) return error.permanent ? undefined : backoffMs;
  if (error instanceof AmbiguousError) return method === 'POST' ? undefined : backoffMs;
  if (!(error instanceof PortError) || (error.status !== 429 && error.status < 500)) return undefined;
  if (method === 'POST' && ![429, 503].includes(error.status)) return undefined;
  const askedMs = error.status === 429 ? retryAfterMs(error.response.headers, Date.now()) : undefined;
  return askedMs !== undefined && askedMs > LONGEST_WAIT_MS ? undefined : Math.max(askedMs ?? 0, backoffMs);
}

/** A refusal of the request as such; the others pass with better credentials or less load. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
}

/** What is no such word is a gateway's sentence. */
const CODE = /^\w{1,60}$/;

const ADVICE: Record<number, string> = {
  401: '. Check PORT_CLIENT_ID and PORT_CLIENT_SECRET, and that PORT_API_BASE_URL is of your region',
  403: ". Use the credentials of the organization, not of a person, and check Port's list of allowed IP addresses",
};

function parse(text: string): Json {
  try {
    const parsed: Json = JSON.parse(text);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}
