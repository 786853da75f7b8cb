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

/** Of the wait that Port asks for, this much is believed. */
const MIN_DELAY_MS = 1000;
const MAX_DELAY_MS = 600_000;

export function createReportRun(deps: ReportDependencies) {
  return async function reportRun(input: ReportInput): Promise<void> {
    await translatingFailures(() => report(input, deps.port));
    deps.logger.info({ runId: input.runId, status: input.outcome.status ?? 'handed over' }, 'reported');
  };
}

async function report({ runId, outcome }: ReportInput, port: PortClient): Promise<void> {
  const { response, ...withoutResponse } = outcome;
  const done = new Set<Step>((activityInfo().heartbeatDetails as Step[] | undefined) ?? []);
  const once = async (step: Step, act: () => Promise<void>): Promise<void> => {
    if (done.has(step)) return;
    await act();
    done.add(step);
    heartbeat([...done]);
  };
  const log = [...outcome.log];
  let refused: PortError | undefined;
  if (response !== undefined) {
    refused = await refusalOf(once('response', () => unlessEnded(port.sendResponse(runId, response))));
    if (refused) log.push(`Port refused the target's answer as the response of the run: ${refused.code}.`);
  }
  const accepted = refused ? withoutResponse : outcome;
  // The log goes before the end: Port takes none after it.
  refused = await refusalOf(once('log', () => unlessEnded(port.addLog(runId, log.join('\n')))));
  const patch = patchOf(outcome);
  if (Object.keys(patch).length > 0) await applyPatch(runId, patch, accepted, port);
  else if (refused) throw refused;
}

/** What Port dislikes about a response or log must not keep the run open: the refusal is handed back. */
async function refusalOf(step: Promise<void>): Promise<PortError | undefined> {
  try {
    await step;
    return undefined;
  } catch (error) {
    if (error instanceof PortError && error.status !== 404 && error.isFinal) return error;
    throw error;
  }
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

/** A run that ended already needs nothing more. */
async function unlessEnded(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof PortError && error.code === 'run_exhausted')) throw error;
  }
}

/** Turns what Port or the way to it answered into a failure that Temporal repeats, or does not. */
export async function translatingFailures<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const message = error instanceof Error ? error.message : 'Port could not be told';
    if (error instanceof PortError && error.isFinal) {
      throw ApplicationFailure.nonRetryable(message, FAILURES.portRefused);
    }
    const delayMs = error instanceof PortError ? askedDelayMs(error) : undefined;
    throw ApplicationFailure.create({
      type: FAILURES.portUnavailable,
      message,
      ...(delayMs !== undefined && { nextRetryDelay: delayMs }),
    });
  }
}

/** Port writes `x-ratelimit-reset` on every answer, so that on its own it means nothing but with a 429. */
function askedDelayMs({ status, response }: PortError): number | undefined {
  if (status !== 429 && !response.headers['retry-after']) return undefined;
  const delayMs = retryAfterMs(response.headers, Date.now());
  return delayMs === undefined ? undefined : Math.min(Math.max(delayMs, MIN_DELAY_MS), MAX_DELAY_MS);
}
