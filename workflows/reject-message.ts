/**
 * Keeps the evidence of a record that is no run to carry out, and never holds up those behind it.
 *
 * Id      rejected/<topic>/<partition>/<offset>/<timestamp>
 * Steps   1 tell Port, if the record names a run that is open there
 * Ends    always as a failed workflow, with the reason.
 */
import { ApplicationFailure, CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import { FAILURES, type RejectInput } from './contract.js';

const { reportRejection } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '7 days',
  retry: { initialInterval: '1s', maximumInterval: '5 minutes', maximumAttempts: 10_000 },
});

export async function rejectMessage(input: RejectInput): Promise<void> {
  const { reportTo } = input;
  if (reportTo !== undefined) {
    await CancellationScope.nonCancellable(() =>
      reportRejection.executeWithOptions({ summary: `tell Port about ${reportTo}` }, [
        { ...input, reportTo },
      ]),
    );
  }
  throw ApplicationFailure.create({
    type: FAILURES.messageRejected,
    message: `${input.record}: ${input.reason}. ${input.advice}`,
    nonRetryable: true,
    category: 'BENIGN',
  });
}
