/**
 * The only way out of the agent: one request, one deadline, and an answer to "was it sent?".
 *
 * Each hop of a redirect is decided anew: whether it is allowed, and through which proxy it goes.
 */
import type { Dispatcher } from 'undici';
import type { Means } from './connection/open.js';
import { isForwarded, type Route, routeTo } from './connection/route.js';
import { authorityOf } from './connection/step.js';
import { AmbiguousError, type CallLabel, type FailedStep, NotSentError } from './errors.js';
import { Deadline, exchange } from './exchange.js';
import { createOwnLines, createSharedLines } from './lines.js';
import type { Network } from './network.js';
import type { Policy, Verdict } from './policy/policy.js';
import { labelOf, withCredentialsOfUrl, withDefaults } from './prepare-request.js';
import { type OutboundResponse, readResponse } from './read-response.js';
import { followingRequest, MAX_REDIRECTS, type OutboundRequest } from './redirect.js';
import { secureContextOf } from './trust/secure-context.js';

/** Of an answer's body so much is read, unless its profile says otherwise; the rest is never fetched. */
export const MAX_BODY_BYTES = 1024 * 1024;

export interface OutboundProfile {
  network: Network;
  /** False accepts any certificate. */
  verifyTls: boolean;
  /** Whether a connection may carry more than one request. */
  keepAlive: boolean;
  followRedirects: boolean;
  userAgent: string;
  /** Which targets may be called; left out: every one. */
  policy?: Policy;
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
  const { network, policy, maxBodyBytes = MAX_BODY_BYTES } = profile;
  const means = meansOf(profile);
  const lines = profile.keepAlive
    ? createSharedLines(means, () => network.trust.current())
    : createOwnLines(means);

  async function sendOnce(request: OutboundRequest, deadline: Deadline): Promise<OutboundResponse> {
    const call = labelOf(request);
    const url = new URL(request.url);
    const route = routeTo(url, network.proxies.proxyFor(request.url));
    const refusal = policy && refusalIn(policy.checkTarget(url, route.proxy ? 'proxy' : 'direct'));
    if (refusal !== undefined) throw notSent(call, route, 'policy', 'NOT_ALLOWED', refusal);
    const options = requestOptions(request, route);
    const line = await lines.open(route, options.origin, call, deadline.signal);
    try {
      const response = await exchange(line.dispatcher, options, call, deadline);
      if (isForwarded(route) && response.statusCode === 407) {
        throw notSent(call, route, 'CONNECT', 'PROXY_407');
      }
      return await readResponse(response, maxBodyBytes);
    } finally {
      line.release();
    }
  }

  async function sendOn(request: OutboundRequest, deadline: Deadline): Promise<OutboundResponse> {
    let current = withCredentialsOfUrl(request);
    for (let hop = 0; ; hop++) {
      const response = await sendOnce(withDefaults(current, profile.userAgent), deadline).catch((error) => {
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

  return {
    async send(request, timeoutMs) {
      const deadline = new Deadline(timeoutMs);
      try {
        return await sendOn(request, deadline);
      } finally {
        deadline.clear();
      }
    },
    close: () => lines.close(),
  };
}

function meansOf({ network, verifyTls, policy }: OutboundProfile): Means {
  return {
    tls: (host) => ({
      context: secureContextOf(network.trust.current(), network.clientCertificates.for(host)),
      verify: verifyTls,
    }),
    ...(policy && {
      refusalOf: (url: URL, address: string) => refusalIn(policy.checkAddress(url, address)),
    }),
  };
}

/** How undici is asked for it: a proxy that makes the call itself gets the whole address. */
function requestOptions(
  request: OutboundRequest,
  route: Route,
): Dispatcher.RequestOptions & { origin: string } {
  const { url, proxy } = route;
  const path = url.pathname + url.search;
  const { method, headers, body = null } = request;
  const options = { method: method as Dispatcher.HttpMethod, headers, body };
  if (!proxy || !isForwarded(route)) return { ...options, origin: url.origin, path };
  return {
    ...options,
    // TLS to the proxy, where there is any, is the connection's affair.
    origin: `http://${authorityOf(proxy)}`,
    path: url.origin + path,
    headers: {
      Host: url.host,
      ...headers,
      ...(proxy.authorization !== undefined && { 'Proxy-Authorization': proxy.authorization }),
    },
  };
}

function notSent(
  call: CallLabel,
  { target, proxy }: Route,
  phase: FailedStep['phase'],
  code: string,
  detail?: string,
): NotSentError {
  return new NotSentError(call, {
    phase,
    code,
    to: authorityOf(target),
    ...(proxy && { through: authorityOf(proxy) }),
    ...(detail !== undefined && { detail }),
  });
}

function refusalIn(verdict: Verdict): string | undefined {
  return verdict.allowed ? undefined : verdict.reason;
}

/** A target that redirected has seen the request, so a later hop that fails is no proof of "not sent". */
function afterRedirect(request: OutboundRequest, error: unknown): AmbiguousError {
  const what = error instanceof Error ? `the redirect failed: ${error.message}` : 'the redirect failed';
  return new AmbiguousError(labelOf(request), 'REDIRECT', what);
}
