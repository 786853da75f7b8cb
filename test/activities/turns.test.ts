import { setImmediate as soon } from 'node:timers/promises';
import { createTurns } from '../../activities/turns.js';

const LONG_MS = 10_000;
const NEVER = new AbortController().signal;

/** Work that has begun, and ends when it is told to. */
function work() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const task = {
    begun: false,
    end,
    async run() {
      task.begun = true;
      await ended;
      return 'done';
    },
  };
  return task;
}

test('as many as there are turns work at a time, the others in their order', async () => {
  const turns = createTurns(2, NEVER);
  const tasks = [work(), work(), work(), work()];
  const results = tasks.map(({ run }) => turns.take(run, LONG_MS));
  await soon();
  expect(tasks.map(({ begun }) => begun)).toEqual([true, true, false, false]);
  tasks[1]?.end();
  await results[1];
  await soon();
  expect(tasks.map(({ begun }) => begun)).toEqual([true, true, true, false]);
  for (const { end } of tasks) end();
  expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'done']);
});

test('who waits for too long gives up without having begun, and leaves the row', async () => {
  const turns = createTurns(1, NEVER);
  const [first, impatient, patient] = [work(), work(), work()];
  const working = turns.take(first.run, LONG_MS);
  const givingUp = turns.take(impatient.run, 10);
  const waiting = turns.take(patient.run, LONG_MS);
  expect(await givingUp).toBeUndefined();
  first.end();
  await working;
  patient.end();
  expect(await waiting).toBe('done');
  expect(impatient.begun).toBe(false);
});

test('work that fails gives its turn on', async () => {
  const turns = createTurns(1, NEVER);
  const failing = turns.take(() => Promise.reject(new Error('no')), LONG_MS);
  const next = turns.take(async () => 'done', LONG_MS);
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});

test('work that is to be finished in time is waited for no longer, and keeps its turn until it ends', async () => {
  const turns = createTurns(1, NEVER);
  const slow = work();
  expect(await turns.finish(slow.run, 10)).toBeUndefined();
  expect(slow.begun).toBe(true);
  const next = work();
  const waiting = turns.take(next.run, LONG_MS);
  await soon();
  expect(next.begun).toBe(false);
  slow.end();
  next.end();
  expect(await waiting).toBe('done');
  expect(await turns.finish(async () => 'quick', LONG_MS)).toBe('quick');
});

test('when all is to stop nobody waits any more, and what works goes on', async () => {
  const stopping = new AbortController();
  const turns = createTurns(1, stopping.signal);
  const first = work();
  const working = turns.take(first.run, LONG_MS);
  const waiting = turns.take(work().run, LONG_MS);
  stopping.abort();
  expect(await waiting).toBeUndefined();
  expect(await turns.take(work().run, LONG_MS)).toBeUndefined();
  first.end();
  expect(await working).toBe('done');
});
