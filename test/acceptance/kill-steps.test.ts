/**
 * Walks the steps of a run, and at each step kills every part that can die.
 *
 * For one part at a time: runs are brought to every step, the part is killed once for all of them, whatever held
 * them there lets go while it is dead, and the part is started again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../local/parts/child.js';
import { type RunningTemporal, startTemporal } from '../../local/parts/temporal.js';
import type { InvocationMethod } from '../../local/simulators/port-actions.js';
import { type House, startHouse, until } from '../support/house.js';

/** A report is given up for dead so long after it began: a minute and WORKER_LOST_AFTER_SECONDS; a call sooner. */
const REPORT_LOST_MS = 64_000;

/** The requests of a report to Port, and where each is held: before Port takes it, or before its answer comes back. */
const REPORT_STEPS = {
  'the call is answered': { kind: 'holdBefore', method: 'PATCH', path: '/response' },
  'the response is taken': { kind: 'holdAfter', method: 'PATCH', path: '/response' },
  'the response is reported': { kind: 'holdBefore', method: 'POST', path: '/logs' },
  'the log is taken': { kind: 'holdAfter', method: 'POST', path: '/logs' },
  'the log is reported': { kind: 'holdBefore', method: 'PATCH', path: '' },
  'the status is taken': { kind: 'holdAfter', method: 'PATCH', path: '' },
} as const;

type ReportStep = keyof typeof REPORT_STEPS;
type Step =
  | 'the message is published'
  | 'the workflow is started'
  | 'the call is under way'
  | 'the pipeline is created'
  | ReportStep;

interface Expected {
  status: 'SUCCESS' | 'FAILURE' | 'IN_PROGRESS';
}

/** The steps at which no worker has the run. */
const NOT_IN_HAND: Step[] = ['the message is published', 'the workflow is started'];

type Victim = 'worker' | 'ingester' | 'Temporal' | 'Port';

/** What is not `SUCCESS` with one log. Of a killed worker's call nobody knows the answer. */
const EXCEPTIONS: Record<Victim, Partial<Record<Step, Expected>>> = {
  worker: {
    'the call is under way': { status: 'FAILURE' },
    'the pipeline is created': { status: 'FAILURE' },
  },
  ingester: { 'the pipeline is created': { status: 'IN_PROGRESS' } },
  Temporal: { 'the pipeline is created': { status: 'IN_PROGRESS' } },
  Port: {
    'the pipeline is created': { status: 'IN_PROGRESS' },
  },
};

