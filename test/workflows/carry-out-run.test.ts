import { EventEmitter, once } from 'node:events';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import type { Outcome } from '../../port/outcome.js';
import {
  FAILURES,
  type InvokeInput,
  type InvokeResult,
  type ReportInput,
  type RunInput,
} from '../../workflows/contract.js';
import { createTestWorker, runInput, startTestTemporal, type TestTemporal } from '../support/temporal.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await startTestTemporal();
});
afterAll(() => temporal.stop());

const SUCCESS: Outcome = { status: 'SUCCESS', log: ['done'], headline: 'HTTP 200' };
const HANDED_OVER: Outcome = {
  link: 'https://x/1',
  externalRunId: '1',
  log: ['created'],
  headline: 'HTTP 201',
};
const FAILURE: Outcome = {
  status: 'FAILURE',
  summary: 'GitLab answered 404',
  log: ['404'],
  headline: 'HTTP 404',
};

/** A workflow with its own worker; `invoke` is the test's, and what is reported is kept. */
async function carryOut(
  invoke: (input: InvokeInput) => Promise<InvokeResult>,
  options: {
    input?: Partial<RunInput>;
    during?: (run: TestRun) => Promise<unknown>;
    reportRun?: (input: ReportInput) => Promise<void>;
  } = {},
) {
  const input = runInput(options.input);
  const reports: ReportInput[] = [];
  const invoked: InvokeInput[] = [];
  const activities = {
    invoke: async (given: InvokeInput) => {
      invoked.push(given);
      return invoke(given);
    },
    reportRun: async (report: ReportInput) => {
      await options.reportRun?.(report);
      reports.push(report);
    },
  };
  const { client } = temporal.environment;
  const taskQueue = input.runId;
  const start = () =>
    client.workflow.start('triggerGitlabPipeline', { workflowId: input.runId, taskQueue, args: [input] });
  const worker = await createTestWorker(temporal, taskQueue, activities);
  const result = await worker.runUntil(async () => {
    const handle = await start();
    await options.during?.({ handle, invoked, reports });
    return handle.result().catch((error: unknown) => error);
  });
  return { result, invoked, reports, handle: client.workflow.getHandle(input.runId) };
}

interface TestRun {
  handle: Awaited<ReturnType<TestTemporal['environment']['client']['workflow']['start']>>;
  invoked: InvokeInput[];
  reports: ReportInput[];
}

const outcome = (o: Outcome) => async (): Promise<InvokeResult> => ({ kind: 'outcome', outcome: o });

/** What the workflow failed with, and nothing else. */
function failureOf(result: unknown): ApplicationFailure {
  expect(result).toBeInstanceOf(WorkflowFailedError);
  return (result as WorkflowFailedError).cause as ApplicationFailure;
}

function notSent(): ApplicationFailure {
  return ApplicationFailure.create({
    type: FAILURES.notSent,
    message: 'POST x was not sent: connect failed',
    nextRetryDelay: 50,
  });
}

