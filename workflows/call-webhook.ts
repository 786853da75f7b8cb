/**
 * Carries one run to a webhook and reports how it ended.
 *
 * Id      the run id: starting twice is a no-op.
 * Steps   1 call the webhook · 2 report the answer (synchronized), the hand-over, or the failure
 * Fails   not sent: tried again for the window, then reported. Sent without an answer: reported, not repeated.
 * Cancel  before the call or between attempts: reported as never sent. A call under way: its outcome counts.
 */
import { carryOutRun, type RunResult } from './carry-out-run.js';
import type { RunInput } from './contract.js';

export async function callWebhook(input: RunInput): Promise<RunResult> {
  return carryOutRun(input);
}
