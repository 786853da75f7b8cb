/** Runs whose mappings find no thread of jq's: they wait, and never call when nobody expects it any more. */
import { createInvoke } from '../../activities/invoke.js';
import { startPrivateService } from '../../local/simulators/private-service.js';
import { createEvaluator } from '../../port/mapping/evaluator.js';
import type { Mapping } from '../../port/mapping/mapping.js';
import { FAILURES, type InvokeInput } from '../../workflows/contract.js';
import { useEvaluator } from '../port/mapping/evaluators.js';
import {
  attempt,
  CLIENT_SECRET,
  closing,
  failureOf,
  memoryLogger,
  newRunId,
  outbound,
} from './environment.js';

/** Slow filters are ended after it: late enough for whoever is to give up behind them. */
const evaluator = useEvaluator({ deadlineMs: 3000 });
const url = '"http://nowhere.invalid/"';
const isSlow = '.payload.action.identifier == "slow"';
const MAPPINGS: Mapping[] = [
  { enabled: isSlow, url, body: 'def f: f; f' },
  { enabled: true, url },
];

function activity(mappings = MAPPINGS, jq = evaluator()) {
  return createInvoke({
    stopping: new AbortController().signal,
    gitlab: outbound(),
    webhooks: outbound(),
    plan: { gitlabUrl: 'http://gitlab.invalid', environment: {} },
    mappings: { mappings, evaluator: jq, environment: {}, close: async () => {} },
    clientSecret: CLIENT_SECRET,
    detailedLogging: true,
    logger: memoryLogger().logger,
  });
}

function inputOf(identifier: string): InvokeInput {
  const runId = newRunId();
  const invocationMethod = { type: 'WEBHOOK', agent: true, url: 'http://nowhere.invalid/' };
  return {
    runId,
    kind: 'run',
    call: 'POST the.target',
    message: { context: { runId }, payload: { action: { identifier, invocationMethod } } },
    policy: { callTimeoutMs: 5000, workerLostAfterMs: 200, retryWindowMs: 60_000, maxWaitMs: 600_000 },
    mayCall: true,
  };
}

test('behind filters that take seconds, an attempt gives up in time, and another one is made', async () => {
  const invoke = activity();
  const slow = [inputOf('slow'), inputOf('slow')].map((input) => attempt(invoke, input));
  const early = await attempt(invoke, inputOf('quick'));
  expect(failureOf(early)).toMatchObject({
    type: FAILURES.notSent,
    nonRetryable: false,
    message: expect.stringContaining('the mappings of other runs keep jq busy'),
  });
  const late = await attempt(invoke, inputOf('quick'), { attempt: 9, scheduledMsAgo: 120_000 });
  expect(late.result).toMatchObject({
    outcome: { status: 'FAILURE', summary: expect.stringMatching(/nothing was sent.*tried 9 times/) },
  });
  for (const ended of await Promise.all(slow))
    expect(ended.result).toMatchObject({
      outcome: { summary: expect.stringContaining('mapping 0, body: jq') },
    });

  const quick = inputOf('quick');
  const patient = { ...quick, policy: { ...quick.policy, workerLostAfterMs: 60_000 } };
  const afterwards = await attempt(invoke, patient);
  expect(failureOf(afterwards).message).toContain('nowhere.invalid');
});

test('a run that was answered ends in time, without the report that waits behind them', async () => {
  const service = closing(await startPrivateService());
  let isReached = (): void => {};
  const reached = new Promise<void>((resolve) => {
    isReached = resolve;
  });
  let letGo = (): void => {};
  const until = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  service.inject({
    kind: 'holdBefore',
    get until() {
      isReached();
      return until;
    },
  });
  const report = { summary: '"from the report"' };
  const [slow, quick] = MAPPINGS as [Mapping, Mapping];
  const jq = closing(createEvaluator({ threads: 2, deadlineMs: 60_000, maxMemoryMb: 64 }));
  // Both threads have begun: what follows has its limits for itself.
  await Promise.all([1, 2].map(() => jq.firstMatch([{ enabled: isSlow }], {}, {})));
  const invoke = activity([slow, { ...quick, url: `"${service.url}/ok"`, report }], jq);
  const within = (input: InvokeInput, callTimeoutMs: number, workerLostAfterMs: number): InvokeInput => ({
    ...input,
    policy: { ...input.policy, callTimeoutMs, workerLostAfterMs },
  });
  const answered = attempt(invoke, within(inputOf('quick'), 3000, 2000));
  await reached;
  const slowOnes = Array.from({ length: 4 }, () => within(inputOf('slow'), 3000, 60_000));
  const busy = slowOnes.map((each) => attempt(invoke, each));
  letGo();
  expect((await answered).result).toMatchObject({
    outcome: {
      statusCode: 200,
      log: expect.arrayContaining([
        expect.stringMatching(/^mapping 1, report: left out, since it was not done in time/),
      ]),
    },
  });
  await jq.close();
  await Promise.all(busy);
});

test('an attempt that comes to its call when Temporal has given it up does not call', async () => {
  const late = inputOf('quick');
  const ended = await attempt(activity(), { ...late, policy: { ...late.policy, workerLostAfterMs: 0.01 } });
  expect(failureOf(ended)).toMatchObject({
    type: FAILURES.notSent,
    message: expect.stringContaining('too busy to prepare the call in time'),
  });
});
