/** The proxies that other tests run against: driven here by plain HTTP and sockets, without our own client. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { createServer as createTlsServer, request as tlsRequest } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createTestCa } from '../../local/parts/test-ca.js';
import { DANTE, startDante } from '../support/proxies/dante.js';
import { MICROSOCKS, startMicrosocks } from '../support/proxies/microsocks.js';
import type { RunningProxy } from '../support/proxies/proxy-program.js';
import { SQUID, startSquid } from '../support/proxies/squid.js';
import { startTinyproxy, TINYPROXY } from '../support/proxies/tinyproxy.js';
import { describeWith } from '../support/system-part.js';

const ca = createTestCa('test CA');
const local = ca.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function running<Proxy extends RunningProxy>(started: Promise<Proxy>): Promise<Proxy> {
  const proxy = await started;
  closers.push(() => proxy.stop());
  return proxy;
}

/** A server that answers every request with the path it was asked for. */
async function origin(tls = false): Promise<number> {
  const answer = (_: IncomingMessage, response: { end(text: string): void }): void => response.end('hello');
  const server = tls
    ? createTlsServer({ cert: local.certPem, key: local.keyPem }, answer)
    : createServer(answer);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Answer {
  status: number | undefined;
  text: string;
  headers: IncomingMessage['headers'];
}

async function answerOf(sent: ReturnType<typeof request>): Promise<Answer> {
  const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text, headers: response.headers };
}

/** Asks an HTTP proxy for a whole URL. */
function viaProxy(proxy: string, url: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  const { hostname, port } = new URL(proxy);
  const options = {
    hostname,
    port,
    path: url,
    headers: { host: new URL(url).host, ...headers },
    agent: false,
  };
  return answerOf(
    proxy.startsWith('https:') ? tlsRequest({ ...options, servername: '', ca: ca.caPem }) : request(options),
  );
}

/** Asks an HTTP proxy for a tunnel. */
async function tunnel(
  proxy: string,
  authority: string,
  headers: OutgoingHttpHeaders = {},
): Promise<{ status: number | undefined; socket: Socket }> {
  const { hostname, port } = new URL(proxy);
  const sent = request({ method: 'CONNECT', hostname, port, path: authority, headers, agent: false }).end();
  const [response, socket] = (await once(sent, 'connect')) as [IncomingMessage, Socket];
  closers.push(() => socket.destroy());
  return { status: response.statusCode, socket };
}

function overSocket(socket: Socket, host = 'localhost'): Promise<Answer> {
  return answerOf(request({ createConnection: () => socket, headers: { host } }));
}

async function withTls(socket: Socket, servername: string): Promise<TLSSocket> {
  const secured = connectTls({ socket, servername, ca: ca.caPem });
  await once(secured, 'secureConnect');
  return secured;
}

