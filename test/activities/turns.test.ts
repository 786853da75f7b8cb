import { setImmediate as soon } from 'node:timers/promises';
import { createTurns } from '../../activities/turns.js';

const LONG_MS = 10_000;

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
  const turns = createTurns(2);
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
  const turns = createTurns(1);
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
  const turns = createTurns(1);
  const failing = turns.take(() => Promise.reject(new Error('no')), LONG_MS);
  const next = turns.take(async () => 'done', LONG_MS);
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});
