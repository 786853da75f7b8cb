/**
 * How Port refuses, and how it reads a body.
 *
 * Documented (docs.port.io/api-reference): the shape `{ok:false, error, message}`, the codes invalid_request,
 * not_found, run_synchronized_error, run_exhausted, run_not_waiting_for_approval, internal_error and those of
 * "Execute a self-service action", the statuses, and the texts in DOCUMENTED.
 * Guessed: every other text (the details after a colon too), the codes unauthorized, request_too_large,
 * too_many_requests and already_acknowledged, and that a body which is not JSON is a 422 rather than a 400.
 */
import type { SimRequest } from './http-server.js';

const DOCUMENTED = {
  schema: "The json provided does not match the route's schema",
  notFound: 'A resource with the provided identifier was not found',
  tooLarge: 'Request body is too large (limit is 1MiB)',
  synchronized: 'Cannot manually change status of a synchronized action run',
  notSelfService: 'Cannot create run manually for non self service action',
  entityMissing: 'The desired action requires a specified entity',
  inputs: "The provided user inputs do not match the action's schema",
  evaluation: 'Failed to evaluate invocation method',
  internal: 'An internal error occurred',
};

/** A request that Port turns down; the gate makes the answer of it. */
export class Refusal extends Error {
  override name = 'Refusal';
  constructor(
    readonly status: number,
    readonly error: string,
    message: string,
  ) {
    super(message);
  }
}

export const refusal = {
  invalidRequest: (detail: string) => new Refusal(422, 'invalid_request', `${DOCUMENTED.schema}: ${detail}`),
  notFound: () => new Refusal(404, 'not_found', DOCUMENTED.notFound),
  tooLarge: () => new Refusal(413, 'request_too_large', DOCUMENTED.tooLarge),
  synchronized: () => new Refusal(422, 'run_synchronized_error', DOCUMENTED.synchronized),
  notSelfService: () => new Refusal(422, 'run_non_self_service_error', DOCUMENTED.notSelfService),
  entityMissing: () => new Refusal(422, 'missing_self_service_action_entity', DOCUMENTED.entityMissing),
  inputs: (detail: string) =>
    new Refusal(422, 'user_inputs_schema_invalid', `${DOCUMENTED.inputs}: ${detail}`),
  evaluation: (detail: string) =>
    new Refusal(422, 'evaluate_invocation_method_error', `${DOCUMENTED.evaluation}: ${detail}`),
  internal: () => new Refusal(500, 'internal_error', DOCUMENTED.internal),
  exhausted: (id: string) =>
    new Refusal(422, 'run_exhausted', `The run ${id} has ended and can no longer be modified`),
  notWaiting: (id: string) =>
    new Refusal(422, 'run_not_waiting_for_approval', `The run ${id} is not waiting for approval`),
  unauthorized: (detail: string) => new Refusal(401, 'unauthorized', detail),
  tooMany: () => new Refusal(429, 'too_many_requests', 'Rate limit exceeded'),
  acknowledged: () => new Refusal(409, 'already_acknowledged', 'The run was already acknowledged'),
};

type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

export interface Field {
  type: JsonType | JsonType[];
  required?: boolean;
  /** What a string may be. */
  enum?: readonly string[];
  /** Bounds of a number, which is then an integer. */
  range?: readonly [number, number];
  /** What an array's items must be. */
  items?: JsonType;
}

export type Body = Record<string, unknown>;

/** Reads a JSON object that holds the schema's keys and no others, or throws the 422 that names the key. */
export function readBody(request: SimRequest, schema: Record<string, Field>): Body {
  let parsed: unknown;
  try {
    parsed = JSON.parse(request.rawBody);
  } catch {
    throw refusal.invalidRequest('body is not JSON');
  }
  if (jsonType(parsed) !== 'object') throw refusal.invalidRequest('body must be object');
  const body = parsed as Body;
  for (const key of Object.keys(body)) {
    if (!Object.hasOwn(schema, key)) {
      throw refusal.invalidRequest(`body must NOT have additional properties ("${key}")`);
    }
  }
  for (const [key, field] of Object.entries(schema)) {
    if (Object.hasOwn(body, key)) checkField(key, body[key], field);
    else if (field.required) throw refusal.invalidRequest(`body must have required property '${key}'`);
  }
  return body;
}

function checkField(key: string, value: unknown, field: Field): void {
  const types = Array.isArray(field.type) ? field.type : [field.type];
  if (!types.includes(jsonType(value))) {
    throw refusal.invalidRequest(`body/${key} must be ${types.join(' or ')}`);
  }
  if (field.enum && typeof value === 'string' && !field.enum.includes(value)) {
    throw refusal.invalidRequest(`body/${key} must be one of ${field.enum.join(', ')}`);
  }
  if (field.range && typeof value === 'number') checkRange(`body/${key}`, value, field.range);
  if (field.items && Array.isArray(value) && value.some((item) => jsonType(item) !== field.items)) {
    throw refusal.invalidRequest(`body/${key} must hold ${field.items}s only`);
  }
}

/** Reads a whole number from the query, or throws the 422 that names it. */
export function readNumber(
  query: URLSearchParams,
  name: string,
  fallback: number,
  range: readonly [number, number],
): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  checkRange(`querystring/${name}`, value, range);
  return value;
}

function checkRange(name: string, value: number, [least, most]: readonly [number, number]): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw refusal.invalidRequest(`${name} must be an integer from ${least} to ${most}`);
  }
}

/** The route's nth path parameter, decoded; an id that does not decode is an id that nobody has. */
export function pathParam(request: SimRequest, index: number): string {
  try {
    return decodeURIComponent(request.params[index] ?? '');
  } catch {
    throw refusal.notFound();
  }
}

function jsonType(value: unknown): JsonType {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : (typeof value as JsonType);
}