const basic = (user: string, password: string): OutgoingHttpHeaders => ({
  'proxy-authorization': `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

/** Says the opening words of a SOCKS client one after the other; the answers, and the socket to go on with. */
async function socks(
  { port }: RunningProxy,
  ...messages: number[][]
): Promise<{ socket: Socket; answers: Buffer[] }> {
  const socket = connect(port, '127.0.0.1');
  closers.push(() => socket.destroy());
  const answers: Buffer[] = [];
  for (const message of messages) {
    socket.write(Buffer.from(message));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    answers.push(answer);
  }
  return { socket, answers };
}

const bytesOf = (text: string): number[] => [text.length, ...Buffer.from(text)];
const SOCKS5_NO_PASSWORD = [5, 1, 0];
const SOCKS5_PASSWORD = [5, 1, 2];
const socks5Connect = (host: string, port: number): number[] => [
  5,
  1,
  0,
  3,
  ...bytesOf(host),
  port >> 8,
  port & 255,
];
const socks4Connect = (port: number): number[] => [4, 1, port >> 8, port & 255, 127, 0, 0, 1, 0];

async function untilLogged(proxy: RunningProxy, text: RegExp): Promise<void> {
  const until = Date.now() + 60_000;
  while (!proxy.log().some((line) => text.test(line))) {
    if (Date.now() > until) throw new Error(`no ${text} in:\n${proxy.log().join('\n')}`);
    await delay(20);
  }
}

describeWith(SQUID, 'Squid', () => {
  test('relays requests and tunnels, and logs them', async () => {
    const port = await origin();
    const proxy = await running(startSquid({ hosts: { 'origin.test': '127.0.0.1' } }));
    const answer = await viaProxy(proxy.url, `http://origin.test:${port}/asked`);
    expect(answer).toMatchObject({
      status: 200,
      text: 'hello',
      headers: { via: expect.stringContaining('squid') },
    });
    const { status, socket } = await tunnel(proxy.url, `origin.test:${port}`);
    expect(status).toBe(200);
    expect((await overSocket(socket)).text).toBe('hello');
    socket.destroy();
    await untilLogged(proxy, new RegExp(`TCP_MISS/200 .* GET http://origin.test:${port}/asked`));
    await untilLogged(proxy, new RegExp(`TCP_TUNNEL/200 .* CONNECT origin.test:${port}`));
    expect(proxy.log()).toHaveLength(2);
  });

  test('answers 407 unless user and password are right', async () => {
    const port = await origin();
    const proxy = await running(startSquid({ users: { user: 'p@ss:wörd', other: 'x' } }));
    const ask = async (headers?: OutgoingHttpHeaders): Promise<unknown[]> => [
      (await viaProxy(proxy.url, `http://127.0.0.1:${port}/`, headers)).status,
      (await tunnel(proxy.url, `127.0.0.1:${port}`, headers)).status,
    ];
    expect(await ask(basic('user', 'p@ss:wörd'))).toEqual([200, 200]);
    expect(await ask(basic('other', 'x'))).toEqual([200, 200]);
    expect(await ask(basic('user', 'x'))).toEqual([407, 407]);
    expect(await ask(basic('nobody', 'x'))).toEqual([407, 407]);
    expect(await ask()).toEqual([407, 407]);
  });

  test('answers 403 for hosts that it denies, and an error for names that do not exist', async () => {
    const port = await origin();
    const hosts = { 'origin.test': '127.0.0.1', 'denied.test': '127.0.0.1' };
    const proxy = await running(startSquid({ hosts, denyHosts: ['denied.test'] }));
    expect((await viaProxy(proxy.url, `http://origin.test:${port}/`)).status).toBe(200);
    expect((await viaProxy(proxy.url, `http://denied.test:${port}/`)).status).toBe(403);
    expect((await tunnel(proxy.url, `denied.test:${port}`)).status).toBe(403);
    expect((await tunnel(proxy.url, 'missing.test:443')).status).toBeGreaterThanOrEqual(500);
  });

  test('speaks TLS on a port of its own', async () => {
    const port = await origin();
    const proxy = await running(startSquid({ tls: { cert: local.certPem, key: local.keyPem } }));
    expect((await viaProxy(proxy.tlsUrl ?? '', `http://127.0.0.1:${port}/`)).text).toBe('hello');
    expect((await viaProxy(proxy.url, `http://127.0.0.1:${port}/`)).text).toBe('hello');
  });

  test('looks into TLS with a certificate of another authority', async () => {
    const port = await origin(true);
    const inspector = createTestCa('inspecting CA');
    const { certPem, keyPem } = inspector.issue({ commonName: 'origin.test', dnsNames: ['origin.test'] });
    const proxy = await running(
      startSquid({ bump: { cert: certPem, key: keyPem }, hosts: { 'origin.test': '127.0.0.1' } }),
    );
    const { socket } = await tunnel(proxy.url, `origin.test:${port}`);
    const secured = connectTls({ socket, servername: 'origin.test', ca: inspector.caPem });
    await once(secured, 'secureConnect');
    expect(secured.getPeerCertificate().issuer.CN).toBe('inspecting CA');
    expect((await overSocket(secured, `origin.test:${port}`)).text).toBe('hello');
    await untilLogged(proxy, new RegExp(`GET https://origin.test:${port}/`));
  });
});

