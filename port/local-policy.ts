/**
 * Whether the operator lets the agent carry out a run: ALLOWED_ACTIONS and ALLOWED_METHODS. What may be called is
 * the third rule, in `http/policy/`.
 *
 * A message that names an action twice has to name allowed ones: its author can write over one of the two.
 */
import type { LocalPolicy } from '../config/local-policy.js';
import { matchesGlob } from '../http/policy/glob.js';
import { excerpt, oneLine } from './excerpt.js';
import { type JsonObject, type MessageKind, runIdOf, textAt } from './message.js';

/** A rule that refuses a run; `reason` is a clause for people, with what to do. */
export interface Refusal {
  rule: 'ALLOWED_ACTIONS' | 'ALLOWED_METHODS';
  reason: string;
}

const MAX_SHOWN_LENGTH = 100;

/** Why the run's action may not be carried out; undefined when it may. Capitals count. */
export function refusalOfAction(
  message: JsonObject,
  kind: MessageKind,
  { actions }: LocalPolicy,
): Refusal | undefined {
  if (!actions) return undefined;
  const refused = namesOf(message, kind).find(({ name }) => !actions.some((a) => matchesGlob(a, name)));
  if (!refused) return undefined;
  const { what, entry } = refused;
  const reason = `ALLOWED_ACTIONS does not allow ${what}; add ${entry} if the agent may carry it out`;
  return { rule: 'ALLOWED_ACTIONS', reason };
}

/** Why a request of this method may not be sent; undefined when it may. */
export function refusalOfMethod(method: string, { methods }: LocalPolicy): Refusal | undefined {
  if (!methods || methods.includes(method.toUpperCase())) return undefined;
  const reason = `ALLOWED_METHODS does not allow ${shown(method)}; add it if the agent may use it`;
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
