/** Endings that workers, Temporal and the people before its UI bring about. */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { createActivities } from '../../../activities/index.js';
import { createLogger } from '../../../telemetry/logger.js';
import { CALL_AGAIN_SIGNAL } from '../../../workflows/contract.js';
import { until } from '../house.js';
import { connectTestTemporal, createTestWorker } from '../temporal.js';
import type { Driver, Ending, Stage } from './stage.js';

const CANCEL_REQUESTED = 3;
const SCHEDULED = 1;

export const temporalEndings: Record<string, Driver> = {
  'worker-lost': async (stage) => [(await dayWithoutWorker(stage)).inCall],
  'worker-lost-later': async (stage) => [(await dayWithoutWorker(stage)).beforeReport],
  'no-worker': async (stage) => [(await dayWithoutWorker(stage)).waiting],
  // A patience that is over before the call could be prepared, however quickly that goes.
  'worker-busy': async (stage) => {
    const run = await stage.unpublished(`${stage.house.service.url}/ok`);
    await stage.start(run, stage.mainQueue, { workerLostAfterMs: -1, retryWindowMs: 0 });
    return [await stage.closed(run)];
  },
  'cancelled-before': async (stage) => [(await dayWithoutWorker(stage)).cancelled],

  'cancelled-between': async (stage) => {
    const run = await stage.unpublished('http://127.0.0.1:1/');
    const handle = await stage.start(run, stage.mainQueue, { retryWindowMs: 60_000 });
    await until('it waits for its next attempt', async () => (await stage.house.attemptOf(run.id)) >= 2);
    await handle.cancel();
    return [await stage.closed(run)];
  },
  'cancelled-during': async (stage) => {
    const { run, letGo } = await stage.calling();
    await stage.house.client.workflow.getHandle(run.id).cancel();
    await until('the cancel has come', async () => (await pendingState(stage, run.id)) === CANCEL_REQUESTED);
    letGo();
    return [await stage.closed(run)];
  },
  terminated: async (stage) => {
    const { run, letGo } = await stage.calling();
    await stage.house.client.workflow.getHandle(run.id).terminate('by a person');
    letGo();
    return [await stage.closed(run)];
  },
  reset: async (stage) => {
    const runId = await resetRun(stage);
    const handle = stage.house.client.workflow.getHandle(runId);
    await until('it waits to be told', async () => {
      const { events } = await handle.fetchHistory();
      return events?.some(({ timerStartedEventAttributes: timer }) => timer) === true;
    });
    await handle.cancel();
    return [await stage.closed({ id: runId })];
  },
  'reset-called': async (stage) => {
    const runId = await resetRun(stage);
    await stage.house.client.workflow.getHandle(runId).signal(CALL_AGAIN_SIGNAL);
    return [await stage.closed({ id: runId })];
  },

  'agent-fault': async (stage) => {
    const run = await stage.unpublished('http://the.target/');
    const send = async (): Promise<never> => {
      throw new TypeError('nobody foresaw this');
    };
    const activities = activitiesOf(stage, send);
    return [await workedOff(stage, run, activities)];
  },
  'port-away-for-days': async (stage) => {
    const run = await stage.unpublished(`${stage.house.service.url}/ok`);
    const reportRun = async (): Promise<never> => {
      throw ApplicationFailure.create({ message: 'Port is away', nextRetryDelay: '8 days' });
    };
    return [await workedOff(stage, run, { ...activitiesOf(stage), reportRun })];
  },
};

interface DayWithoutWorker {
  inCall: Ending;
  beforeReport: Ending;
  waiting: Ending;
  cancelled: Ending;
}

const days = new WeakMap<Stage, Promise<DayWithoutWorker>>();

/** One worker with a queue of its own is killed, and what happens until the next one comes serves several rows. */
function dayWithoutWorker(stage: Stage): Promise<DayWithoutWorker> {
  const day = days.get(stage) ?? liveThrough(stage);
  days.set(stage, day);
  return day;
}

