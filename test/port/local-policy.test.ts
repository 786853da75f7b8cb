import { refusalOfAction, refusalOfMethod } from '../../port/local-policy.js';
import type { JsonObject, MessageKind } from '../../port/message.js';

const named = (identifier?: string, action?: string): JsonObject => ({
  ...(action !== undefined && { action }),
  context: { runId: 'r_1' },
  payload: { action: { ...(identifier !== undefined && { identifier }) } },
});
const NODE: JsonObject = { action: 'deploy', context: { runId: 'wfnr_1' } };
const change = (blueprint: string | null): JsonObject => ({ action: 'deploy', context: { blueprint } });

const CASES: [what: string, string[] | undefined, JsonObject, MessageKind, allowed: boolean][] = [
  ['any action without a list', undefined, named('deploy', 'deploy'), 'run', true],
  ['a listed action', ['scale', 'deploy'], named('deploy', 'deploy'), 'run', true],
  ['another action', ['scale'], named('deploy', 'deploy'), 'run', false],
  ['an action of a pattern', ['dep*'], named('deploy', 'deploy'), 'run', true],
  ['an action that a listed one begins', ['dep'], named('deploy', 'deploy'), 'run', false],
  ['an action in other letters', ['Deploy'], named('deploy', 'deploy'), 'run', false],
  ['a name of which the pattern is no regular expression', ['d.ploy'], named('deploy'), 'run', false],
  ['an action named at the root only, as before', ['deploy'], named(undefined, 'deploy'), 'run', true],
  ['an action named in the payload only', ['deploy'], named('deploy'), 'run', true],
  ['an action under a listed name at the root', ['deploy'], named('wipe', 'deploy'), 'run', false],
  ['an action under a listed name in the payload', ['deploy'], named('deploy', 'wipe'), 'run', false],
  ['a run without an action', ['deploy', 'wfnr_*'], named(), 'run', false],
  ['a run without an action, where all are listed', ['*'], named(), 'run', true],
  ['a node run by the name of an action', ['deploy'], NODE, 'node', false],
  ['a node run by its id', ['wfnr_*'], NODE, 'node', true],
  ['a change by the name of an action', ['deploy'], change('service'), 'change', false],
  ['a change of a listed blueprint', ['change/service'], change('service'), 'change', true],
  ['a change of another blueprint', ['change/service'], change('database'), 'change', false],
  ['a change of no blueprint', ['change/service'], change(null), 'change', false],
  ['every change', ['change/*'], change(null), 'change', true],
  ['a change, by a pattern for actions', ['*_restart'], change('x_restart'), 'change', false],
  ['a change, where all are listed', ['*'], change('service'), 'change', true],
  ['a node run, by a pattern for actions', ['*1'], NODE, 'node', false],
];

test.each(CASES)('%s, with %j', (_, actions, message, kind, allowed) => {
  const refusal = refusalOfAction(message, kind, actions ? { actions } : {});
  expect(refusal === undefined).toBe(allowed);
});

test.each<[JsonObject, MessageKind, string]>([
  [named('wipe'), 'run', 'the action "wipe"; add it'],
  [named('a\n\u001b[31mb'), 'run', 'the action "a  [31mb"; add it'],
  [named(), 'run', 'a run whose message names no action; add *'],
  [NODE, 'node', "a workflow's node run; add wfnr_*"],
  [change('service'), 'change', 'a change of the blueprint "service"; add change/service'],
])('what is refused is named on one line, with what to add: %j', (message, kind, words) => {
  expect(refusalOfAction(message, kind, { actions: ['none'] })).toEqual({
    rule: 'ALLOWED_ACTIONS',
    reason: `ALLOWED_ACTIONS does not allow ${words} if the agent may carry it out`,
  });
});

test('a long name is cut', () => {
  const { reason = '' } = refusalOfAction(named('x'.repeat(10_000)), 'run', { actions: ['none'] }) ?? {};
  expect(reason.length).toBeLessThan(300);
});

test.each<[string, string[] | undefined, boolean]>([
  ['POST', undefined, true],
  ['POST', ['GET', 'POST'], true],
  ['post', ['POST'], true],
  ['DELETE', ['GET', 'POST'], false],
  ['POS', ['POST'], false],
])('%s, with %j: %s', (method, methods, allowed) => {
  expect(refusalOfMethod({ method, headers: {} }, methods ? { methods } : {}) === undefined).toBe(allowed);
});

test.each(['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override'])(
  'a target may take %s for the method, so it is judged as well',
  (name) => {
    const refusal = (value: string, methods?: string[]) =>
      refusalOfMethod({ method: 'POST', headers: { [name]: value } }, methods ? { methods } : {});
    expect(refusal(' delete', ['POST'])?.reason).toMatch(/does not allow +delete;/);
    expect(refusal('PATCH', ['POST', 'PATCH'])).toBeUndefined();
    expect(refusal('DELETE')).toBeUndefined();
  },
);

test('a method that is refused is named, with what to do', () => {
  expect(refusalOfMethod({ method: 'DELETE', headers: {} }, { methods: ['POST'] })).toEqual({
    rule: 'ALLOWED_METHODS',
    reason: 'ALLOWED_METHODS does not allow DELETE; add it if the agent may use it',
  });
});
