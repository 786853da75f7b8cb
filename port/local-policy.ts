/**
 * Whether the operator lets the agent carry out a run: ALLOWED_ACTIONS and ALLOWED_METHODS. What may be called is
 * the third rule, in `http/policy/`.
 *
 * A message that names an action twice has to name allowed ones: its author can write over one of the two. A pattern
 * for the names of actions, such as `*_restart`, allows no change and no node run, whose names others choose.
 */
import type { LocalPolicy } from '../config/local-policy.js';
import { matchesGlob } from '../http/policy/glob.js';
import type { OutboundRequest } from '../http/redirect.js';
import { excerpt, oneLine } from './excerpt.js';
import { type JsonObject, type MessageKind, runIdOf, textAt } from './message.js';

/** A rule that refuses a run; `reason` is a clause for people, with what to do. */
export interface Refusal {
  rule: 'ALLOWED_ACTIONS' | 'ALLOWED_METHODS';
  reason: string;
}

const MAX_SHOWN_LENGTH = 100;
/** How an entry for such a message begins; `*` alone is for all of them. */
const BEGINNINGS: Record<MessageKind, string> = { run: '', node: 'wfnr_', change: 'change/' };
/** Headers that frameworks (GitLab's Rails among them) take for the request's method. */
const METHOD_HEADERS = /^x-(http-)?method(-override)?$/i;

/** Why the run's action may not be carried out; undefined when it may. Capitals count. */
export function refusalOfAction(
  message: JsonObject,
  kind: MessageKind,
  { actions }: LocalPolicy,
): Refusal | undefined {
  if (!actions) return undefined;
  const entries = actions.filter((entry) => entry === '*' || entry.startsWith(BEGINNINGS[kind]));
  const refused = namesOf(message, kind).find(({ name }) => !entries.some((a) => matchesGlob(a, name)));
  if (!refused) return undefined;
  const { what, entry } = refused;
  const reason = `ALLOWED_ACTIONS does not allow ${what}; add ${entry} if the agent may carry it out`;
  return { rule: 'ALLOWED_ACTIONS', reason };
}

/** Why a request of this method may not be sent, or one with a header that asks for another; undefined when it may. */
export function refusalOfMethod(
  { method, headers }: Pick<OutboundRequest, 'method' | 'headers'>,
  { methods }: LocalPolicy,
): Refusal | undefined {
  if (!methods) return undefined;
  const asked = Object.entries(headers).flatMap(([name, value]) => (METHOD_HEADERS.test(name) ? value : []));
  const refused = [method, ...asked].find((each) => !methods.includes(each.trim().toUpperCase()));
  if (refused === undefined) return undefined;
  const reason = `ALLOWED_METHODS does not allow ${shown(refused)}; add it if the agent may use it`;
  return { rule: 'ALLOWED_METHODS', reason };
}

/** What ALLOWED_ACTIONS has to have, every one of them. A node run's message names neither workflow nor node. */
function namesOf(message: JsonObject, kind: MessageKind): { name: string; what: string; entry: string }[] {
  if (kind === 'node')
    return [{ name: String(runIdOf(message)), what: "a workflow's node run", entry: 'wfnr_*' }];
  if (kind === 'change') {
    const blueprint = textAt(message, 'context', 'blueprint') ?? '';
    const name = `change/${blueprint}`;
    return [{ name, what: `a change of the blueprint "${shown(blueprint)}"`, entry: shown(name) }];
  }
  const named = [textAt(message, 'payload', 'action', 'identifier'), textAt(message, 'action')];
  const names = [...new Set(named.filter((name) => name !== undefined))];
  if (names.length === 0) return [{ name: '', what: 'a run whose message names no action', entry: '*' }];
  return names.map((name) => ({ name, what: `the action "${shown(name)}"`, entry: 'it' }));
}

function shown(text: string): string {
  return excerpt(oneLine(text), MAX_SHOWN_LENGTH);
}
