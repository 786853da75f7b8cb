/**
 * Ends runs in Port, by whichever way Port takes: it refuses a status for some, and logs for those that have ended.
 *
 * Done is what Port confirms: a run that was found ended needs nothing more, and one that is open after all is an error.
 */
import { type PortClient, PortError, type RunPatch } from './client.js';
import { isNodeRun } from './message.js';
import type { Outcome } from './outcome.js';

/** What Port dislikes about a response or log must not keep the run open: the refusal is handed back. */
export async function refusalOf(step: Promise<void>): Promise<PortError | undefined> {
  try {
    await step;
    return undefined;
  } catch (error) {
    if (error instanceof PortError && error.status !== 404 && error.isFinal) return error;
    throw error;
  }
}

/** A run that ended already needs nothing more. */
export async function unlessEnded(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof PortError && error.code === 'run_exhausted')) throw error;
  }
}

/** Applies a patch, and sees to it that a run which it is to end does end; `outcome` as far as Port accepted it. */
export async function applyPatch(
  runId: string,
  patch: RunPatch,
  outcome: Pick<Outcome, 'status' | 'summary' | 'response'>,
  port: PortClient,
): Promise<void> {
  try {
    await unlessEnded(port.patchRun(runId, patch));
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    if (error.code === 'run_synchronized_error') return endSynchronized(runId, outcome, port);
    // What Port dislikes about a link or summary must not keep the run open.
    const { status } = patch;
    if (status && Object.keys(patch).length > 1 && error.status !== 404 && error.isFinal)
      return applyPatch(runId, { status }, outcome, port);
    throw error;
  }
}

/** Port ends a synchronized run by its response; where that was not enough, by a log; and the run itself tells. */
async function endSynchronized(
  runId: string,
  { status, summary, response }: Pick<Outcome, 'status' | 'summary' | 'response'>,
  port: PortClient,
): Promise<void> {
  if (response !== undefined) return;
  await refusalOf(unlessEnded(port.sendResponse(runId, summary ?? null)));
  const refused = await refusalOf(unlessEnded(port.addLog(runId, summary ?? 'The run has ended.', status)));
  if (!(await port.isOpen(runId))) return;
  const message = `Port took the report of ${runId} and still holds it open`;
  throw refused ?? new PortError(422, 'still_open', message, { headers: {} }, true);
}

/**
 * Fails a run or node run that nobody carries out any more; false when it has ended already, or Port has none such.
 *
 * @throws PortError, or an error of the way there, when it may be open still.
 */
export async function failIfOpen(runId: string, summary: string, port: PortClient): Promise<boolean> {
  if (isNodeRun(runId)) return failNodeRunIfOpen(runId, summary, port);
  if (!(await port.isOpen(runId))) return false;
  const end = { status: 'FAILURE', summary } as const;
  await applyPatch(runId, end, end, port);
  return true;
}

async function failNodeRunIfOpen(id: string, summary: string, port: PortClient): Promise<boolean> {
  const isOpen = await port.isNodeRunOpen(id);
  if (isOpen === false) return false;
  const addLog = () => refusalOf(port.addNodeLogs(id, [{ level: 'ERROR', message: summary }]));
  // Before the end, as for a run. Where Port does not show its node runs, only the end tells that it was open.
  if (isOpen && !(await port.hasNodeLogs(id, [summary]))) await addLog();
  try {
    await port.patchNodeRun(id, { status: 'COMPLETED', result: 'FAILED' });
  } catch (error) {
    if (
      error instanceof PortError &&
      error.isFinal &&
      (error.code === 'run_exhausted' || error.status === 404)
    )
      return false;
    throw error;
  }
  if (isOpen === undefined) await addLog();
  return true;
}

/** What Port is told of a run whose message was rejected. */
export function notCarriedOut({ reason, advice }: { reason: string; advice: string }): string {
  return `The agent did not carry out this run: ${reason}. ${advice}`;
}
