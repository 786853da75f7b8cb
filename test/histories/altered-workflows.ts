/** The workflows after changes that runs under way would not survive: for the test that replays tell. */
import { proxyActivities, sleep } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.js';
import { carryOutRun } from '../../workflows/carry-out-run.js';
import type { RejectInput, RunInput } from '../../workflows/contract.js';

const { invoke, reportRun } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });

/** A step before the others. */
export async function callWebhook(input: RunInput): Promise<unknown> {
  await sleep('1 second');
  return carryOutRun(input);
}

/** A step left out. */
export async function triggerGitlabPipeline(input: RunInput): Promise<unknown> {
  return invoke({ ...input, mayCall: true });
}

/** Another activity in the place of one. */
export async function rejectMessage({ reportTo: runId }: RejectInput): Promise<void> {
  if (runId !== undefined) await reportRun({ runId, outcome: { log: [], headline: '' } });
}
