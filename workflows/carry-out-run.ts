/**
 * The steps that every run takes, whatever it calls: invoke · report · conclude.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import type { Outcome } from '../port/outcome.js';
import {
  CALL_AGAIN_SIGNAL,
  type CallPolicy,
  FAILURES,
  type InvokeResult,
  type RunInput,
} from './contract.js';

export const callAgainSignal = defineSignal(CALL_AGAIN_SIGNAL);

/** What the UI shows as the result of a run. */
export interface RunResult {
  status: 'SUCCESS' | 'HANDED_OVER';
  link?: string | string[];
  externalRunId?: string;
  /** As in Port: what was called, what it answered, what went wrong on the way. */
  log: string[];
}

/** Longer than the longest wait between two attempts, and than clocks differ. */
const RETRY_MARGIN_MS = 120_000;
/** The failures that prove that nothing was done at the target. */
const UNSENT: string[] = [FAILURES.notSent, FAILURES.rateLimited];
const DIED_WITH_ITS_WORKER = ['TemporalTimeout:StartToClose', 'TemporalTimeout:Heartbeat'];
/** How long a run that was reset waits to be told whether to call again. */
const CALL_AGAIN_WAIT = '1 hour';
/** The few requests of a report take no longer, or have failed by then. */
const REPORT_TIMEOUT_MS = 60_000;

/** Calls, reports, and ends the workflow as the run ended. */
export async function carryOutRun(input: RunInput): Promise<RunResult> {
  const outcome = await invoke(input);
  // A cancelled run is reported like any other, so this stands where cancellation can't reach.
  await CancellationScope.nonCancellable(() => report(input, outcome));
  return conclude(outcome);
}

/** Nobody waits to hear of a change: its outcome is the workflow's own. */
async function report({ runId, kind, policy }: RunInput, outcome: Outcome): Promise<void> {
  if (kind === 'change') return;
  const { reportRun, reportNodeRun } = reporting(policy);
  const activity = kind === 'node' ? reportNodeRun : reportRun;
  const summary = `${outcome.status ?? 'handed over'} · ${outcome.headline}`;
  await activity.executeWithOptions({ summary }, [{ runId, outcome }]);
}

/** What was told already is remembered, so an attempt that died with its worker is made again. */
function reporting(policy: CallPolicy) {
  return proxyActivities<Activities>({
    startToCloseTimeout: REPORT_TIMEOUT_MS + policy.workerLostAfterMs,
    scheduleToCloseTimeout: '7 days',
    retry: { initialInterval: '1s', maximumInterval: '5 minutes', maximumAttempts: 10_000 },
  });
}

/** The call, and an outcome for every way it can fail. */
async function invoke(input: RunInput): Promise<Outcome> {
  let toldToCallAgain = false;
  setHandler(callAgainSignal, () => {
    toldToCallAgain = true;
  });
  const { runId, firstExecutionRunId, startTime } = workflowInfo();
  // Only a reset gives a workflow of this type a run id that is not its first.
  const isFirst = runId === firstExecutionRunId;
  // The activity is scheduled only now, and can't tell how long the run has waited for a worker before.
  if (isFirst && Date.now() - startTime.getTime() > input.policy.maxWaitMs)
    return notCalled(input, NO_WORKER);
  try {
    const result = await invokeOnce(input, isFirst);
    if (result.kind === 'outcome') return result.outcome;
    if (!(await condition(() => toldToCallAgain, CALL_AGAIN_WAIT))) return withheld(input);
    const again = await invokeOnce(input, true);
    return again.kind === 'outcome' ? again.outcome : withheld(input);
  } catch (error) {
    // That the target was not called can be said of a first run only.
    return !isFirst && isCancellation(error) ? withheld(input) : outcomeOf(error, input);
  }
}

