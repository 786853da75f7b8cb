import { nameOf, planFaults } from './schedule.js';

const SEEDS = [1, 2, 3, 4, 5];

test('the same seed gives the same faults, another seed others', () => {
  const [one, again, other] = [7, 7, 8].map((seed) => planFaults({ seed, seconds: 600 }));
  expect(one).toEqual(again);
  expect(one).not.toEqual(other);
});

test.each(SEEDS)('seed %i: a process is hit at most every 15 s, and ten minutes see every fault', (seed) => {
  const plan = planFaults({ seed, seconds: 600 });
  const killed = plan.filter(({ on, how }) => on === 'process' && how !== 'freeze');
  const gaps = killed.slice(1).map(({ atMs }, at) => atMs - (killed[at]?.atMs ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15_000);
  expect(new Set(plan.map(nameOf)).size).toBe(8 + 31 + 4);
});

test.each(SEEDS)(
  'seed %i: faults come in order, one ends before the next begins, the last before the run',
  (seed) => {
    const plan = planFaults({ seed, seconds: 60, processEverySeconds: 9 });
    expect(plan.length).toBeGreaterThan(15);
    for (const [at, { atMs, forMs }] of plan.entries())
      expect(atMs + forMs).toBeLessThanOrEqual(plan[at + 1]?.atMs ?? 60_000);
  },
);
