/** Publishes the demo's runs as Port would, waits for each to come out, and says how. */
import { Client, Connection } from '@temporalio/client';
import type { RunningTemporal } from '../parts/temporal.js';
import type { World } from '../stack.js';
import { DEMO_RUNS, type DemoRun } from './runs.js';

export interface DemoResult {
  runId: string;
  action: string;
  /** What was called and what it answered. */
  called: string;
  /** How the workflow ended. */
  workflow: string;
  /** What Port holds now. */
  port: string;
  /** The sentence that Port shows with it. */
  summary: string | undefined;
  /** What did not come out as expected. */
  wrong: string | undefined;
}

const RUN_TIMEOUT_MS = 120_000;

export async function runDemo(world: World, temporal: RunningTemporal): Promise<DemoResult[]> {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: temporal.namespace });
    const published: { demo: DemoRun; runId: string }[] = [];
    for (const demo of DEMO_RUNS)
      published.push({ demo, runId: await world.port.trigger(demo.action, demo.how) });
    return await Promise.all(published.map(({ demo, runId }) => follow(demo, runId, world, client)));
  } finally {
    await connection.close();
  }
}

async function follow(demo: DemoRun, runId: string, world: World, client: Client): Promise<DemoResult> {
  const workflow = await closedAs(client, runId, world);
  const run = world.port.run(runId);
  const pipelines = world.gitlab.pipelinesFor(runId);
  const calls = world.service.calls(runId);
  const wrong = [
    workflow === demo.workflow ? undefined : `the workflow is ${workflow}, not ${demo.workflow}`,
    pipelines.length + calls.length === demo.calls
      ? undefined
      : `called ${pipelines.length + calls.length} times, not ${demo.calls}`,
    demo.check(run),
  ];
  const called = [
    ...pipelines.map((pipeline) => `${pipeline.projectPath}@${pipeline.ref} → pipeline ${pipeline.id}`),
    ...calls.map((call) => `${call.method} ${call.path} → ${call.status}`),
  ];
  return {
    runId,
    action: demo.action,
    called: called.join(', ') || 'nothing',
    workflow,
    port: [run.status, run.link.length > 0 && 'link'].filter(Boolean).join(', '),
    summary: run.summary ?? undefined,
    wrong: wrong.filter(Boolean).join('; ') || undefined,
  };
}

/** Waits until the run's workflow has closed. It starts a moment after the run was published. */
async function closedAs(client: Client, runId: string, world: World): Promise<string> {
  const timeout = AbortSignal.timeout(RUN_TIMEOUT_MS);
  // Whatever its outcome, the last thing a run does is to leave one log in Port.
  await world.port.waitFor(runId, (run) => run.logs.length > 0, RUN_TIMEOUT_MS).catch(() => {});
  const handle = client.workflow.getHandle(runId);
  const closed = await client.connection
    .withAbortSignal(timeout, () => handle.result())
    .then(
      () => 'Completed',
      (error: Error) => (error.name === 'WorkflowFailedError' ? 'Failed' : `not closed (${error.message})`),
    );
  return closed;
}
