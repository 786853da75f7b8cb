/**
 * Carries one run to GitLab and reports how it ended.
 *
 * Id      the run id: starting twice is a no-op.
 * Steps   1 trigger the pipeline · 2 report its link and hand over, or report the failure
 * Fails   not sent: tried again for the window, then reported. Refused: reported at once. Rate limited: tried
 *         again at GitLab's pace. Sent without an answer: reported, not repeated.
 * Cancel  before the call or between attempts: reported as never sent. A call under way: its outcome counts.
 */
import { carryOutRun, type RunResult } from './carry-out-run.js';
import type { RunInput } from './contract.js';

export async function triggerGitlabPipeline(input: RunInput): Promise<RunResult> {
  return carryOutRun(input);
}
