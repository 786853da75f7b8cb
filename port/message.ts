/**
 * Port's messages as they come from Kafka: read leniently, since authors of actions shape most of them.
 *
 * Nothing is required but what the agent acts on; every accessor copes with any JSON in any place.
 */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** One way a run is carried out, as the action's author set it up and Port resolved it. */
export interface InvocationMethod {
  type: 'GITLAB' | 'WEBHOOK';
  /** Whether Port meant it for an agent. The old agent took the text "false" for true. */
  forAgent: boolean;
  synchronized: boolean;
  raw: JsonObject;
}

/** Nothing of Port's is nested deeper. Some thousands of levels would overflow the stack where JSON is written. */
const MAX_NESTING = 1000;

/** The message in a record's bytes, or undefined when they hold no JSON object. */
export function parseMessage(value: Uint8Array | null): JsonObject | undefined {
  if (value === null) return undefined;
  try {
    const parsed: Json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
    return isObject(parsed) && !nestsDeeper(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Whether bytes are JSON at all, be it none that Port writes. */
export function isJson(value: Uint8Array | null): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value ?? new Uint8Array()));
    return true;
  } catch {
    return false;
  }
}

/** Whether a value is nested deeper than `levels`: too deep to be written as JSON without risk. */
export function nestsDeeper(value: Json, levels = MAX_NESTING): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => nestsDeeper(inner, levels - 1));
}

/** What a message is about: a run of an action or automation, a workflow's node run, a change of the catalogue. */
export type MessageKind = 'run' | 'node' | 'change';

/** Node runs are told from runs by their id alone. */
export function kindOfRun(message: JsonObject): 'run' | 'node' {
  return isNodeRun(runIdOf(message)) ? 'node' : 'run';
}

export function isNodeRun(runId: Json | undefined): boolean {
  return typeof runId === 'string' && runId.startsWith('wfnr_');
}

/** How a message wants to be carried out; undefined when it says nothing about it. */
export function invocationMethodOf(
  message: JsonObject,
  kind: MessageKind = kindOfRun(message),
): InvocationMethod | undefined {
  const raw =
    kind === 'change'
      ? at(message, 'changelogDestination')
      : at(message, 'payload', 'action', 'invocationMethod');
  if (!isObject(raw)) return undefined;
  const type = typeof raw['type'] === 'string' ? raw['type'].toUpperCase() : 'WEBHOOK';
  // A workflow's webhook node waits for the answer unless it says otherwise.
  const synchronized = kind === 'node' ? (raw['synchronized'] ?? true) : raw['synchronized'];
  return {
    type: type === 'GITLAB' && kind !== 'change' ? 'GITLAB' : 'WEBHOOK',
    forAgent: isTrue(raw['agent']),
    synchronized: isTrue(synchronized),
    raw,
  };
}

/** The run's id as Port wrote it, of whatever type. */
export function runIdOf(message: JsonObject): Json | undefined {
  return at(message, 'context', 'runId');
}

/** The value at a path of keys; undefined when the path leaves the objects. */
export function at(value: Json | undefined, ...path: string[]): Json | undefined {
  let current = value;
  for (const key of path) {
    if (!isObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

/** The text at a path; undefined when there is none, or an empty one. */
export function textAt(value: Json | undefined, ...path: string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Port's booleans may be templates, and so arrive as text. As for the old agent, whatever is not empty is true;
 * unlike there, the text "false" is false.
 */
export function isTrue(value: Json | undefined): boolean {
  if (typeof value === 'string') return !['', 'false'].includes(value.trim().toLowerCase());
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}
