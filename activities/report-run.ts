/**
 * Tells Port what came of a run. Done is what Port confirms.
 *
 * An attempt that failed half-way leaves word of how far it came, so that the next one does not repeat a log.
 */
import { activityInfo, heartbeat } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { type PortClient, PortError, type RunPatch } from '../port/client.js';
import type { Outcome } from '../port/outcome.js';
import { retryAfterMs } from '../port/retry-after.js';
import type { Logger } from '../telemetry/logger.js';
import { FAILURES, type ReportInput } from '../workflows/contract.js';

export interface ReportDependencies {
  port: PortClient;
  logger: Logger;
}

type Step = 'response' | 'log';

export function createReportRun(deps: ReportDependencies) {
  return async function reportRun(input: ReportInput): Promise<void> {
    await translatingFailures(() => report(input, deps.port));
    deps.logger.info({ runId: input.runId, status: input.outcome.status ?? 'handed over' }, 'reported');
  };
}

async function report({ runId, outcome }: ReportInput, port: PortClient): Promise<void> {
  const done = new Set<Step>((activityInfo().heartbeatDetails as Step[] | undefined) ?? []);
  const once = async (step: Step, act: () => Promise<void>): Promise<void> => {
    if (done.has(step)) return;
    await act();
    done.add(step);
    heartbeat([...done]);
  };
  const { response, log } = outcome;
  if (response !== undefined) await once('response', () => unlessEnded(port.sendResponse(runId, response)));
  // The log goes before the end: Port takes none after it.
  await once('log', () => unlessEnded(port.addLog(runId, log.join('\n'))));
  const patch = patchOf(outcome);
  if (Object.keys(patch).length > 0) await applyPatch(runId, patch, outcome, port);
}

function patchOf({ status, summary, link, externalRunId }: Outcome): RunPatch {
  return {
    ...(link && { link }),
    ...(externalRunId && { externalRunId }),
    ...(summary && { summary }),
    ...(status && { status }),
  };
}

async function applyPatch(runId: string, patch: RunPatch, outcome: Outcome, port: PortClient): Promise<void> {
  try {
    await unlessEnded(port.patchRun(runId, patch));
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    if (error.code === 'run_synchronized_error') return endSynchronized(runId, outcome, port);
    // What Port dislikes about a link or summary must not keep the run open.
    const bare = patch.status && Object.keys(patch).length > 1;
    if (bare && isRefusal(error))
      return unlessEnded(port.patchRun(runId, { status: patch.status as 'FAILURE' }));
    throw error;
  }
}

/** Port ends a synchronized run by its response; where that was not enough, by a log; and the run itself tells. */
async function endSynchronized(runId: string, outcome: Outcome, port: PortClient): Promise<void> {
  const { response, summary, status } = outcome;
  if (response !== undefined) return;
  await unlessEnded(port.sendResponse(runId, summary ?? null));
  await unlessEnded(port.addLog(runId, summary ?? 'The run has ended.', status));
  if (await port.isOpen(runId)) {
    throw new PortError(422, 'still_open', `Port took the report of ${runId} and still holds it open`, {
      headers: {},
    });
  }
}

/** A run that ended already needs nothing more. */
async function unlessEnded(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof PortError && error.code === 'run_exhausted')) throw error;
  }
}

/** A refusal that would come again, as against credentials, load and outages, which pass. */
function isRefusal(error: PortError): boolean {
  return error.status >= 400 && error.status < 500 && ![401, 403, 408, 429].includes(error.status);
}

/** Turns what Port or the way to it answered into a failure that Temporal repeats, or does not. */
export async function translatingFailures<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const message = error instanceof Error ? error.message : 'Port could not be told';
    if (error instanceof PortError && isRefusal(error)) {
      throw ApplicationFailure.nonRetryable(message, FAILURES.portRefused);
    }
    const delayMs = error instanceof PortError ? retryAfterMs(error.response.headers, Date.now()) : undefined;
    throw ApplicationFailure.create({
      type: FAILURES.portUnavailable,
      message,
      ...(delayMs !== undefined && { nextRetryDelay: Math.min(delayMs, 600_000) }),
    });
  }
}