function invokeOnce(input: RunInput, mayCall: boolean): Promise<InvokeResult> {
  const { policy } = input;
  const attemptMs = policy.callTimeoutMs + policy.workerLostAfterMs;
  // The activity itself keeps the limits, and words its last error; an attempt that it begins in time has ended
  // before this timeout, so that "timed out" can only mean that nothing was sent.
  const backstopMs = Math.max(policy.maxWaitMs, policy.retryWindowMs) + attemptMs + RETRY_MARGIN_MS;
  const activities = proxyActivities<Activities>({
    startToCloseTimeout: attemptMs,
    scheduleToCloseTimeout: Math.max(backstopMs, 2 * attemptMs),
    // An attempt under way is never interrupted: its outcome is awaited and reported.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: {
      initialInterval: '1s',
      maximumInterval: '1 minute',
      maximumAttempts: 10_000,
      // An attempt that died with its worker may have been sent: it is not started again, unless that does no harm.
      nonRetryableErrorTypes: policy.retryAmbiguous ? [] : DIED_WITH_ITS_WORKER,
    },
  });
  return activities.invoke.executeWithOptions({ summary: input.call }, [
    { ...input, mayCall, forExecution: workflowInfo().runId },
  ]);
}

/** @throws only what is no failure of the call. */
function outcomeOf(error: unknown, input: RunInput): Outcome {
  const cancelled = CancellationScope.current().consideredCancelled;
  if (isCancellation(error)) return cancelledUnsent(input);
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'START_TO_CLOSE') {
    return failure(
      input,
      'the worker stopped in the middle of the call, or lost its connection to Temporal; the target may have been reached. ' +
        'It was not called again: look at the target before running the action again',
      'worker lost',
    );
  }
  if (cause instanceof ApplicationFailure && !UNSENT.includes(cause.type ?? ''))
    return failure(input, cause.message, 'failed');
  const last = cause instanceof ApplicationFailure ? `; the last attempt failed: ${cause.message}` : '';
  if (cancelled)
    return failure(
      input,
      `cancelled in Temporal between two attempts; ${unanswered(input)}${last}`,
      'cancelled',
    );
  return notCalled(input, last || NO_WORKER, unanswered(input));
}

/** What is known of a target when no attempt ended with an answer. */
function unanswered({ policy }: RunInput): string {
  return policy.retryAmbiguous ? 'the target may have been reached' : 'nothing was sent';
}

function cancelledUnsent(input: RunInput): Outcome {
  const why = input.policy.retryAmbiguous
    ? 'cancelled in Temporal before it was answered; an attempt before that may have reached the target'
    : 'cancelled in Temporal before it was sent; the target was not called';
  return failure(input, why, 'cancelled');
}

const NO_WORKER =
  '; no worker took the run. Check that a worker runs, with the same task queue and the same CODEC_KEYS';

function notCalled(input: RunInput, why: string, what = 'nothing was sent'): Outcome {
  const hours = Math.round(input.policy.maxWaitMs / 360_000) / 10;
  return failure(input, `${what} within ${hours} h${why}`, 'not called');
}

function withheld(input: RunInput): Outcome {
  return failure(
    input,
    'this workflow was reset, and its first run may have called the target; nothing was called again ' +
      `(the signal ${CALL_AGAIN_SIGNAL} asks for it)`,
    'not called again',
  );
}

function failure(input: RunInput, why: string, headline: string): Outcome {
  return { status: 'FAILURE', summary: why, log: [`${input.call}: ${why}`], headline };
}

/** A failed run is a failed workflow, so that the UI's status column tells the truth. */
function conclude(outcome: Outcome): RunResult {
  if (outcome.status === 'FAILURE') {
    const failure = ApplicationFailure.create({
      type: FAILURES.runFailed,
      message: (outcome.summary ?? 'the run failed').slice(0, 300),
      nonRetryable: true,
      category: 'BENIGN',
    });
    // The UI shows it in full, and where in our code a run was found to have failed helps nobody.
    failure.stack = '';
    throw failure;
  }
  return {
    status: outcome.status ?? 'HANDED_OVER',
    log: outcome.log,
    ...(outcome.link && { link: outcome.link }),
    ...(outcome.externalRunId && { externalRunId: outcome.externalRunId }),
  };
}
