/**
 * What all reports to Port share: what is tried again, and what was done already.
 */
import { activityInfo, Context, heartbeat } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { forLog, PortError } from '../port/client.js';
import { retryAfterMs } from '../port/retry-after.js';
import { FAILURES } from '../workflows/contract.js';

/** Of the wait that Port asks for, this much is believed. */
const MIN_DELAY_MS = 1000;
const MAX_DELAY_MS = 600_000;

/**
 * Steps that are taken once, however many attempts it needs: one that failed half-way leaves word of how far it
 * came, so that the next does not post a log again.
 *
 * The SDK sends the first heartbeat of an attempt at once and holds later ones back for half a minute, unless the
 * attempt fails. So the first is kept for the step that must not be taken twice: a worker may be killed after it.
 */
export function rememberedSteps<Step extends string>(
  unrepeatable: Step,
): (step: Step, act: () => Promise<void>) => Promise<void> {
  const done = new Set<Step>((activityInfo().heartbeatDetails as Step[] | undefined) ?? []);
  return async (step, act) => {
    if (done.has(step)) return;
    try {
      await act();
    } catch (error) {
      if (done.size > 0) heartbeat([...done]);
      throw error;
    }
    done.add(step);
    if (step === unrepeatable) heartbeat([...done]);
  };
}

/**
 * Turns what Port or the way to it answered into a failure that Temporal repeats, or does not. When the worker's
 * grace is over, so is the attempt: the next one, of another worker, goes on where it stopped.
 */
export async function translatingFailures<T>(act: () => Promise<T>): Promise<T> {
  const { cancellationSignal, log } = Context.current();
  try {
    if (cancellationSignal.aborted) throw new Error(STOPPED);
    return await Promise.race([act(), whenAborted(cancellationSignal)]);
  } catch (error) {
    // The failure goes into the history, which may be encrypted; the log never is.
    log.warn(`Port was not told: ${forLog(error)}`);
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

const STOPPED = 'the worker stopped before Port had answered; another one goes on with the report';

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(STOPPED)), { once: true });
  });
}

/** Port writes `x-ratelimit-reset` on every answer, so that on its own it means nothing but with a 429. */
function askedDelayMs({ status, response }: PortError): number | undefined {
  if (status !== 429 && !response.headers['retry-after']) return undefined;
  const delayMs = retryAfterMs(response.headers, Date.now());
  return delayMs === undefined ? undefined : Math.min(Math.max(delayMs, MIN_DELAY_MS), MAX_DELAY_MS);
}
