/** What has become of the runs of a fault: told by Port's simulator, Temporal, and the targets' journals. */
import { until } from '../../support/house.js';
import type { Happened, PublishedRun } from './row.js';
import type { Site } from './site.js';

export type Ending = 'succeeded' | 'failed' | 'handed over' | 'rejected' | 'left open';

export interface ToldRun {
  runId: string;
  ending: Ending;
  /** The summary, or what a rejected message's workflow failed with. */
  said: string;
  calls: number;
  /** Anything twice: the call, the pipeline, the log, the end. */
  isDoubled: boolean;
  toldAtMs: number;
}

/** More than anything here takes on a busy machine. */
const SETTLE_MS = 240_000;

/** Waits until every run has been told of, or nothing more can be hoped for. */
export async function runsAfter({ runs }: Happened, site: Site): Promise<ToldRun[]> {
  const isClosed = async ({ workflowId }: PublishedRun): Promise<boolean> => {
    const described = await site.house.client.workflow
      .getHandle(workflowId)
      .describe()
      .catch(() => undefined);
    return described !== undefined && described.status.name !== 'RUNNING';
  };
  const waiting = new Set(runs);
  const everyWorkflowIsClosed = async (): Promise<boolean> => {
    for (const run of waiting) if (await isClosed(run)) waiting.delete(run);
    return waiting.size === 0;
  };
  // One that stays open is found below, by what is known of it.
  await until('every workflow is closed', everyWorkflowIsClosed, SETTLE_MS).catch(() => undefined);
  return Promise.all(runs.map((run) => toldOf(run, site)));
}

async function toldOf({ runId, workflowId }: PublishedRun, site: Site): Promise<ToldRun> {
  const { port, gitlab, client } = site.house;
  const run = port.run(runId);
  const calls = site.callsOf(runId);
  const described = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  const isDoubled =
    calls > 1 || gitlab.pipelinesFor(runId).length > 1 || run.logs.length > 1 || run.endedTimes > 1;
  const told = { runId, calls, isDoubled };
  if (run.endedAt !== null) {
    const ending = run.status === 'SUCCESS' ? 'succeeded' : 'failed';
    return { ...told, ending, said: run.summary ?? '', toldAtMs: Date.parse(run.endedAt) };
  }
  const closedAtMs = described?.closeTime?.getTime() ?? Date.now();
  if (described?.status.name === 'COMPLETED' && run.logs.length > 0) {
    return { ...told, ending: 'handed over', said: '', toldAtMs: Date.parse(run.updatedAt) };
  }
  if (described?.type === 'rejectMessage' && described.status.name === 'FAILED')
    return { ...told, ending: 'rejected', said: '', toldAtMs: closedAtMs };
  return {
    ...told,
    ending: 'left open',
    said: described?.status.name ?? 'no workflow',
    toldAtMs: Date.now(),
  };
}
