/**
 * Tells Port what came of a workflow's node run.
 *
 * A node that waits for the answer is completed with it; one that does not is completed only when it failed,
 * since whoever took it on reports its end.
 */
import { activityInfo } from '@temporalio/activity';
import type { NodeRunPatch, PortClient } from '../port/client.js';
import { refusalOf, unlessEnded } from '../port/end-run.js';
import type { Outcome } from '../port/outcome.js';
import type { ReportInput } from '../workflows/contract.js';
import type { ReportDependencies } from './report-run.js';
import { rememberedSteps, translatingFailures } from './telling-port.js';

export function createReportNodeRun({ port, logger }: ReportDependencies) {
  return async function reportNodeRun({ runId, outcome }: ReportInput): Promise<void> {
    await translatingFailures(async () => {
      const once = rememberedSteps<'log'>('log');
      // Before the end, as for a run; a log that Port refuses must not keep the node run open.
      await refusalOf(once('log', () => unlessEnded(addLogsOnce(runId, outcome, port))));
      const patch = patchOf(outcome);
      if (Object.keys(patch).length > 0) await unlessEnded(port.patchNodeRun(runId, patch));
    });
    logger.info({ runId, status: outcome.status ?? 'handed over' }, 'reported');
  };
}

/** An attempt before this one may have posted the logs and got no answer: then Port is asked. */
async function addLogsOnce(runId: string, { status, log }: Outcome, port: PortClient): Promise<void> {
  if (activityInfo().attempt > 1 && (await port.hasNodeLogs(runId, log))) return;
  const level = status === 'FAILURE' ? 'ERROR' : 'INFO';
  await port.addNodeLogs(
    runId,
    log.map((message) => ({ level, message })),
  );
}

function patchOf({ status, statusCode, response, externalRunId, link }: Outcome): NodeRunPatch {
  const answered = statusCode !== undefined && (response !== undefined || status === 'SUCCESS');
  return {
    ...(status && { status: 'COMPLETED', result: status === 'SUCCESS' ? 'SUCCESS' : 'FAILED' }),
    ...(answered && { output: { response: { status: statusCode, data: response ?? {} } } }),
    ...(externalRunId && { externalRunId }),
    ...(link && { links: [link].flat() }),
  };
}