describe('how a run ends', () => {
  test('a success is reported once, and the workflow completes', async () => {
    const { result, reports, invoked } = await carryOut(outcome(SUCCESS));
    expect(result).toMatchObject({ status: 'SUCCESS' });
    expect(reports.map((r) => r.outcome.status)).toEqual(['SUCCESS']);
    expect(invoked).toHaveLength(1);
  });

  test('a hand-over is reported without a status, and its link is the result', async () => {
    const { result, reports } = await carryOut(outcome(HANDED_OVER));
    expect(result).toMatchObject({ status: 'HANDED_OVER', link: 'https://x/1', externalRunId: '1' });
    expect(reports[0]?.outcome.status).toBeUndefined();
  });

  test('a failure is reported, and then the workflow fails with the sentence', async () => {
    const { result, reports } = await carryOut(outcome(FAILURE));
    expect(reports.map((r) => r.outcome.summary)).toEqual(['GitLab answered 404']);
    expect(failureOf(result)).toMatchObject({ type: FAILURES.runFailed, message: 'GitLab answered 404' });
  });

  test('a call that was not sent is tried again until it goes through', async () => {
    let attempts = 0;
    const { result, invoked } = await carryOut(async () => {
      if (++attempts < 3) throw notSent();
      return { kind: 'outcome', outcome: SUCCESS };
    });
    expect(result).toMatchObject({ status: 'SUCCESS' });
    expect(invoked).toHaveLength(3);
  });

  test('an attempt that dies with its worker is not made again, and is reported as possibly sent', async () => {
    const { result, invoked, reports } = await carryOut(() => Context.current().cancelled, {
      input: {
        policy: { callTimeoutMs: 100, workerLostAfterMs: 2900, retryWindowMs: 60_000, maxWaitMs: 60_000 },
      },
    });
    expect(invoked).toHaveLength(1);
    expect(reports[0]?.outcome).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringContaining('may have been reached'),
    });
    expect(failureOf(result).message).toContain('may have been reached');
  });

  test('an attempt that dies with its worker is made again where the receiver honours the key', async () => {
    let attempts = 0;
    const { result, invoked } = await carryOut(
      async () => {
        if (++attempts === 1) await Context.current().cancelled;
        return { kind: 'outcome', outcome: SUCCESS };
      },
      {
        input: {
          policy: {
            callTimeoutMs: 100,
            workerLostAfterMs: 2900,
            retryWindowMs: 60_000,
            maxWaitMs: 60_000,
            retryAmbiguous: true,
          },
        },
      },
    );
    expect(result).toMatchObject({ status: 'SUCCESS' });
    expect(invoked).toHaveLength(2);
  });

  test('a run that no worker calls for within its time is reported as never sent', async () => {
    const { reports, invoked } = await carryOut(async () => {
      // Longer than the workflow waits in all, which is what a queue without a worker looks like to it: Temporal
      // gives up at once.
      throw ApplicationFailure.create({
        type: FAILURES.notSent,
        message: 'refused',
        nextRetryDelay: '1 hour',
      });
    });
    expect(invoked).toHaveLength(1);
    expect(reports[0]?.outcome).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringContaining('refused'),
    });
  });

  test('an error that no one foresaw is reported too', async () => {
    const { result, reports } = await carryOut(async () => {
      throw ApplicationFailure.nonRetryable('out of memory', 'Error');
    });
    expect(reports[0]?.outcome).toMatchObject({ status: 'FAILURE', summary: 'out of memory' });
    expect(failureOf(result).type).toBe(FAILURES.runFailed);
  });

  test('a report that Port refuses leaves a failed workflow that says so', async () => {
    const { result } = await carryOut(outcome(SUCCESS), {
      reportRun: async () => {
        throw ApplicationFailure.nonRetryable('Port answered 404', FAILURES.portRefused);
      },
    });
    expect((failureOf(result).cause as ApplicationFailure).type).toBe(FAILURES.portRefused);
  });

  test('a report that fails for a while is made again', async () => {
    let attempts = 0;
    const { reports, result } = await carryOut(outcome(SUCCESS), {
      reportRun: async () => {
        if (++attempts < 3)
          throw ApplicationFailure.create({
            type: FAILURES.portUnavailable,
            message: 'away',
            nextRetryDelay: 50,
          });
      },
    });
    expect(reports).toHaveLength(1);
    expect(result).toMatchObject({ status: 'SUCCESS' });
  });
});

describe('cancelled from the UI', () => {
  test('before the call: nothing is sent, and the run is reported as cancelled', async () => {
    const input = runInput();
    const { client } = temporal.environment;
    const handle = await client.workflow.start('callWebhook', {
      workflowId: input.runId,
      taskQueue: input.runId,
      args: [input],
    });
    await handle.cancel();
    const reports: ReportInput[] = [];
    let invoked = 0;
    const worker = await createTestWorker(temporal, input.runId, {
      invoke: async () => {
        invoked++;
        return { kind: 'outcome', outcome: SUCCESS };
      },
      reportRun: async (report) => void reports.push(report),
    });
    await worker.runUntil(handle.result().catch(() => {}));
    expect(invoked).toBe(0);
    expect(reports[0]?.outcome).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringMatching(/cancelled.*not called/),
    });
  });

  test('between two attempts: not tried again, reported as never sent', async () => {
    const { reports, invoked } = await carryOut(
      async () => {
        throw ApplicationFailure.create({
          type: FAILURES.notSent,
          message: 'refused',
          nextRetryDelay: '1 minute',
        });
      },
      {
        during: async ({ handle }) => {
          await untilPending(handle, (pending) => pending.attempt === 2);
          await handle.cancel();
        },
      },
    );
    expect(invoked).toHaveLength(1);
    expect(reports[0]?.outcome.summary).toMatch(/cancelled in Temporal/);
    expect(reports[0]?.outcome.summary).toMatch(/nothing was sent|not called/);
  });

  test('during the call: its outcome is awaited, and that is what is reported', async () => {
    const events = new EventEmitter();
    const calling = once(events, 'calling');
    const { reports, result } = await carryOut(
      async () => {
        events.emit('calling');
        await once(events, 'answer');
        return { kind: 'outcome', outcome: SUCCESS };
      },
      {
        during: async ({ handle }) => {
          await calling;
          await handle.cancel();
          await untilPending(handle, (pending) => pending.cancelRequested === true);
          events.emit('answer');
        },
      },
    );
    expect(reports.map((r) => r.outcome.status)).toEqual(['SUCCESS']);
    expect(result).toMatchObject({ status: 'SUCCESS' });
  });
});

/** Waits until the pending activity is as the test needs it. */
async function untilPending(
  handle: TestRun['handle'],
  isReached: (pending: { attempt?: number | null; cancelRequested?: boolean }) => boolean,
): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const { raw } = await handle.describe();
    const pending = raw.pendingActivities?.[0] as { attempt?: number; state?: number } | undefined;
    const CANCEL_REQUESTED = 3;
    if (
      pending &&
      isReached({ attempt: pending.attempt ?? null, cancelRequested: pending.state === CANCEL_REQUESTED })
    )
      return;
  }
  throw new Error('the pending activity never came to the expected state');
}