let folder: string;
let house: House;
let worker: Child;
let ingester: Child;
let temporal: RunningTemporal;
/** The runs that a killed worker had in hand, until another one may take them over. */
let takenOver: Runs;
let takenOverAt = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kill-steps-'));
  house = await startHouse(
    {
      // Calls are held until every other run is at its step.
      WEBHOOK_INVOKER_TIMEOUT: '40',
      WORKER_LOST_AFTER_SECONDS: '4',
      KAFKA_CONSUMER_SESSION_TIMEOUT_MS: '6000',
    },
    { temporalDb: database() },
  );
  temporal = house.temporal;
  [worker, ingester] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
});
afterAll(async () => {
  await house?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

const database = () => join(folder, 'temporal.db');

/** Kills a part; what is returned starts it again. */
const KILL: Record<Victim, () => Promise<() => Promise<void>>> = {
  worker: async () => {
    await killed(worker);
    return async () => {
      worker = await house.agent('worker');
    };
  },
  ingester: async () => {
    await killed(ingester);
    return async () => {
      ingester = await house.agent('ingest');
    };
  },
  Temporal: async () => {
    await killed(temporal.child);
    const port = Number(temporal.address.split(':')[1]);
    return async () => {
      temporal = await startTemporal({ port, dbFilename: database() });
    };
  },
  Port: async () => {
    await house.port.refuse();
    return () => house.port.listen();
  },
};

async function killed(child: Child): Promise<void> {
  child.signal('SIGKILL');
  await child.exited;
}

test.each(['worker', 'ingester', 'Temporal', 'Port'] as const)(
  '%s: killed at every step of a run',
  async (victim) => {
    const { runs, letGo } = await runsAtEveryStep();
    const restart = await KILL[victim]();
    letGo();
    await restart();
    if (victim === 'worker') {
      takenOver = runs.filter(({ step }) => !NOT_IN_HAND.includes(step));
      takenOverAt = Date.now() + REPORT_LOST_MS;
    }
    for (const run of runs) if (!takenOver.includes(run)) await check(run, victim);
  },
);

test('what a killed worker was calling or reporting is reported by the next one', async () => {
  const patienceMs = Math.max(takenOverAt - Date.now(), 0) + 120_000;
  await until('all are taken over', async () => !(await areOpen(takenOver)), patienceMs);
  for (const run of takenOver) await check(run, 'worker');
}, 400_000);

type Runs = { step: Step; runId: string }[];

/** What a run leaves behind, wherever it was when a part was killed. */
async function check({ step, runId }: Runs[number], victim: Victim): Promise<void> {
  const { status } = EXCEPTIONS[victim][step] ?? { status: 'SUCCESS' };
  const { workflow } = await house.closed(runId);
  const run = house.port.run(runId);
  const calls = [...house.service.journal, ...house.gitlab.journal].filter(
    ({ headers }) => headers['idempotency-key'] === runId,
  );
  expect({
    step,
    calls: calls.length,
    pipelines: house.gitlab.pipelinesFor(runId).length,
    status: run.status,
    ended: run.endedTimes,
    logs: run.logs.length,
    workflow: workflow.status.name,
  }).toEqual({
    step,
    calls: 1,
    pipelines: step === 'the pipeline is created' ? 1 : 0,
    status,
    ended: status === 'IN_PROGRESS' ? 0 : 1,
    logs: 1,
    workflow: status === 'FAILURE' ? 'FAILED' : 'COMPLETED',
  });
  if (status === 'FAILURE') expect(run.summary).toContain('may have been reached');
  if (status === 'IN_PROGRESS') expect(run.link).toContain('/-/pipelines/');
}

async function areOpen(runs: Runs): Promise<boolean> {
  const described = runs.map(({ runId }) => house.client.workflow.getHandle(runId).describe());
  return (await Promise.all(described)).some(({ status }) => status.name === 'RUNNING');
}

/**
 * Brings runs to every step, and keeps them there until they are let go. Those under way in a target come first: an
 * agent waits longer for it than for Port.
 */
async function runsAtEveryStep(): Promise<{ runs: Runs; letGo: () => void }> {
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  const calling = await runsBeingCalled(until);
  const reporting = await runsBeingReported(until);
  // Neither process can be told to wait: they are stopped, as a debugger would.
  worker.signal('SIGSTOP');
  const started = await trigger(webhook('/ok'));
  await untilStarted(started);
  ingester.signal('SIGSTOP');
  const published = await trigger(webhook('/ok'));
  return {
    runs: [
      ...reporting,
      ...calling,
      { step: 'the workflow is started', runId: started },
      { step: 'the message is published', runId: published },
    ],
    letGo() {
      release();
      house.service.clearFaults();
      house.gitlab.clearFaults();
      house.port.clearFaults();
      for (const child of [worker, ingester]) child.signal('SIGCONT');
    },
  };
}

/** Runs that are stopped in their target first: only then it is known by which path Port will be asked. */
async function runsBeingReported(letGo: Promise<void>): Promise<Runs> {
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  house.service.inject({ kind: 'holdBefore', path: /^\/ok\/reporting$/, until: answered });
  const runs: Runs = [];
  for (const [step, { path, ...fault }] of Object.entries(REPORT_STEPS)) {
    const runId = await trigger(webhook('/ok/reporting'));
    house.port.inject({ ...fault, path: new RegExp(`/runs/${runId}${path}$`), until: letGo });
    runs.push({ step: step as ReportStep, runId });
  }
  await untilCalled(runs);
  answer();
  await until('every run is at its step', () =>
    runs.every(({ runId }) => house.port.requestsFor(runId).some(({ fault }) => fault !== undefined)),
  );
  return runs;
}

async function runsBeingCalled(letGo: Promise<void>): Promise<Runs> {
  house.service.inject({ kind: 'holdBefore', path: /^\/ok\/calling$/, until: letGo });
  house.gitlab.inject({ kind: 'holdAfter', until: letGo });
  const runs: Runs = [
    { step: 'the call is under way', runId: await trigger(webhook('/ok/calling')) },
    { step: 'the pipeline is created', runId: await house.port.trigger('pipeline') },
  ];
  await untilCalled(runs);
  return runs;
}

function untilCalled(runs: Runs): Promise<void> {
  const called = (runId: string) =>
    house.service.calls(runId).length + house.gitlab.pipelinesFor(runId).length > 0;
  return until('the targets are called', () => runs.every(({ runId }) => called(runId)));
}

function untilStarted(runId: string): Promise<void> {
  const describe = () => house.client.workflow.getHandle(runId).describe();
  return until('the workflow is started', () =>
    describe().then(
      () => true,
      () => false,
    ),
  );
}

function webhook(path: string): InvocationMethod {
  return { type: 'WEBHOOK', url: `${house.service.url}${path}`, agent: true, synchronized: true };
}

async function trigger(invocationMethod: InvocationMethod): Promise<string> {
  const trigger = { type: 'self-service', operation: 'CREATE' } as const;
  house.port.actions.set('killed', { identifier: 'killed', trigger, invocationMethod });
  return house.port.trigger('killed');
}
