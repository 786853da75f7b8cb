/** What the operator does not allow is not done: nothing is evaluated, looked up or sent. */
import { createInvoke } from '../../activities/invoke.js';
import type { LocalPolicy } from '../../config/local-policy.js';
import { startPrivateService } from '../../local/simulators/private-service.js';
import type { Evaluator } from '../../port/mapping/evaluator.js';
import type { MappingBook } from '../../port/mapping/mapping-book.js';
import type { Outcome } from '../../port/outcome.js';
import { useEvaluator } from '../port/mapping/evaluators.js';
import { runInput } from '../support/temporal.js';
import { attempt, CLIENT_SECRET, closing, memoryLogger, outbound } from './environment.js';

const evaluator = useEvaluator();

interface Asked {
  method?: string;
  policy: LocalPolicy;
  /** The method that a mapping yields. */
  mapped?: string;
}

async function invoke({ method = 'POST', policy, mapped }: Asked) {
  const service = closing(await startPrivateService({ clientSecret: CLIENT_SECRET }));
  const { logger, lines } = memoryLogger();
  const evaluations = { count: 0 };
  const activity = createInvoke({
    stopping: new AbortController().signal,
    gitlab: outbound(),
    webhooks: outbound(),
    policy,
    plan: { gitlabUrl: 'http://gitlab.invalid', environment: {} },
    clientSecret: CLIENT_SECRET,
    detailedLogging: true,
    logger,
    ...(mapped !== undefined && { mappings: mappingTo(mapped, evaluations) }),
  });
  const invocationMethod = { type: 'WEBHOOK', agent: true, method, url: `${service.url}/ok` };
  const input = runInput({
    call: `${method} the.target`,
    message: { action: 'deploy', payload: { action: { identifier: 'deploy', invocationMethod } } },
  });
  const { result, error } = await attempt(activity, { ...input, mayCall: true });
  if (error) throw error;
  const { outcome } = result as { outcome: Outcome };
  return { outcome, calls: service.calls(), lines, evaluations: evaluations.count };
}

/** One mapping that takes every run, and how often it was evaluated. */
function mappingTo(method: string, evaluations: { count: number }): MappingBook {
  const mappings = [{ enabled: true, method: `"${method}"`, url: '.payload.action.invocationMethod.url' }];
  const counted: Evaluator = {
    ...evaluator(),
    firstMatch: (...asked) => {
      evaluations.count++;
      return evaluator().firstMatch(...asked);
    },
  };
  return { evaluator: counted, mappings, environment: {}, close: async () => {} };
}

test.each<[string, Asked]>([
  ['an action', { policy: { actions: ['scale_*', 'deploy'] } }],
  ['a method', { policy: { methods: ['GET', 'POST'] } }],
  ['the method that a mapping yields', { policy: { methods: ['PUT'] }, mapped: 'put' }],
])('%s that is allowed is used', async (_, asked) => {
  const { outcome, calls } = await invoke(asked);
  expect(outcome.statusCode).toBe(200);
  expect(calls).toHaveLength(1);
});

test('an action that is not allowed ends the run, before a mapping is evaluated', async () => {
  const asked = { policy: { actions: ['scale_*'] }, mapped: 'POST' };
  const { outcome, calls, lines, evaluations } = await invoke(asked);
  expect(outcome).toMatchObject({
    status: 'FAILURE',
    summary:
      'POST the.target was not sent: ALLOWED_ACTIONS does not allow the action "deploy"; add it if the agent may carry it out',
  });
  expect(calls).toHaveLength(0);
  expect(evaluations).toBe(0);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ outcome: 'refused by ALLOWED_ACTIONS' }]);
});

test.each<[string, Asked]>([
  ['in the action', { method: 'delete', policy: { methods: ['GET', 'POST'] } }],
  ['in a mapping', { method: 'POST', mapped: 'DELETE', policy: { methods: ['GET', 'POST'] } }],
])('a method that is not allowed ends the run: %s', async (_, asked) => {
  const { outcome, calls, lines } = await invoke(asked);
  expect(outcome.status).toBe('FAILURE');
  expect(outcome.summary).toContain('was not sent: ALLOWED_METHODS does not allow DELETE; add it');
  expect(calls).toHaveLength(0);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ outcome: 'refused by ALLOWED_METHODS' }]);
});
