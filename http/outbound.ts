/**
 * The only way out of the agent: one request, one deadline, and an answer to "was it sent?".
 *
 * Two profiles: calls to targets never reuse a connection (a stale one can't be told from a lost request),
 * calls to Port's API do.
 */
import { Agent, DecoratorHandler, type Dispatcher } from 'undici';
import { createConnector, type TlsSettings } from './connector.js';
import { AmbiguousError, BadRequestError, type CallLabel, codeOf, NotSentError } from './errors.js';
import { followingRequest, MAX_REDIRECTS, type OutboundRequest } from './redirect.js';

/** Of an answer's body so much is read, unless its profile says otherwise; the rest is never fetched. */
export const MAX_BODY_BYTES = 1024 * 1024;

export interface OutboundResponse {
  status: number;
  /** Names in lower case; several of one name joined by commas. */
  headers: Record<string, string>;
  text: string;
  /** Why `text` is not the whole body: it was longer than is read, or it stopped coming. */
  cut?: 'too long' | 'broken off';
}

export interface OutboundProfile {
  tls: TlsSettings;
  /** Whether a connection may carry more than one request. */
  keepAlive: boolean;
  followRedirects: boolean;
  userAgent: string;
  /** When a connection that was not made is given up, after the deadline of the call it was for at the latest. */
  connectTimeoutMs: number;
  /** Default: `MAX_BODY_BYTES`. */
  maxBodyBytes?: number;
}

export interface Outbound {
  /**
   * Sends one request and reads its answer, in `timeoutMs` from the name lookup to the last byte.
   *
   * @throws NotSentError when no byte of the request was written. AmbiguousError when some was, and no status
   *   came back. BadRequestError for an address that can't be called.
   */
  send(request: OutboundRequest, timeoutMs: number): Promise<OutboundResponse>;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

export function createOutbound(profile: OutboundProfile): Outbound {
  const agent = new Agent({
    connect: createConnector(profile.tls, profile.connectTimeoutMs),
    pipelining: profile.keepAlive ? 1 : 0,
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  async function send(request: OutboundRequest, timeoutMs: number): Promise<OutboundResponse> {
    const maxBytes = profile.maxBodyBytes ?? MAX_BODY_BYTES;
    const limit = { timeoutMs, until: Date.now() + timeoutMs, maxBytes };
    let current = withCredentialsOfUrl(request);
    for (let hop = 0; ; hop++) {
      const response = await sendOnce(agent, withDefaults(current, profile), limit).catch((error) => {
        throw hop === 0 ? error : afterRedirect(request, error);
      });
      const next = profile.followRedirects
        ? followingRequest(current, response.status, response.headers['location'])
        : undefined;
      if (!next) return response;
      if (hop === MAX_REDIRECTS)
        throw new AmbiguousError(labelOf(request), 'REDIRECTS', 'it was redirected without end');
      current = next;
    }
  }
  return { send, close: () => agent.destroy() };
}

/** A target that redirected has seen the request, so a later hop that fails is no proof of "not sent". */
function afterRedirect(request: OutboundRequest, error: unknown): AmbiguousError {
  const what = error instanceof Error ? `the redirect failed: ${error.message}` : 'the redirect failed';
  return new AmbiguousError(labelOf(request), 'REDIRECT', what);
}

/** The deadline of a call, which its redirects share. */
interface Limit {
  timeoutMs: number;
  until: number;
  maxBytes: number;
}

async function sendOnce(agent: Agent, request: OutboundRequest, limit: Limit): Promise<OutboundResponse> {
  const label = labelOf(request);
  const url = new URL(request.url);
  const abort = new AbortController();
  let written = false;
  let answered = false;
  let timer: NodeJS.Timeout | undefined;
  // undici's signal does not reject a request that is still connecting: the deadline is raced, and the signal
  // makes sure that nothing is written, or read, after it.
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        if (!answered)
          reject(
            written
              ? noAnswer(label, limit.timeoutMs)
              : new NotSentError(label, 'connect', 'ETIMEDOUT', false),
          );
        abort.abort();
      },
      Math.max(limit.until - Date.now(), 0),
    );
  });
  try {
    const pending = whenWritten(agent, () => {
      written = true;
    }).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method as Dispatcher.HttpMethod,
      headers: request.headers,
      body: request.body ?? null,
      signal: abort.signal,
    });
    pending.catch(() => {});
    const response = await Promise.race([pending, expired]);
    answered = true;
    return await readResponse(response, limit.maxBytes);
  } catch (error) {
    throw explain(error, label, written);
  } finally {
    clearTimeout(timer);
  }
}

