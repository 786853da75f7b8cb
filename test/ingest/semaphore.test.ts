import { Semaphore } from '../../ingest/semaphore.js';

/** Whether a promise has settled by the time everything under way has had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test('lets through as many as it has places, and the next when one is given back', async () => {
  const slots = new Semaphore(2);
  await slots.acquire();
  await slots.acquire();
  const third = slots.acquire();
  expect(await isSettled(third)).toBe(false);
  slots.release();
  expect(await isSettled(third)).toBe(true);
});

test('lets those who wait through in order, one a release', async () => {
  const slots = new Semaphore(1);
  await slots.acquire();
  const order: number[] = [];
  const waiting = [1, 2, 3].map((n) => slots.acquire().then(() => order.push(n)));
  slots.release();
  await waiting[0];
  expect(order).toEqual([1]);
  slots.release();
  slots.release();
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
});

test('a place that was handed on is not free as well', async () => {
  const slots = new Semaphore(1);
  await slots.acquire();
  const second = slots.acquire();
  slots.release();
  await second;
  expect(await isSettled(slots.acquire())).toBe(false);
});

test('a place given back while nobody waits is kept for the next', async () => {
  const slots = new Semaphore(1);
  await slots.acquire();
  slots.release();
  expect(await isSettled(slots.acquire())).toBe(true);
});

test('narrowed, it lets half as many through once those are back; widened, one more each time, and no more than at first', async () => {
  const slots = new Semaphore(4);
  for (let n = 0; n < 4; n++) await slots.acquire();
  slots.narrow();
  const fifth = slots.acquire();
  slots.release();
  slots.release();
  expect(await isSettled(fifth)).toBe(false);
  slots.release();
  expect(await isSettled(fifth)).toBe(true);
  for (let n = 0; n < 9; n++) slots.widen();
  const more = [slots.acquire(), slots.acquire()];
  expect(await isSettled(Promise.all(more))).toBe(true);
  expect(await isSettled(slots.acquire())).toBe(false);
});

test('narrowed again and again, it still lets one through', async () => {
  const slots = new Semaphore(3);
  for (let n = 0; n < 5; n++) slots.narrow();
  expect(await isSettled(slots.acquire())).toBe(true);
  expect(await isSettled(slots.acquire())).toBe(false);
});