async function liveThrough(stage: Stage): Promise<DayWithoutWorker> {
  const { house } = stage;
  const queue = 'killed';
  const worker = await house.agent('worker', { TEMPORAL_TASK_QUEUE: queue });
  const beforeReport = await stage.unpublished(`${house.service.url}/ok`);
  // Longer than Port's client waits by itself, so that the worker is killed between two attempts.
  const response = { status: 429, headers: { 'retry-after': '15' } };
  house.port.inject({ kind: 'respond', path: new RegExp(`/${beforeReport.id}/`), response, times: 1 });
  await stage.start(beforeReport, queue, { workerLostAfterMs: 10_000 });
  await until(
    'the report waits for its next attempt',
    async () =>
      (await house.attemptOf(beforeReport.id)) === 2 &&
      (await pendingState(stage, beforeReport.id)) === SCHEDULED,
  );
  const target = stage.gate();
  const inCall = await stage.unpublished(target.url);
  // It is given up for lost after both. Nothing else happens between its call and the worker's end.
  await stage.start(inCall, queue, { callTimeoutMs: 10_000, workerLostAfterMs: 6000 });
  await until('the target is called', target.isReached);
  worker.signal('SIGKILL');
  await worker.exited;

  const waiting = await stage.unpublished(`${house.service.url}/ok`);
  const cancelled = await stage.unpublished(`${house.service.url}/ok`);
  const maxWaitMs = 200;
  await stage.start(waiting, queue, { maxWaitMs });
  await (await stage.start(cancelled, queue)).cancel();
  const over = Date.now() + 2 * maxWaitMs;
  await until('the time is over', () => Date.now() > over);
  await house.agent('worker', { TEMPORAL_TASK_QUEUE: queue });
  return {
    inCall: await stage.closed(inCall),
    beforeReport: await stage.closed(beforeReport),
    waiting: await stage.closed(waiting),
    cancelled: await stage.closed(cancelled),
  };
}

/** A run that was handed over, reset to its beginning. */
async function resetRun(stage: Stage): Promise<string> {
  const { client, service, temporal } = stage.house;
  const { id } = await stage.publish(`${service.url}/accepted`, { synchronized: false });
  const { workflow } = await stage.house.closed(id);
  const FIRST_TASK = 4;
  await client.workflowService.resetWorkflowExecution({
    namespace: temporal.namespace,
    workflowExecution: { workflowId: id, runId: workflow.runId },
    reason: 'by a person',
    requestId: randomUUID(),
    workflowTaskFinishEventId: FIRST_TASK,
  } as never);
  return id;
}

async function workedOff(
  stage: Stage,
  run: Awaited<ReturnType<Stage['unpublished']>>,
  activities: Parameters<typeof createTestWorker>[2],
): Promise<Ending> {
  const temporal = await connectTestTemporal(stage.house.temporal, stage.house.codecKeys);
  const worker = await createTestWorker(temporal, run.id, activities);
  const ending = await worker.runUntil(async () => {
    await stage.start(run, run.id);
    return stage.closed(run);
  });
  await temporal.stop();
  return ending;
}

/** The agent's activities in this process; calls to targets go through `send`, where it is given. */
function activitiesOf({ house, outbound, portClient }: Stage, send = outbound.send) {
  const calls = { ...outbound, send };
  return createActivities({
    stopping: new AbortController().signal,
    gitlab: calls,
    webhooks: calls,
    port: portClient,
    plan: { gitlabUrl: house.gitlab.url, environment: {} },
    clientSecret: house.environment['PORT_CLIENT_SECRET'] ?? '',
    detailedLogging: true,
    logger: createLogger('fatal', 'test'),
  });
}

/** The state of the activity that is under way; undefined when there is none. */
async function pendingState(stage: Stage, runId: string): Promise<number | undefined> {
  const { raw } = await stage.house.client.workflow.getHandle(runId).describe();
  return raw.pendingActivities?.[0]?.state ?? undefined;
}
