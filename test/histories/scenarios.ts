/** What happens to the workflow of each recorded history. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, type WorkflowHandle } from '@temporalio/client';
import type { Activities } from '../../activities/index.js';
import type { Outcome } from '../../port/outcome.js';
import {
  CALL_AGAIN_SIGNAL,
  type CallPolicy,
  FAILURES,
  type InvokeInput,
  type InvokeResult,
  type RejectInput,
  type RunInput,
} from '../../workflows/contract.js';
import { until } from '../support/house.js';

export interface Scenario {
  type: 'callWebhook' | 'triggerGitlabPipeline' | 'rejectMessage';
  input: RunInput | RejectInput;
  activities: Partial<Activities>;
  /** While no worker is there yet. */
  before?: (workflow: WorkflowHandle) => Promise<unknown>;
  /** While the worker is at it. */
  during?: (workflow: WorkflowHandle) => Promise<unknown>;
  /** Once it has closed, it is reset to its beginning, and this happens to the new run. */
  afterReset?: (workflow: WorkflowHandle) => Promise<unknown>;
}

/** By the name of the history's file. */
export const scenarios: Record<string, Scenario> = {
  'callWebhook.success': webhook({ invoke: answers(outcome({ status: 'SUCCESS', response: { ok: true } })) }),
  'callWebhook.handed-over': webhook({ invoke: answers(outcome({})) }),
  'callWebhook.failure': webhook({ invoke: answers(failure()) }),
  'callWebhook.not-sent-then-success': webhook({ invoke: failsOnce(FAILURES.notSent, 100) }),
  'callWebhook.agent-fault': webhook({
    invoke: () => Promise.reject(ApplicationFailure.nonRetryable('out of memory', 'Error')),
  }),
  'callWebhook.report-refused': webhook({
    invoke: answers(success()),
    reportRun: () => Promise.reject(ApplicationFailure.nonRetryable('unknown run', FAILURES.portRefused)),
  }),
  'callWebhook.worker-lost': webhook(
    { invoke: () => Context.current().cancelled },
    { policy: { workerLostAfterMs: 200 } },
  ),
  'callWebhook.worker-lost-then-success': webhook(
    { invoke: diesOnce() },
    { policy: { workerLostAfterMs: 200, retryAmbiguous: true } },
  ),
  'callWebhook.no-worker': {
    ...webhook({ invoke: answers(success()) }, { policy: { maxWaitMs: 1 } }),
    before: async (workflow) => {
      const { startTime } = await workflow.describe();
      await until('its time is over', () => Date.now() > startTime.getTime() + 100);
    },
  },
  'callWebhook.cancelled-before': {
    ...webhook({ invoke: answers(success()) }),
    before: (workflow) => workflow.cancel(),
  },
  'callWebhook.cancelled-between': {
    ...webhook({ invoke: failsOnce(FAILURES.notSent, 60_000) }),
    during: async (workflow) => {
      await untilPending(workflow, ({ attempt }) => attempt === 2);
      await workflow.cancel();
    },
  },
  'callWebhook.cancelled-during': {
    ...webhook({ invoke: answersOnceCancelled }),
    during: async (workflow) => {
      await untilPending(workflow, ({ state }) => state === STARTED);
      await workflow.cancel();
    },
  },
  'callWebhook.reset-withheld': {
    ...webhook({ invoke: answersIfItMay }),
    afterReset: async (workflow) => {
      await untilEvent(workflow, 'timerStartedEventAttributes');
      await workflow.cancel();
    },
  },
  'callWebhook.reset-call-again': {
    ...webhook({ invoke: answersIfItMay }),
    afterReset: (workflow) => workflow.signal(CALL_AGAIN_SIGNAL),
  },
  'callWebhook.node-run': webhook({ invoke: answers(success()) }, { kind: 'node' }),
  'callWebhook.change': webhook({ invoke: answers(success()) }, { kind: 'change' }),

  'triggerGitlabPipeline.handed-over': gitlab({
    invoke: answers(outcome({ link: 'https://gitlab.example.com/pipelines/1', externalRunId: '1' })),
  }),
  'triggerGitlabPipeline.failure': gitlab({ invoke: answers(failure()) }),
  'triggerGitlabPipeline.rate-limited-then-success': gitlab({
    invoke: failsOnce(FAILURES.rateLimited, 100),
  }),

  'rejectMessage.reported': rejected({ reason: 'bad signature', reportTo: 'r_recorded' }),
  'rejectMessage.not-reported': rejected({ reason: 'not JSON' }),
};

