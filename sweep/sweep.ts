/**
 * Ends the runs that Temporal no longer works on and that Port still holds open.
 *
 * A workflow that somebody terminates has no say in it, so nobody tells Port. Neither does one whose report Port
 * refused. This looks through the workflows that ended badly, asks Port about each, and ends what is open there.
 * It may run as often as one likes: a run that has ended is left alone. A run that can't be ended holds up none of
 * those behind it.
 */
import { type Client, type WorkflowExecutionInfo, WorkflowNotFoundError } from '@temporalio/client';
import { forLog, type PortClient, PortError } from '../port/client.js';
import { failIfOpen } from '../port/end-run.js';
import type { Logger } from '../telemetry/logger.js';
import { concernsNobody, runOf, type SweptRun } from './run-of.js';

export interface SweepResult {
  /** Workflows whose run Port was asked about. */
  looked: number;
  /** The runs that were open, and are ended now. */
  ended: string[];
  /** The runs that may be open, and could not be ended. */
  failed: string[];
  /** Port was away, and the rest was not looked at. */
  gaveUp: boolean;
}

const QUERY =
  'WorkflowType IN ("callWebhook", "triggerGitlabPipeline", "rejectMessage") ' +
  'AND ExecutionStatus IN ("Terminated", "TimedOut", "Canceled", "Failed")';
const ENDED = 'was open in Port although its workflow had ended: ended as FAILURE';
const NOT_ENDED = 'could not be ended in Port, where it may be open';
/** Port is away then, and not in two minds about a run. Each may take its client three attempts of 15 s. */
const FAILURES_TO_GIVE_UP = 5;

/** Sweeps what was closed since `sinceMs`. @throws what Temporal answers when it can't go on. */
export async function sweep(
  client: Client,
  port: PortClient,
  logger: Logger,
  sinceMs: number,
): Promise<SweepResult> {
  const result: SweepResult = { looked: 0, ended: [], failed: [], gaveUp: false };
  const query = `${QUERY} AND CloseTime > "${new Date(sinceMs).toISOString()}"`;
  let failuresInARow = 0;
  for await (const workflow of client.workflow.list({ query })) {
    const run = await runLeftBy(workflow, client, logger);
    if (!run) continue;
    const { runId, summary } = run;
    result.looked++;
    try {
      const wasOpen = await failIfOpen(runId, summary, port);
      failuresInARow = 0;
      if (!wasOpen) continue;
      result.ended.push(runId);
      logger.warn({ runId, workflow: workflow.status.name }, ENDED);
    } catch (error) {
      result.failed.push(runId);
      logger.error({ runId, reason: forLog(error) }, NOT_ENDED);
      failuresInARow = isOfThisRun(error) ? 0 : failuresInARow + 1;
      if (failuresInARow === FAILURES_TO_GIVE_UP) return { ...result, gaveUp: true };
    }
  }
  return result;
}

/** The run whose workflow is over; undefined where there is none, or where somebody works on it. */
async function runLeftBy(
  workflow: WorkflowExecutionInfo,
  client: Client,
  logger: Logger,
): Promise<SweptRun | undefined> {
  if (concernsNobody(workflow)) return undefined;
  try {
    if (await isWorkedOn(client, workflow.workflowId)) return undefined;
    return await runOf(workflow, client, logger);
  } catch (error) {
    // Its retention has ended since it was listed.
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** A workflow that was reset has an ended run beside the one that goes on. */
async function isWorkedOn(client: Client, workflowId: string): Promise<boolean> {
  const { status } = await client.workflow.getHandle(workflowId).describe();
  return status.name === 'RUNNING' || status.name === 'COMPLETED';
}

/** Port is there, and dislikes this one run. */
function isOfThisRun(error: unknown): boolean {
  return error instanceof PortError && error.isFinal;
}
