import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { freePorts } from '../../local/parts/ports.js';
import { closeAll, closing, rawServer } from '../http/raw-server.js';
import { until } from '../support/house.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

afterEach(closeAll);

/** An echo behind the proxy. */
async function stage(): Promise<{ proxy: TcpProxy; call: () => Call }> {
  const server = await rawServer((socket) => {
    socket.on('data', (piece) => socket.write(piece));
    socket.on('end', () => socket.end());
  });
  const proxy = closing(await startTcpProxy(server.port));
  return { proxy, call: () => new Call(proxy.port) };
}

class Call {
  readonly socket: Socket;
  heard = '';
  failure: string | undefined;
  isClosed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    closing({ close: () => this.socket.destroy() });
    this.socket.on('data', (piece) => {
      this.heard += piece;
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.failure = error.code;
    });
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  async says(text: string): Promise<void> {
    this.socket.write(text);
    await until(`"${text}" comes back`, () => this.heard.endsWith(text));
  }
}

test('what is said comes through both ways, and so does the end', async () => {
  const { call } = await stage();
  const one = call();
  await one.says('hello');
  one.socket.end();
  await until('the other side ends as well', () => one.isClosed);
  expect(one.failure).toBeUndefined();
});

test('latency delays every piece and keeps their order, also when it ends', async () => {
  const { proxy, call } = await stage();
  const one = call();
  await one.says('before ');
  await proxy.cut({ kind: 'latency', ms: 150 });
  const startedAt = Date.now();
  one.socket.write('slow ');
  await new Promise((resolve) => setImmediate(resolve));
  await until('a piece is on its way', () => one.socket.bytesWritten > 'before '.length);
  await one.says('late ');
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(290);
  await proxy.mend();
  await one.says('after');
  expect(one.heard).toBe('before slow late after');
});

test('a black hole swallows in silence, new connections too, and what it swallowed from is reset later', async () => {
  const { proxy, call } = await stage();
  const [used, idle] = [call(), call()];
  await used.says('a');
  await idle.says('b');
  await proxy.cut({ kind: 'black hole' });
  used.socket.write('lost');
  const fresh = call();
  await once(fresh.socket, 'connect');
  await until('it is sent', () => used.socket.bytesWritten === 5);
  expect([used.heard, used.isClosed, fresh.isClosed]).toEqual(['a', false, false]);
  await proxy.mend();
  await until('both are reset', () => used.isClosed && fresh.isClosed);
  expect([used.failure, fresh.failure]).toEqual(['ECONNRESET', 'ECONNRESET']);
  await idle.says('still here');
});

test.each([
  ['reset', 'ECONNRESET'],
  ['refuse', 'ECONNREFUSED'],
] as const)('%s ends every connection; new ones get %s', async (kind, code) => {
  const { proxy, call } = await stage();
  const open = call();
  await open.says('a');
  await proxy.cut({ kind });
  await until('it is reset', () => open.failure === 'ECONNRESET');
  const fresh = call();
  await until('the new one is turned away', () => fresh.isClosed);
  expect(fresh.failure).toBe(code);
  await proxy.mend();
  await call().says('back');
});

test('a server that is away resets its clients', async () => {
  const [nobody = 0] = await freePorts(1);
  const proxy = closing(await startTcpProxy(nobody));
  const one = new Call(proxy.port);
  await until('it is reset', () => one.isClosed);
  expect(one.failure).toBe('ECONNRESET');
});