type Invoke = (input: InvokeInput) => Promise<InvokeResult>;

function webhook(
  activities: Partial<Activities>,
  { kind = 'run', policy }: { kind?: RunInput['kind']; policy?: Partial<CallPolicy> } = {},
): Scenario {
  const call = 'POST service.example.com /deploy';
  return { ...run(call, activities, kind, policy), type: 'callWebhook' };
}

function gitlab(activities: Partial<Activities>): Scenario {
  return { ...run('POST gitlab.example.com platform/infra', activities), type: 'triggerGitlabPipeline' };
}

function run(
  call: string,
  activities: Partial<Activities>,
  kind: RunInput['kind'] = 'run',
  policy: Partial<CallPolicy> = {},
): Omit<Scenario, 'type'> {
  const limits = { callTimeoutMs: 100, workerLostAfterMs: 60_000, retryWindowMs: 60_000, maxWaitMs: 60_000 };
  const runId = kind === 'node' ? 'wfnr_recorded' : 'r_recorded';
  return {
    input: { runId, kind, call, message: { action: 'deploy' }, policy: { ...limits, ...policy } },
    activities: { reportRun: done, reportNodeRun: done, ...activities },
  };
}

function rejected(what: Pick<RejectInput, 'reason' | 'reportTo'>): Scenario {
  const where = { record: 'org.runs/0/7', advice: 'Look who writes to the topic.', sizeBytes: 12, timestampMs: 0 };
  return { type: 'rejectMessage', input: { ...where, ...what }, activities: { reportRejection: done } };
}

async function done(): Promise<void> {}

function outcome(what: Partial<Outcome>): Outcome {
  return { log: ['POST: answered'], headline: 'HTTP 200', ...what };
}

function success(): Outcome {
  return outcome({ status: 'SUCCESS' });
}

function failure(): Outcome {
  return outcome({ status: 'FAILURE', summary: 'it answered 404', headline: 'HTTP 404' });
}

function answers(given: Outcome): Invoke {
  return async () => ({ kind: 'outcome', outcome: given });
}

async function answersIfItMay({ mayCall }: InvokeInput): Promise<InvokeResult> {
  return mayCall ? { kind: 'outcome', outcome: success() } : { kind: 'withheld' };
}

async function answersOnceCancelled(): Promise<InvokeResult> {
  const { info, client } = Context.current();
  const workflow = client.workflow.getHandle(info.workflowExecution?.workflowId ?? '');
  await untilPending(workflow, ({ state }) => state === CANCEL_REQUESTED);
  return { kind: 'outcome', outcome: success() };
}

function failsOnce(type: string, nextRetryDelay: number): Invoke {
  return async () => {
    if (Context.current().info.attempt > 1) return { kind: 'outcome', outcome: success() };
    throw ApplicationFailure.create({ type, message: 'POST: was not sent', nextRetryDelay });
  };
}

function diesOnce(): Invoke {
  return async () => {
    if (Context.current().info.attempt === 1) await Context.current().cancelled;
    return { kind: 'outcome', outcome: success() };
  };
}

const STARTED = 2;
const CANCEL_REQUESTED = 3;

async function untilPending(
  workflow: WorkflowHandle,
  isReached: (pending: { attempt?: number | null; state?: number | null }) => boolean,
): Promise<void> {
  await until('the pending activity is as it should be', async () => {
    const [pending] = (await workflow.describe()).raw.pendingActivities ?? [];
    return pending !== undefined && isReached(pending);
  });
}

async function untilEvent(workflow: WorkflowHandle, attributes: 'timerStartedEventAttributes'): Promise<void> {
  await until(`the history has ${attributes}`, async () => {
    const { events } = await workflow.fetchHistory();
    return events?.some((event) => event[attributes]) === true;
  });
}