/** undici's types leave out the methods of its handlers. */
interface Starting {
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void;
}
const PassingHandler = DecoratorHandler as unknown as new (handler: Dispatcher.DispatchHandler) => Starting;

/** The same dispatcher, telling when a request's first byte is about to be written. */
function whenWritten(agent: Agent, onWrite: () => void): Dispatcher {
  class TellingHandler extends PassingHandler {
    override onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
      onWrite();
      super.onRequestStart(controller, context);
    }
  }
  return agent.compose((dispatch) => (options, handler) => dispatch(options, new TellingHandler(handler)));
}

async function readResponse(response: Dispatcher.ResponseData, maxBytes: number): Promise<OutboundResponse> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut: OutboundResponse['cut'];
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        cut = 'too long';
        break;
      }
    }
  } catch {
    // The status is known, and it decides; what came of the body is kept.
    cut = 'broken off';
  }
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
  );
  const text = decode(Buffer.concat(chunks).subarray(0, maxBytes), headers['content-type']);
  return { status: response.statusCode, headers, text, ...(cut && { cut }) };
}

function decode(body: Buffer, contentType: string | undefined): string {
  const charset = /charset="?([^";\s]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return body.toString('utf8');
  }
}

function explain(error: unknown, label: CallLabel, written: boolean): Error {
  if (error instanceof NotSentError)
    return new NotSentError(label, error.phase, error.reason, error.permanent);
  if (error instanceof AmbiguousError) return error;
  const code = codeOf(error);
  // undici refuses illegal methods and header bytes before it connects; its message names the header, not its value.
  if (!written)
    return new BadRequestError(`${label.method} ${label.host} can't be sent: ${code}: ${messageOf(error)}`);
  return new AmbiguousError(label, code, 'the connection was lost before an answer came');
}

function noAnswer(label: CallLabel, timeoutMs: number): AmbiguousError {
  return new AmbiguousError(label, 'ETIMEDOUT', `no answer came within ${timeoutMs / 1000} s`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown reason';
}

/** @throws BadRequestError when the address is not one of http or https. */
function labelOf(request: OutboundRequest): CallLabel {
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
  if (!url) throw new BadRequestError(`${request.method} can't be sent: its URL is not an absolute address`);
  if (!['http:', 'https:'].includes(url.protocol)) {
    throw new BadRequestError(`${request.method} can't be sent: ${url.protocol} is neither http: nor https:`);
  }
  return { method: request.method, host: url.host };
}

/** `http://user:password@host` sends them as Basic credentials, as Python's requests does. */
function withCredentialsOfUrl(request: OutboundRequest): OutboundRequest {
  labelOf(request);
  const url = new URL(request.url);
  if (url.username === '' && url.password === '') return request;
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  const others = Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== 'authorization');
  url.username = '';
  url.password = '';
  const authorization = `Basic ${Buffer.from(credentials, 'latin1').toString('base64')}`;
  return {
    ...request,
    url: url.href,
    headers: { ...Object.fromEntries(others), Authorization: authorization },
  };
}

/** Percent-decodes; what is no valid encoding stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withDefaults(request: OutboundRequest, profile: OutboundProfile): OutboundRequest {
  const given = new Set(Object.keys(request.headers).map((name) => name.toLowerCase()));
  const defaults: Record<string, string> = { Accept: '*/*', 'User-Agent': profile.userAgent };
  if (request.body !== undefined) defaults['Content-Type'] = 'application/json';
  const added = Object.entries(defaults).filter(([name]) => !given.has(name.toLowerCase()));
  return { ...request, headers: { ...Object.fromEntries(added), ...request.headers } };
}
