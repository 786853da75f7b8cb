/**
 * GitLab's request parameters, merged as its API framework (Grape on Rack) merges them:
 * the query, over it the body, over both the path. Bodies may be JSON, urlencoded or multipart.
 */
import type { SimRequest, SimResponse } from './http-server.js';

/** A part of the path, decoded; as it is where it is no valid encoding. */
export function decodeSegment(segment = ''): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export type Parameters = Record<string, unknown>;

/** An answer of GitLab's API: JSON without a charset in the content type. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): SimResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}

/** All parameters in the order in which GitLab would write them down, or its refusal to read them. */
export function readParameters(
  request: SimRequest,
  path: Record<string, string>,
): { parameters: Parameters } | { refusal: SimResponse } {
  const body = readBody(request);
  if ('refusal' in body) return body;
  return { parameters: { ...nest(request.query), ...body.parameters, ...path } };
}

function readBody(request: SimRequest): { parameters: Parameters } | { refusal: SimResponse } {
  const contentType = request.headers['content-type'] ?? 'application/json';
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (request.rawBody === '') return { parameters: {} };
  switch (mediaType) {
    case 'application/json':
      return readJson(request.rawBody);
    case 'application/x-www-form-urlencoded':
      return { parameters: nest(new URLSearchParams(request.rawBody)) };
    case 'multipart/form-data':
      return { parameters: nest(multipartFields(request.rawBody, contentType)) };
    case 'text/plain': // accepted, and never read
      return { parameters: {} };
    default: {
      const error = `The provided content-type '${mediaType}' is not supported.`;
      return { refusal: json(415, { error }) };
    }
  }
}

function readJson(text: string): { parameters: Parameters } | { refusal: SimResponse } {
  try {
    const value: unknown = JSON.parse(text);
    return { parameters: isHash(value) ? value : {} };
  } catch {
    return { refusal: json(400, { error: 'message body does not match declared format' }) };
  }
}

export function isHash(value: unknown): value is Parameters {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function* multipartFields(body: string, contentType: string): Iterable<[string, string]> {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (!boundary) return;
  for (const part of body.split(`--${boundary}`)) {
    const end = part.indexOf('\r\n\r\n');
    const name = end < 0 ? undefined : /\bname="([^"]*)"/.exec(part.slice(0, end))?.[1];
    if (name) yield [name, part.slice(end + 4).replace(/\r\n$/, '')];
  }
}

/** Rack's bracket syntax: `variables[A]=1` is `{variables: {A: '1'}}`, `list[]=1` is `{list: ['1']}`. */
function nest(fields: Iterable<[string, string]>): Parameters {
  const root: Parameters = {};
  for (const [name, value] of fields) {
    const first = /^[^[]*/.exec(name)?.[0] ?? name;
    const keys = [...name.slice(first.length).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? '');
    put(root, [first, ...keys], value);
  }
  return root;
}

function put(target: Parameters, [key = '', ...rest]: string[], value: string): void {
  if (rest.length === 0) {
    target[key] = value;
  } else if (rest[0] === '') {
    const list = Array.isArray(target[key]) ? (target[key] as unknown[]) : [];
    target[key] = [...list, value];
  } else {
    const child = isHash(target[key]) ? target[key] : {};
    target[key] = child;
    put(child, rest, value);
  }
}
