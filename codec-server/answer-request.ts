/** What is answered to one request: who asks, from which page, about which namespace, and only then what is in it. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { PayloadCodec } from '@temporalio/common';
import type { CodecServerConfig } from '../config/codec-server.js';
import type { Logger } from '../telemetry/logger.js';
import { type Authenticate, WRONG_TOKEN_DELAY_MS } from './authenticate.js';
import { crossOriginHeaders, PREFLIGHT_HEADERS } from './origins.js';
import { decodeAll, encodeAll, parsePayloads } from './payloads.js';
import { readBody } from './read-body.js';
import { Refusal } from './refusal.js';
import { type Route, routeOf, type Task } from './route.js';
import type { SharedToken } from './shared-token.js';
import { PAGE_HEADERS, signInPage } from './sign-in.js';

/** What Temporal takes in one gRPC message is 4 MB; base64 makes a third more of it, and the UI asks for less at once. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_FORM_BYTES = 4096;
/** Of what a stranger sends, so much goes into the log. */
const LOGGED_LENGTH = 200;

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Desk {
  config: Pick<CodecServerConfig, 'allowedOrigins' | 'namespaces' | 'encodes' | 'tls'>;
  codec: PayloadCodec;
  authenticate: Authenticate;
  sharedToken?: SharedToken;
  logger: Logger;
}

/** Never rejects: a refusal is an answer as well, and is logged here. */
export async function answerRequest(request: IncomingMessage, desk: Desk): Promise<Answer> {
  const { origin } = request.headers;
  let headers: Record<string, string> = {};
  try {
    const route = routeOf(request.url ?? '');
    if (!route) throw new Refusal(404, 'there is nothing here but /decode and /encode');
    if (route.what === 'page' || route.what === 'sign-in') return await signIn(request, route.what, desk);
    headers = crossOriginHeaders(origin, desk.config.allowedOrigins);
    if (request.method === 'OPTIONS')
      return { status: 204, headers: { ...headers, ...PREFLIGHT_HEADERS }, body: '' };
    return json(200, await convert(request, route.what, route, desk), headers);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : unexpected(error, desk.logger);
    const { status, why } = refusal;
    const namespace = request.headers['x-namespace'];
    desk.logger.warn({ status, why, origin: shortened(origin), namespace: shortened(namespace) }, 'refused');
    return json(status, { message: refusal.message }, { ...headers, ...refusal.headers });
  }
}

async function convert(request: IncomingMessage, task: Task, route: Route, desk: Desk): Promise<object> {
  const { config, codec, logger } = desk;
  allowOnly(request, 'POST');
  const who = await desk.authenticate(request.headers);
  if (task === 'encode' && !config.encodes)
    throw new Refusal(
      403,
      'this server only decrypts',
      `${who} asked to encrypt: CODEC_SERVER_ENCODE is not set`,
    );
  const namespace = namespaceOf(request, route, config.namespaces, who);
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(415, 'the body must be application/json');
  const sent = parsePayloads(await readBody(request, MAX_BODY_BYTES));
  const convertAll = task === 'decode' ? decodeAll : encodeAll;
  const { payloads, converted, unreadable } = await convertAll(codec, sent, namespace);
  logger.info({ who, namespace, payloads: payloads.length, converted, unreadable }, `${task}d`);
  return { payloads };
}

/** The UI and the command line say it in a header; the path counts for what does not. */
function namespaceOf(request: IncomingMessage, { folder }: Route, allowed: string[], who: string): string {
  const namespace = [request.headers['x-namespace']].flat()[0] ?? folder;
  if (!namespace) throw new Refusal(400, 'say which namespace, in the header X-Namespace');
  if (!allowed.includes(namespace)) {
    const why = `${who} asked about a namespace that is not in CODEC_SERVER_NAMESPACES`;
    throw new Refusal(403, 'payloads of this namespace are not decrypted here', why);
  }
  return namespace;
}

async function signIn(request: IncomingMessage, what: 'page' | 'sign-in', desk: Desk): Promise<Answer> {
  const { sharedToken, logger, config } = desk;
  if (!sharedToken) throw new Refusal(404, 'there is nothing here but /decode and /encode');
  if (what === 'page') {
    allowOnly(request, 'GET', 'HEAD');
    return page(200, sharedToken.holdsSession(request.headers.cookie) ? 'signed in' : 'signed out');
  }
  allowOnly(request, 'POST');
  const token = new URLSearchParams(await readBody(request, MAX_FORM_BYTES)).get('token') ?? '';
  if (!sharedToken.matches(token.trim())) {
    await delay(WRONG_TOKEN_DELAY_MS);
    logger.warn({ status: 401, why: 'the token given to sign in is not the shared one' }, 'refused');
    return page(401, 'wrong token');
  }
  logger.info({ who: 'shared token' }, 'signed in');
  // The session's cookie is for pages of https alone, and so is this one.
  const isSecure = config.tls !== undefined || config.allowedOrigins.every(isHttps);
  return {
    status: 303,
    headers: { Location: './', 'Set-Cookie': sharedToken.sessionCookie(isSecure) },
    body: '',
  };
}

function allowOnly({ method = '' }: IncomingMessage, ...methods: string[]): void {
  if (methods.includes(method)) return;
  throw new Refusal(405, `this takes ${methods.join(' or ')} only`, undefined, { Allow: methods.join(', ') });
}

/** A fault of ours. Its message might quote a payload: where it happened must do. */
function unexpected(error: unknown, logger: Logger): Refusal {
  const { name = 'unknown', stack = '' } = error as Partial<Error>;
  const where = stack.split('\n').filter((line) => /^\s+at /.test(line));
  logger.error({ error: name, where: where.map((line) => line.trim()) }, 'a fault of the codec server');
  return new Refusal(500, 'a fault of the codec server; its log has more');
}

function page(status: number, state: Parameters<typeof signInPage>[0]): Answer {
  return { status, headers: PAGE_HEADERS, body: signInPage(state) };
}

function json(status: number, body: object, headers: Record<string, string>): Answer {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

function isHttps(origin: string): boolean {
  return origin.startsWith('https:');
}

function shortened(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : `${value}`.slice(0, LOGGED_LENGTH);
}
