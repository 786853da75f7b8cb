/**
 * Tells Port what came of a run. Done is what Port confirms.
 */
import { activityInfo } from '@temporalio/activity';
import type { PortClient, PortError, RunPatch } from '../port/client.js';
import { applyPatch, refusalOf, unlessEnded } from '../port/end-run.js';
import type { Outcome } from '../port/outcome.js';
import type { Logger } from '../telemetry/logger.js';
import type { ReportInput } from '../workflows/contract.js';
import { rememberedSteps, translatingFailures } from './telling-port.js';

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
  if (activityInfo().attempt > 1 && (await port.logs(runId)).includes(message)) return;
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
