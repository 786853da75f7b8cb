/** A request as it goes out: its address checked, credentials moved from the address into a header, defaults added. */
import { BadRequestError, type CallLabel } from './errors.js';
import { ACCEPTED_ENCODINGS } from './read-response.js';
import type { OutboundRequest } from './redirect.js';

/** @throws BadRequestError when the address is not one of http or https. */
export function labelOf(request: OutboundRequest): CallLabel {
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
  if (!url) throw new BadRequestError(`${request.method} can't be sent: its URL is not an absolute address`);
  if (!['http:', 'https:'].includes(url.protocol)) {
    throw new BadRequestError(`${request.method} can't be sent: ${url.protocol} is neither http: nor https:`);
  }
  return { method: request.method, host: url.host };
}

/** `http://user:password@host` sends them as Basic credentials, as Python's requests does. */
export function withCredentialsOfUrl(request: OutboundRequest): OutboundRequest {
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

/** Adds the headers that a request has unless it says otherwise. */
export function withDefaults(request: OutboundRequest, userAgent: string): OutboundRequest {
  const given = new Set(Object.keys(request.headers).map((name) => name.toLowerCase()));
  const defaults: Record<string, string> = {
    Accept: '*/*',
    'Accept-Encoding': ACCEPTED_ENCODINGS,
    'User-Agent': userAgent,
  };
  if (request.body !== undefined) defaults['Content-Type'] = 'application/json';
  const added = Object.entries(defaults).filter(([name]) => !given.has(name.toLowerCase()));
  return { ...request, headers: { ...Object.fromEntries(added), ...request.headers } };
}
