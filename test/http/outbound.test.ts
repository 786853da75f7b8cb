import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { AmbiguousError, BadRequestError, NotSentError } from '../../http/errors.js';
import { createOutbound, MAX_BODY_BYTES, type Outbound } from '../../http/outbound.js';
import { startPrivateService } from '../../local/simulators/private-service.js';
import { testNetwork } from '../support/network.js';

/** A deadline that is to be met by silence, and not before a busy machine has sent the request. */
const ENOUGH_TO_SEND_MS = 1500;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function outbound(options: { followRedirects?: boolean; maxBodyBytes?: number } = {}): Outbound {
  const out = createOutbound({
    network: testNetwork(),
    verifyTls: true,
    keepAlive: false,
    followRedirects: options.followRedirects ?? true,
    userAgent: 'test',
    ...(options.maxBodyBytes !== undefined && { maxBodyBytes: options.maxBodyBytes }),
  });
  closers.push(() => out.close());
  return out;
}

/** A server that speaks no HTTP of its own accord: what it does with a connection is the test's. */
async function rawServer(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const post = (url: string) => ({ method: 'POST', url, headers: {}, body: '{"a":1}' });

describe('was it sent?', () => {
  test('a refused connection was not sent', async () => {
    const url = await rawServer(() => {});
    await closers.pop()?.();
    const error = await outbound()
      .send(post(url), 60_000)
      .catch((e) => e);
    expect(error).toBeInstanceOf(NotSentError);
    expect(error).toMatchObject({ phase: 'connect', reason: 'ECONNREFUSED', permanent: false });
    expect(error.message).toContain(`POST ${new URL(url).host}`);
  });

  test('a name that does not exist was not sent', async () => {
    const error = await outbound()
      .send(post('http://no-such-host.invalid/'), 60_000)
      .catch((e) => e);
    expect(error).toBeInstanceOf(NotSentError);
    expect(error.phase).toBe('name lookup');
  });

  test('a TLS handshake that is cut was not sent', async () => {
    const url = (await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()))).replace(
      'http:',
      'https:',
    );
    const error = await outbound()
      .send(post(url), 60_000)
      .catch((e) => e);
    expect(error).toBeInstanceOf(NotSentError);
  });

  test('a TLS handshake that hangs was not sent, and ends at the deadline', async () => {
    const url = (await rawServer(() => {})).replace('http:', 'https:');
    const error = await outbound()
      .send(post(url), 200)
      .catch((e) => e);
    expect(error).toBeInstanceOf(NotSentError);
    expect(error.reason).toBe('ETIMEDOUT');
  });

  test.each([
    ['closed', (socket: Socket) => socket.end()],
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['answered with garbage', (socket: Socket) => socket.end('no http at all\r\n\r\n')],
    ['answered with half a status line', (socket: Socket) => socket.end('HTTP/1.1 20')],
  ])('a connection that is %s after the request was read may have been sent', async (_, act) => {
    const url = await rawServer((socket) => socket.once('data', () => act(socket)));
    const error = await outbound()
      .send(post(url), 60_000)
      .catch((e) => e);
    expect(error).toBeInstanceOf(AmbiguousError);
  });

  test('silence after the request may have been sent, and ends at the deadline', async () => {
    let connections = 0;
    const url = await rawServer(() => {
      connections++;
    });
    const error = await outbound()
      .send(post(url), ENOUGH_TO_SEND_MS)
      .catch((e) => e);
    expect(error).toBeInstanceOf(AmbiguousError);
    expect(error.message).toContain('no answer came within 1.5 s');
    expect(connections).toBe(1);
  });

  test('a redirect whose target refuses may have been acted on by the first target', async () => {
    const service = await startPrivateService();
    closers.push(() => service.close());
    const dead = await rawServer(() => {});
    await closers.pop()?.();
    const error = await outbound()
      .send(post(`${service.url}/redirect/307?to=${dead}/`), 60_000)
      .catch((e) => e);
    expect(error).toBeInstanceOf(AmbiguousError);
  });

  test.each(['not an address', 'ftp://host/', '/relative'])('%j can not be called', async (url) => {
    await expect(outbound().send(post(url), 1000)).rejects.toBeInstanceOf(BadRequestError);
  });

  test('illegal header bytes are named, and nothing is sent', async () => {
    const service = await startPrivateService();
    closers.push(() => service.close());
    const request = { ...post(`${service.url}/ok`), headers: { 'X-Bad': 'a\r\nb' } };
    await expect(outbound().send(request, 1000)).rejects.toThrow(/x-bad/i);
    expect(service.calls()).toHaveLength(0);
  });

  test('no error names path, query or credentials of the address', async () => {
    const error = await outbound()
      .send(post('http://user:hunter2@127.0.0.1:9/path-secret?token=query-secret'), 2000)
      .catch((e) => e);
    const { inspect } = await import('node:util');
    expect(inspect(error)).not.toMatch(/hunter2|path-secret|query-secret/);
  });
});

describe('the answer', () => {
  test('a body longer than is read is cut, and says so', async () => {
    const service = await startPrivateService();
    closers.push(() => service.close());
    const response = await outbound().send(post(`${service.url}/big/${MAX_BODY_BYTES + 5}`), 60_000);
    expect(response.text).toHaveLength(MAX_BODY_BYTES);
    expect(response.cut).toBe('too long');
  });

  test('a body is read as far as its profile says', async () => {
    const service = await startPrivateService();
    closers.push(() => service.close());
    const size = MAX_BODY_BYTES + 5;
    const whole = await outbound({ maxBodyBytes: size }).send(post(`${service.url}/big/${size}`), 60_000);
    expect(whole.text).toHaveLength(size);
    expect(whole.cut).toBeUndefined();
  });

  test('a body that breaks off leaves the status', async () => {
    const url = await rawServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\npart')),
    );
    const response = await outbound().send(post(url), 60_000);
    expect(response).toMatchObject({ status: 201, text: 'part', cut: 'broken off' });
  });

  test('a body that drips past the deadline leaves the status', async () => {
    const url = await rawServer((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')),
    );
    const response = await outbound().send(post(url), ENOUGH_TO_SEND_MS);
    expect(response).toMatchObject({ status: 200, cut: 'broken off' });
  });

  test('each call to a target has a connection of its own', async () => {
    let connections = 0;
    const url = await rawServer((socket) => {
      connections++;
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    const out = outbound();
    await out.send(post(url), 60_000);
    await out.send(post(url), 60_000);
    expect(connections).toBe(2);
  });

  test('credentials in the address are sent as Basic credentials, and to that host alone', async () => {
    const service = await startPrivateService();
    closers.push(() => service.close());
    const withCredentials = service.url.replace('//', '//us%40er:p%C3%A4ss@');
    await outbound().send(
      post(`${withCredentials}/redirect/307?to=${service.url.replace('127.0.0.1', 'localhost')}/ok`),
      5000,
    );
    const sent = service.calls().map(({ headers }) => headers.authorization);
    expect(sent).toEqual([`Basic ${Buffer.from('us@er:päss', 'latin1').toString('base64')}`, undefined]);
  });

  test('redirects are followed only where the profile says so', async () => {
    const service = await startPrivateService();
    closers.push(() => service.close());
    const url = `${service.url}/redirect/302?to=${service.url}/ok`;
    expect((await outbound({ followRedirects: false }).send(post(url), 60_000)).status).toBe(302);
    expect((await outbound().send(post(url), 60_000)).status).toBe(200);
    expect(service.calls().at(-1)?.method).toBe('GET');
  });
});
