/** A check that can't fail proves nothing: each promise is broken on purpose, and the checker must say which. */
import { createLogger } from '../../telemetry/logger.js';
import { installRuntime } from '../../telemetry/temporal-logger.js';
import { until } from '../support/house.js';
import {
  commitsOnFailure,
  type Running,
  reportsNothing,
  retriesEverything,
  startIngester,
  startWorker,
} from './broken.js';
import { check } from './checker.js';
import { collect, isCommitted, offsetsOf, settled } from './collect.js';
import { type Ground, startGround } from './ground.js';
import { publisherOf } from './load.js';

const STUCK_MS = 60_000;
const sound = <T>(it: T): T => it;

let ground: Ground;
const running = new Set<Running>();
beforeAll(async () => {
  installRuntime(createLogger('fatal', 'test'));
  ground = await startGround({ WEBHOOK_INVOKER_TIMEOUT: '20', WORKER_LOST_AFTER_SECONDS: '10' });
});
afterAll(async () => {
  await stopAll();
  await ground?.close();
});

async function stopAll(): Promise<void> {
  await Promise.all([...running].map((each) => each.stop()));
  running.clear();
}

async function publish(runs: number, action = 'answers'): Promise<void> {
  const trigger = publisherOf(ground);
  for (let run = 0; run < runs; run++) await trigger(action);
}

test('what is lost, doubled and unreported is told apart, and from what is sound', async () => {
  running.add(await startWorker(ground, sound)).add(await startIngester(ground, commitsOnFailure));
  await publish(2);
  await settled(ground, STUCK_MS);
  await ground.links.Temporal.cut({ kind: 'refuse' });
  await publish(3);
  const isAllCommitted = async () => (await offsetsOf(ground)).every(isCommitted);
  await until('what Temporal refused is committed', isAllCommitted, STUCK_MS);
  await ground.links.Temporal.mend();
  await settled(ground, STUCK_MS);
  await stopAll();

  running.add(await startWorker(ground, retriesEverything)).add(await startIngester(ground, sound));
  ground.world.service.inject({ kind: 'dropAfter', times: 4 });
  await publish(4);
  await settled(ground, STUCK_MS);
  await stopAll();

  running.add(await startWorker(ground, reportsNothing)).add(await startIngester(ground, sound));
  await publish(5);
  await publish(6, 'takes over');
  await publish(7, 'pipeline');
  await settled(ground, STUCK_MS);

  const { details, ...verdict } = check(await collect(ground, []));
  expect(verdict).toMatchObject({
    ...{ runs: 2 + 3 + 4 + 5 + 6 + 7, lost: 3, doubled: 4, unreported: 5 + 6 + 7 },
    ...{ untrue: 0, ambiguous: 0, uncommitted: 0 },
  });
  expect(details).toContainEqual(expect.stringMatching(/^lost: .* there is no workflow/));
  expect(details).toContainEqual(expect.stringMatching(/^doubled: .* called 2 times/));
  expect(details).toContainEqual(expect.stringMatching(/^unreported: .* Port holds it open/));
  expect(details).toContainEqual(expect.stringMatching(/^unreported: .* was handed over/));
}, 240_000);
