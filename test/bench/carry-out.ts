/** Many runs at once, for benchmarks. */
import type { House } from '../support/house.js';

/** So many runs are under way at any time. */
export const SIDE_BY_SIDE = 50;
/** By turns everything that a run can be. */
const ACTIONS = ['sync', 'async', 'pipeline'];
const LONGEST_RUN_MS = 120_000;

/** Publishes so many runs and waits until Port was told of each; `onTold` learns how many that are by then. */
export async function carryOut(
  { port }: House,
  count: number,
  onTold = (_: number): void => {},
): Promise<void> {
  let published = 0;
  let told = 0;
  const inTurn = async (): Promise<void> => {
    while (published < count) {
      const runId = await port.trigger(ACTIONS[published++ % ACTIONS.length] ?? 'sync');
      await port.waitFor(runId, isTold, LONGEST_RUN_MS);
      onTold(++told);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, inTurn));
}

/** The last that Port hears: of a handed-over pipeline its link, of a webhook that was accepted its log. */
function isTold(run: ReturnType<House['port']['run']>): boolean {
  if (run.endedAt !== null) return true;
  return run.logs.length > 0 && (run.actionIdentifier === 'async' || run.link.length > 0);
}
