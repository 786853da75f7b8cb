import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { routeTo } from '../../http/connection/route.js';
import { Deadline, exchange } from '../../http/exchange.js';
import { createOwnLines } from '../../http/lines.js';
import { createOutbound } from '../../http/outbound.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { testNetwork } from '../support/network.js';
import { closeAll, closing, rawServer } from './raw-server.js';

afterEach(closeAll);

const ca = createTestCa('Corp Root CA');
const { certPem: cert, keyPem: key } = ca.issue({ commonName: 'port', ipAddresses: ['127.0.0.1'] });

/** An https server that counts its connections, and answers when it is let. */
async function countingServer() {
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let holds = false;
  const server = createServer({ cert, key }, (request, response) => {
    request.resume();
    const answer = (): unknown => response.end('ok');
    if (holds) waiting.push(answer);
    else answer();
  });
  server.on('secureConnection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections: () => sockets.size,
    waiting: () => waiting.length,
    hold: () => {
      holds = true;
    },
    letGo: () => {
      holds = false;
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

function sharing() {
  let trust = testNetwork({ trusted: [ca.caPem] }).trust.current();
  const network = { ...testNetwork(), trust: { current: () => trust } };
  const out = closing(
    createOutbound({ network, verifyTls: true, keepAlive: true, followRedirects: false, userAgent: 'test' }),
  );
  const get = (url: string) => out.send({ method: 'GET', url, headers: {} }, 60_000);
  return {
    get,
    trust(pems: string[]) {
      trust = testNetwork({ trusted: pems }).trust.current();
    },
  };
}

test('requests share connections, one after the other', async () => {
  const server = await countingServer();
  const { get } = sharing();
  for (let n = 0; n < 20; n++) expect((await get(server.url)).status).toBe(200);
  // Now and then one is still at the end of its last answer when the next request comes.
  expect(server.connections()).toBeLessThan(10);
});

test('whoever is not trusted any more is not called on a connection from before', async () => {
  const server = await countingServer();
  const { get, trust } = sharing();
  expect((await get(server.url)).status).toBe(200);
  trust([]);
  await expect(get(server.url)).rejects.toMatchObject({ name: 'NotSentError', phase: 'TLS' });
  trust([ca.caPem]);
  expect((await get(server.url)).status).toBe(200);
});

test('what is under way when the trust changes is finished', async () => {
  const server = await countingServer();
  const { get, trust } = sharing();
  server.hold();
  const underWay = get(server.url);
  while (server.waiting() === 0) await new Promise((resolve) => setImmediate(resolve));
  trust([ca.caPem, createTestCa('Another').caPem]);
  const next = get(server.url);
  while (server.waiting() < 2) await new Promise((resolve) => setImmediate(resolve));
  server.letGo();
  expect((await Promise.all([underWay, next])).map(({ status }) => status)).toEqual([200, 200]);
});

test('a peer that hung up before the first byte has got nothing, and undici does not ask for it for ever', async () => {
  let onAccepted = (_socket: Socket): void => {};
  const accepted = new Promise<Socket>((resolve) => {
    onAccepted = resolve;
  });
  const server = await rawServer((socket) => onAccepted(socket));
  const lines = createOwnLines({ tls: () => ({ context: createSecureContext(), verify: true }) });
  closing(lines);
  const url = new URL(`http://${server.host}/`);
  const call = { method: 'POST', host: url.host };
  const deadline = new Deadline(60_000);
  const dialled: Socket[] = [];
  const keep = (message: unknown): void => void dialled.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', keep);
  const line = await lines.open(routeTo(url, undefined), url.origin, call, deadline.signal);
  unsubscribe('net.client.socket', keep);
  const noticed = new Promise((resolve) => dialled[0]?.once('close', resolve));
  (await accepted).resetAndDestroy();
  await noticed;
  const request = { origin: url.origin, path: '/', method: 'POST' as const, body: '{}' };
  await expect(exchange(line.dispatcher, request, call, deadline)).rejects.toMatchObject({
    name: 'NotSentError',
    permanent: false,
  });
  expect(server.connections).toBe(1);
  deadline.clear();
  line.release();
});
