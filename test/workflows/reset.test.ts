/** A workflow that is reset may have called before: it calls again only when it is told to. */
import type { WorkflowHandle } from '@temporalio/client';
import { createInvoke } from '../../activities/invoke.js';
import { type PrivateService, startPrivateService } from '../../local/simulators/private-service.js';
import { CALL_AGAIN_SIGNAL, type ReportInput } from '../../workflows/contract.js';
import { CLIENT_SECRET, memoryLogger, outbound } from '../activities/environment.js';
import { until } from '../support/house.js';
import { createTestWorker, runInput, startTestTemporal, type TestTemporal } from '../support/temporal.js';

const LIMITS = {
  callTimeoutMs: 60_000,
  workerLostAfterMs: 20_000,
  retryWindowMs: 120_000,
  maxWaitMs: 120_000,
};

let temporal: TestTemporal;
let service: PrivateService;
beforeAll(async () => {
  [temporal, service] = await Promise.all([
    startTestTemporal(),
    startPrivateService({ clientSecret: CLIENT_SECRET }),
  ]);
});
afterAll(() => Promise.all([temporal.stop(), service.close()]));

interface Site {
  workflow: WorkflowHandle;
  calls(): number;
  reports: ReportInput[];
  /** Lets the target answer the calls that are held. */
  answer(): void;
  /** Ends the workflow's run as it stands after this task, and has another one go on from there. */
  resetTo(finishedTask: 'first' | 'last'): Promise<void>;
}

/** One workflow whose worker makes real calls, to a target that holds them until it is told to answer. */
async function onSite(act: (site: Site) => Promise<void>): Promise<void> {
  const { client, namespace = 'default' } = temporal.environment;
  const input = runInput({ policy: LIMITS });
  const { runId } = input;
  const path = `/ok/${runId}`;
  const invocationMethod = { type: 'WEBHOOK', agent: true, synchronized: true, url: `${service.url}${path}` };
  const message = { context: { runId }, payload: { action: { identifier: 'deploy', invocationMethod } } };
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  service.inject({ kind: 'holdBefore', path: new RegExp(`^${path}$`), until: answered });
  const reports: ReportInput[] = [];
  const invoke = createInvoke({
    stopping: new AbortController().signal,
    gitlab: outbound(),
    webhooks: outbound(),
    plan: { gitlabUrl: 'http://gitlab.invalid', environment: {} },
    clientSecret: CLIENT_SECRET,
    detailedLogging: true,
    logger: memoryLogger().logger,
  });
  const reportRun = async (report: ReportInput): Promise<void> => void reports.push(report);
  const worker = await createTestWorker(temporal, runId, { invoke, reportRun });
  await worker.runUntil(async () => {
    const args = [{ ...input, message }];
    const workflow = await client.workflow.start('callWebhook', {
      workflowId: runId,
      taskQueue: runId,
      args,
    });
    await act({
      workflow: client.workflow.getHandle(runId),
      calls: () => service.calls().filter((call) => call.path === path).length,
      reports,
      answer,
      async resetTo(finishedTask) {
        const tasks = await finishedTasks(workflow);
        await client.workflowService.resetWorkflowExecution({
          namespace,
          workflowExecution: { workflowId: runId, runId: workflow.firstExecutionRunId },
          reason: 'by a person',
          requestId: `${runId}-reset`,
          workflowTaskFinishEventId: (finishedTask === 'first' ? tasks[0] : tasks.at(-1)) ?? null,
        } as never);
      },
    }).finally(answer);
  });
}

async function finishedTasks(workflow: WorkflowHandle): Promise<number[]> {
  const { events } = await workflow.fetchHistory();
  return (events ?? [])
    .filter((event) => event.workflowTaskCompletedEventAttributes)
    .map((event) => Number(event.eventId));
}

test('after its end, it calls again on the signal, and not before', async () => {
  await onSite(async ({ workflow, calls, reports, answer, resetTo }) => {
    answer();
    await workflow.result();
    await resetTo('first');
    await until('the run that goes on has asked', async () => {
      const { events } = await workflow.fetchHistory();
      return events?.some((event) => event.timerStartedEventAttributes) === true;
    });
    expect(calls()).toBe(1);
    await workflow.signal(CALL_AGAIN_SIGNAL);
    await workflow.result();
    expect(calls()).toBe(2);
    expect(reports).toHaveLength(2);
  });
});

test.each([
  ['is cancelled', (workflow: WorkflowHandle) => workflow.cancel()],
  ['is sent another signal', (workflow: WorkflowHandle) => workflow.signal('hurry')],
])('in the middle of a call that %s, it does not make that call again', async (_, disturb) => {
  await onSite(async ({ workflow, calls, reports, resetTo }) => {
    await until('the target is called', () => calls() === 1);
    // A task after the one that has begun the call.
    await disturb(workflow);
    await until('the workflow has heard of it', async () => (await finishedTasks(workflow)).length > 1);
    await resetTo('last');
    await until('the run that goes on is asked whether to call', async () => {
      const { events } = await workflow.fetchHistory();
      return events?.some((event) => event.activityTaskCompletedEventAttributes) === true;
    });
    expect(calls()).toBe(1);
    await workflow.cancel();
    await expect(workflow.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('its first run may have called the target') },
    });
    expect(calls()).toBe(1);
    expect(reports.map(({ outcome }) => outcome.status)).toEqual(['FAILURE']);
  });
});