describeWith(TINYPROXY, 'Tinyproxy', () => {
  test('relays requests and tunnels, and logs them', async () => {
    const [port, tlsPort] = [await origin(), await origin(true)];
    const proxy = await running(startTinyproxy({ connectPorts: [tlsPort] }));
    expect(await viaProxy(proxy.url, `http://127.0.0.1:${port}/`)).toMatchObject({
      status: 200,
      text: 'hello',
      headers: { via: expect.stringContaining('tinyproxy') },
    });
    const { socket } = await tunnel(proxy.url, `127.0.0.1:${tlsPort}`);
    expect((await overSocket(await withTls(socket, 'localhost'))).text).toBe('hello');
    await untilLogged(proxy, new RegExp(`GET http://127.0.0.1:${port}/`));
    await untilLogged(proxy, new RegExp(`CONNECT 127.0.0.1:${tlsPort}`));
    expect((await tunnel(proxy.url, `127.0.0.1:${port}`)).status).toBe(403);
  });

  test('refuses unless user and password are right', async () => {
    const port = await origin();
    const proxy = await running(startTinyproxy({ user: 'user', password: 'pass' }));
    const ask = async (headers?: OutgoingHttpHeaders): Promise<unknown[]> => [
      (await viaProxy(proxy.url, `http://127.0.0.1:${port}/`, headers)).status,
      (await tunnel(proxy.url, `127.0.0.1:${port}`, headers)).status,
    ];
    expect(await ask(basic('user', 'pass'))).toEqual([200, 200]);
    expect(await ask(basic('user', 'x'))).toEqual([401, 401]);
    expect(await ask()).toEqual([407, 407]);
  });
});

describeWith(MICROSOCKS, 'MicroSocks', () => {
  test('relays, and logs it', async () => {
    const port = await origin();
    const proxy = await running(startMicrosocks());
    const { socket, answers } = await socks(proxy, SOCKS5_NO_PASSWORD, socks5Connect('localhost', port));
    expect(answers.map((answer) => answer[1])).toEqual([0, 0]);
    expect((await overSocket(socket)).text).toBe('hello');
    await untilLogged(proxy, new RegExp(`connected to localhost:${port}`));
  });

  test('refuses unless user and password are right', async () => {
    const port = await origin();
    const proxy = await running(startMicrosocks({ user: 'user', password: 'p@ss' }));
    const login = (password: string): number[] => [1, ...bytesOf('user'), ...bytesOf(password)];
    const { socket } = await socks(proxy, SOCKS5_PASSWORD, login('p@ss'), socks5Connect('localhost', port));
    expect((await overSocket(socket)).text).toBe('hello');
    expect((await socks(proxy, SOCKS5_PASSWORD, login('x'))).answers[1]?.[1]).not.toBe(0);
    expect((await socks(proxy, SOCKS5_NO_PASSWORD)).answers[0]?.[1]).toBe(0xff);
  });
});

describeWith(DANTE, 'Dante', () => {
  test('relays by SOCKS5 and SOCKS4, and logs it', async () => {
    const port = await origin();
    const proxy = await running(startDante());
    const five = await socks(proxy, SOCKS5_NO_PASSWORD, socks5Connect('localhost', port));
    expect((await overSocket(five.socket)).text).toBe('hello');
    const four = await socks(proxy, socks4Connect(port));
    expect(four.answers[0]?.[1]).toBe(90);
    expect((await overSocket(four.socket)).text).toBe('hello');
    await untilLogged(proxy, new RegExp(`pass\\(1\\): tcp/connect .*127\\.0\\.0\\.1\\.${port}`));
    expect(proxy).toMatchObject({
      url: expect.stringMatching(/^socks5:/),
      socks4Url: expect.stringMatching(/^socks4:/),
    });
  });

  test('refuses targets that are not on this machine', async () => {
    const proxy = await running(startDante());
    const far = [5, 1, 0, 1, 192, 0, 2, 1, 0, 80];
    expect((await socks(proxy, SOCKS5_NO_PASSWORD, far)).answers[1]?.[1]).toBe(2);
  });
});

describeWith(MICROSOCKS, 'a stopped proxy', () => {
  test('listens no more', async () => {
    const proxy = await startMicrosocks();
    await proxy.stop();
    await expect(once(connect(proxy.port, '127.0.0.1'), 'connect')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});
