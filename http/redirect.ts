/** Where a redirect leads, by the rules of Python's requests, and what may go along. */

export interface OutboundRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
}

export const MAX_REDIRECTS = 30;

/** What another host has to know of the request. Any other header may be a credential for the first one. */
const FOR_ANY_HOST = [
  ...['accept', 'accept-charset', 'accept-encoding', 'accept-language', 'user-agent', 'idempotency-key'],
  ...['content-type', 'content-encoding', 'content-language', 'content-length', 'transfer-encoding'],
];
const ABOUT_THE_BODY = ['content-length', 'content-type', 'transfer-encoding'];

/**
 * The request that a response asks for, or undefined when it is no redirect.
 *
 * 303 and 302 become GET, 301 does so after POST; 307 and 308 repeat the request as it is. The source of the
 * rules is `requests.sessions.SessionRedirectMixin`; unlike there, where `Authorization` alone stays behind, no
 * header that may be a credential crosses hosts.
 */
export function followingRequest(
  request: OutboundRequest,
  status: number,
  location: string | undefined,
): OutboundRequest | undefined {
  if (!location || ![301, 302, 303, 307, 308].includes(status) || !URL.canParse(location, request.url))
    return undefined;
  const from = new URL(request.url);
  const to = new URL(location, from);
  const method = methodAfter(request.method, status);
  const keepsBody = status === 307 || status === 308;
  const goesAlong = (name: string) =>
    (keepsCredentials(from, to) || FOR_ANY_HOST.includes(name)) &&
    (keepsBody || !ABOUT_THE_BODY.includes(name));
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => goesAlong(name.toLowerCase())),
  );
  return {
    method,
    url: to.href,
    headers,
    ...(keepsBody && request.body !== undefined && { body: request.body }),
  };
}

function methodAfter(method: string, status: number): string {
  if ((status === 302 || status === 303) && method !== 'HEAD') return 'GET';
  return status === 301 && method === 'POST' ? 'GET' : method;
}

/** Same host and port, or the step from http to https on one host with the usual ports. */
function keepsCredentials(from: URL, to: URL): boolean {
  if (from.origin === to.origin) return true;
  const upgraded =
    from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === '';
  return upgraded && from.hostname === to.hostname;
}
