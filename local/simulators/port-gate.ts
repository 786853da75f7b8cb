/**
 * What every request to Port passes: the rate limit, the size limit, the bearer token; and what every answer
 * carries: the rate-limit headers, and a refusal's body.
 *
 * Guessed: one window for everything that is asked, the token call included (Port once published 100 / 5 min for
 * unauthenticated calls and took the number down); that a 429 carries Retry-After; the token's content.
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { Route, SimRequest, SimResponse } from './http-server.js';
import { Refusal, refusal } from './port-requests.js';

const MAX_BODY_BYTES = 1024 * 1024;

export interface RateLimit {
  limit: number;
  periodSeconds: number;
}

export interface GateOptions {
  orgId: string;
  tokenTtlSeconds: number;
  rateLimit: RateLimit;
  /** `x-ratelimit-reset` as UTC epoch seconds (documented) or as seconds left (what Port's own clients read). */
  rateLimitResetForm: 'epoch' | 'seconds';
  now: () => number;
}

export interface Gate {
  /** With the limits, without a token: the token call. */
  open(route: Route): Route;
  /** With the limits and a token. */
  guard(route: Route): Route;
  /** Without either: the simulator's own controls. */
  control(route: Route): Route;
  issueToken(): { accessToken: string; expiresIn: number };
  revokeTokens(): void;
}

export function createGate(options: GateOptions): Gate {
  const { now } = options;
  const { limit, periodSeconds } = options.rateLimit;
  const expiries = new Map<string, number>();
  let window = { endsAt: Number.NEGATIVE_INFINITY, used: 0 };

  function count(): { exceeded: boolean; headers: Record<string, string> } {
    if (now() >= window.endsAt) window = { endsAt: now() + periodSeconds * 1000, used: 0 };
    window.used += 1;
    const secondsLeft = Math.max(1, Math.ceil((window.endsAt - now()) / 1000));
    const exceeded = window.used > limit;
    return {
      exceeded,
      headers: {
        'x-ratelimit-period': String(periodSeconds),
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(Math.max(0, limit - window.used)),
        'x-ratelimit-reset': String(
          options.rateLimitResetForm === 'epoch' ? Math.ceil(window.endsAt / 1000) : secondsLeft,
        ),
        ...(exceeded && { 'retry-after': String(secondsLeft) }),
      },
    };
  }

  function checkToken(request: SimRequest): void {
    const [, token] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw refusal.unauthorized('Missing bearer token');
    const expiry = expiries.get(token);
    if (expiry === undefined || expiry <= now()) throw refusal.unauthorized('Invalid or expired token');
  }

  function issueToken(): { accessToken: string; expiresIn: number } {
    const expiresIn = options.tokenTtlSeconds;
    const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url');
    // Port's tokens are JWTs; `isMachine` is what Port's ocean framework looks for in them.
    const iat = Math.floor(now() / 1000);
    const claims = { orgId: options.orgId, isMachine: true, jti: randomUUID(), iat, exp: iat + expiresIn };
    const unsigned = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
    const accessToken = `${unsigned}.${createHmac('sha256', randomUUID()).update(unsigned).digest('base64url')}`;
    expiries.set(accessToken, now() + expiresIn * 1000);
    return { accessToken, expiresIn };
  }

  const wrap = (route: Route, check: (request: SimRequest) => void): Route => ({
    ...route,
    handle: async (request) => {
      const { exceeded, headers } = count();
      const response = await answer(() => {
        if (exceeded) throw refusal.tooMany();
        if (Buffer.byteLength(request.rawBody) > MAX_BODY_BYTES) throw refusal.tooLarge();
        check(request);
        return route.handle(request);
      });
      return { ...response, headers: { ...headers, ...response.headers } };
    },
  });

  return {
    open: (route) => wrap(route, () => {}),
    guard: (route) => wrap(route, checkToken),
    control: (route) => ({ ...route, handle: (request) => answer(() => route.handle(request)) }),
    issueToken,
    revokeTokens: () => expiries.clear(),
  };
}

/** Runs a handler and turns what it throws into Port's error body. */
async function answer(handle: () => SimResponse | Promise<SimResponse>): Promise<SimResponse> {
  try {
    return await handle();
  } catch (thrown) {
    const { status, error, message } = thrown instanceof Refusal ? thrown : refusal.internal();
    return { status, body: { ok: false, error, message } };
  }
}
