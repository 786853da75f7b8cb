/** A minute of `npm run chaos`, always the same one. */
import { type ChaosResult, runChaos } from './chaos.js';
import { linesOf } from './print.js';

const SEED = 19;

let result: ChaosResult;
beforeAll(async () => {
  result = await runChaos({
    seed: SEED,
    seconds: 60,
    processEverySeconds: 9,
    runsPerSecond: 6,
    stuckMs: 150_000,
    // Shorter than the defaults, so that what a dead worker held is given up for dead within the test; long enough
    // that on a busy machine, too, only a fault keeps an answer from a call. A fault holds a call for seconds at most.
    environment: {
      WEBHOOK_INVOKER_TIMEOUT: '20',
      WORKER_LOST_AFTER_SECONDS: '15',
      KAFKA_CONSUMER_SESSION_TIMEOUT_MS: '6000',
    },
  });
  console.log([`seed ${SEED}`, ...linesOf(result)].join('\n'));
}, 600_000);

test('whatever dies, no run is lost, left open, told untruly or carried out twice', () => {
  const { lost, unreported, untrue, doubled, details } = result.verdict;
  expect({ lost, unreported, untrue, doubled, details }).toEqual({
    ...{ lost: 0, unreported: 0, untrue: 0, doubled: 0 },
    details: [],
  });
});

test('in the end every offset is committed, nobody has died unasked, and no secret stands anywhere', () => {
  const { uncommitted, unclean, leaks } = result.verdict;
  expect({ uncommitted, unclean, leaks }).toEqual({ uncommitted: 0, unclean: 0, leaks: 0 });
});

test('there was something to lose, and to find', () => {
  const { faults, texts } = result.evidence;
  expect(result.verdict.runs).toBeGreaterThan(100);
  expect(faults.filter(({ how }) => how === 'kill -9').length).toBeGreaterThan(1);
  const mentions = (where: RegExp, what: string) =>
    texts.some((each) => where.test(each.where) && each.text.includes(what));
  expect(mentions(/log line/, '"accepted"')).toBe(true);
  // Of the input of a workflow: histories are read down to their payloads.
  expect(mentions(/history/, 'workerLostAfterMs')).toBe(true);
  expect(mentions(/to Port/, 'Called POST')).toBe(true);
});
