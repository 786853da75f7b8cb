import { type Child, startChild } from '../../local/parts/child.js';
import { until } from '../support/house.js';
import { type Part, startPart } from './parts.js';

const launched: Child[] = [];
let part: Part;

async function launch(): Promise<Child> {
  const child = await startChild({ name: 'sleeper', command: 'sleep', args: ['600'] });
  launched.push(child);
  return child;
}
beforeEach(async () => {
  launched.length = 0;
  part = await startPart('sleeper', launch);
});
afterEach(() => part.end('SIGKILL', 0));

test('what is ended stays down until it is started', async () => {
  expect(await part.end('SIGKILL', 0)).toEqual({ code: null, signal: 'SIGKILL' });
  expect(launched.map((child) => child.isRunning())).toEqual([false]);
  await part.start();
  expect(launched.map((child) => child.isRunning())).toEqual([false, true]);
  expect(part.deaths).toEqual([]);
});

test('what ends unasked is noted and started again', async () => {
  launched[0]?.signal('SIGKILL');
  await until('it runs again', () => launched[1]?.isRunning() === true);
  expect(part.deaths).toMatchObject([{ whom: 'sleeper', exit: { signal: 'SIGKILL' } }]);
});

test('what can not be started is tried again', async () => {
  let tries = 0;
  const late = await startPart('late', async () => {
    tries += 1;
    if (tries < 3) throw new Error('not yet');
    return launch();
  });
  expect(tries).toBe(3);
  await late.end('SIGKILL', 0);
});
