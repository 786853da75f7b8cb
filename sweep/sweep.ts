/**
 * Ends the runs that Temporal no longer works on and that Port still holds open.
 *
 * A workflow that somebody terminates has no say in it, so nobody tells Port. Neither does one whose report Port
 * refused. This looks through the workflows that ended badly, asks Port about each, and ends what is open there.
 * It may run as often as one likes: a run that has ended is left alone.
 */
import type { Client } from '@temporalio/client';
import { type PortClient, PortError } from '../port/client.js';
import { isNodeRun } from '../port/message.js';
import type { Logger } from '../telemetry/logger.js';

export interface SweepResult {
  /** Workflows looked at. */
  looked: number;
  /** The runs that were open, and are ended now. */
  ended: string[];
}

const QUERY =
  'WorkflowType IN ("callWebhook", "triggerGitlabPipeline") AND ExecutionStatus IN ("Terminated", "TimedOut", "Canceled", "Failed")';
const SUMMARY =
  'The workflow of this run was ended in Temporal before its outcome was reported; the target may have been reached. ' +
  'Look at the target before running the action again.';

/** Sweeps what was closed since `sinceMs`. @throws what Temporal or Port answers when it can't go on. */
export async function sweep(
  client: Client,
  port: PortClient,
  logger: Logger,
  sinceMs: number,
): Promise<SweepResult> {
  const result: SweepResult = { looked: 0, ended: [] };
  const query = `${QUERY} AND CloseTime > "${new Date(sinceMs).toISOString()}"`;
  for await (const { workflowId, status } of client.workflow.list({ query })) {
    // A change of the catalogue is reported to nobody.
    if (workflowId.startsWith('change/') || (await isWorkedOn(client, workflowId))) continue;
    result.looked++;
    if (!(await endIfOpen(workflowId, port))) continue;
    result.ended.push(workflowId);
    logger.warn(
      { runId: workflowId, workflow: status.name },
      'was open in Port although its workflow had ended: ended as FAILURE',
    );
  }
  return result;
}

/** A workflow that was reset has an ended run beside the one that goes on. */
async function isWorkedOn(client: Client, workflowId: string): Promise<boolean> {
  const { status } = await client.workflow.getHandle(workflowId).describe();
  return status.name === 'RUNNING' || status.name === 'COMPLETED';
}

async function endIfOpen(runId: string, port: PortClient): Promise<boolean> {
  try {
    if (isNodeRun(runId)) {
      await port.patchNodeRun(runId, { status: 'COMPLETED', result: 'FAILED' });
      return true;
    }
    if (!(await port.isOpen(runId))) return false;
    await port.patchRun(runId, { status: 'FAILURE', summary: SUMMARY });
    return true;
  } catch (error) {
    // It ended meanwhile, or Port does not know it any more.
    if (
      error instanceof PortError &&
      error.isFinal &&
      (error.code === 'run_exhausted' || error.status === 404)
    )
      return false;
    throw error;
  }
}
