/**
 * Tells Port what came of a run. Done is what Port confirms.
 */
import { activityInfo } from '@temporalio/activity';
import { type PortClient, PortError, type RunPatch } from '../port/client.js';
import type { Outcome } from '../port/outcome.js';
import type { Logger } from '../telemetry/logger.js';
import type { ReportInput } from '../workflows/contract.js';
import { refusalOf, rememberedSteps, translatingFailures, unlessEnded } from './telling-port.js';

export interface ReportDependencies {
  port: PortClient;
  logger: Logger;
}

export function createReportRun(deps: ReportDependencies) {
  return async function reportRun(input: ReportInput): Promise<void> {
    await translatingFailures(() => report(input, deps.port));
    deps.logger.info({ runId: input.runId, status: input.outcome.status ?? 'handed over' }, 'reported');
  };
}

async function report({ runId, outcome }: ReportInput, port: PortClient): Promise<void> {
  const { response, ...withoutResponse } = outcome;
  const once = rememberedSteps<'response' | 'log'>('log');
  const log = [...outcome.log];
  let refused: PortError | undefined;
  if (response !== undefined) {
    refused = await refusalOf(once('response', () => unlessEnded(port.sendResponse(runId, response))));
    if (refused) log.push(`Port refused the target's answer as the response of the run: ${refused.code}.`);
  }
  const accepted = refused ? withoutResponse : outcome;
  // The log goes before the end: Port takes none after it.
  refused = await refusalOf(once('log', () => unlessEnded(addLogOnce(runId, log.join('\n'), port))));
  const patch = patchOf(outcome);
  if (Object.keys(patch).length > 0) await applyPatch(runId, patch, accepted, port);
  else if (refused) throw refused;
}

/** An attempt before this one may have posted the log, and died before it could say so: then Port is asked. */
async function addLogOnce(runId: string, message: string, port: PortClient): Promise<void> {
  if (activityInfo().attempt > 1 && (await port.hasLog(runId, message))) return;
  await port.addLog(runId, message);
}

function patchOf({ status, summary, link, externalRunId }: Outcome): RunPatch {
  return {
    ...(link && { link }),
    ...(externalRunId && { externalRunId }),
    ...(summary && { summary }),
    ...(status && { status }),
  };
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
