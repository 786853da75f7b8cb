import { addressesOf, dial } from '../../http/connection/tcp.js';
import { closeAll, rawServer } from './raw-server.js';

afterEach(closeAll);

const never = new AbortController().signal;
const v4 = (address: string) => ({ address, family: 4 });

test('of several addresses, the ones that refuse are passed over', async () => {
  const server = await rawServer(() => {});
  const socket = await dial(
    { host: 'several.test', port: server.port },
    ['127.0.0.8', '127.0.0.9', '127.0.0.1'].map(v4),
    never,
  );
  expect(socket.remoteAddress).toBe('127.0.0.1');
  socket.destroy();
});

test('when all of them refuse, the step failed with their code', async () => {
  const server = await rawServer(() => {});
  const dialled = dial(
    { host: 'several.test', port: server.port },
    ['127.0.0.8', '127.0.0.9'].map(v4),
    never,
  );
  await expect(dialled).rejects.toMatchObject({ phase: 'connect', code: 'ECONNREFUSED' });
});

test('an address is its own answer, and nobody is asked for it', async () => {
  expect(await addressesOf('::1', never)).toEqual([{ address: '::1', family: 6 }]);
});

test('a lookup ends at the deadline', async () => {
  const expired = AbortSignal.abort();
  await expect(addressesOf('localhost', expired)).rejects.toMatchObject({
    phase: 'name lookup',
    code: 'ETIMEDOUT',
  });
});
