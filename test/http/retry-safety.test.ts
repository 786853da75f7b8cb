/**
 * May this POST be sent again? One row for each way that a call can fail.
 *
 * `again`: provably not sent, and waiting may help. `never`: provably not sent, but the configuration has to
 * change first. `ambiguous`: it may have arrived. A number: the target's answer, which counts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { AmbiguousError, NotSentError } from '../../http/errors.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import type { NetworkOptions } from '../support/network.js';
import { closeAll, closing, rawServer, rawTlsServer, requestOn, wayOut } from './raw-server.js';

type Verdict = 'again' | 'never' | 'ambiguous' | number;

interface Attempt {
  url: string;
  network?: NetworkOptions;
  /** Whether the target has the request in full. */
  arrived?: () => boolean;
  timeoutMs?: number;
}

const BODY = JSON.stringify({ order: 'x'.repeat(100) });
const ca = createTestCa('Corp Root CA');
const good = ca.issue({ commonName: 'target', ipAddresses: ['127.0.0.1'] });
const tls = { cert: good.certPem, key: good.keyPem };
/** How soon a silent peer is given up: at once, where nothing is sent before. */
const SILENCE_MS = 300;
/** Not before a busy machine has sent the request. */
const SILENCE_AFTER_SENDING_MS = 1500;

afterEach(closeAll);

/** A target that reads the whole request, and then does something. */
async function afterReading(act: (socket: Socket) => void): Promise<Attempt> {
  let arrived = false;
  const server = await rawServer((socket) => {
    void requestOn(socket, BODY.length).then(() => {
      arrived = true;
      act(socket);
    });
  });
  return { url: `http://${server.host}/`, arrived: () => arrived };
}

async function beforeReading(act: (socket: Socket) => void, scheme = 'http'): Promise<Attempt> {
  const server = await rawServer(act);
  return { url: `${scheme}://${server.host}/` };
}

/** An https target behind a proxy that never lets anybody through. */
async function behindProxy(act: (socket: Socket) => void, scheme = 'http'): Promise<Attempt> {
  const proxy = await rawServer(act);
  return {
    url: 'https://target.test/',
    network: { environment: { HTTPS_PROXY: `${scheme}://${proxy.host}` } },
  };
}

const answering = (text: string) => (socket: Socket) => {
  socket.once('data', () => socket.end(text));
};

/** An address whose SYNs are dropped: the queue of its listener is full. */
async function blackHole(): Promise<Attempt> {
  const script = [
    'import socket,sys,time',
    's=socket.socket(); s.bind(("127.0.0.1",0)); s.listen(0)',
    'print(s.getsockname()[1],flush=True)',
    'time.sleep(600)',
  ].join('\n');
  const child: ChildProcess = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  closing({ close: () => child.kill('SIGKILL') });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const port = Number(line);
  // One connection fills the queue; a second one may still be taken, on some kernels.
  for (let n = 0; n < 3; n++) {
    const filler = connect(port, '127.0.0.1').on('error', () => {});
    closing({ close: () => filler.destroy() });
    if (n === 0) await once(filler, 'connect');
  }
  return { url: `http://127.0.0.1:${port}/`, timeoutMs: SILENCE_MS };
}

const closedPort = async (): Promise<string> => {
  const server = await rawServer(() => {});
  await server.close();
  return server.host;
};

const socksReply = (reply: number) => (socket: Socket) => {
  socket.once('data', () => {
    socket.write(Buffer.from([5, 0]));
    socket.once('data', () => socket.end(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])));
  });
};

const rows: [what: string, expected: Verdict, code: string, attempt: () => Promise<Attempt>][] = [
  ['port closed', 'again', 'ECONNREFUSED', async () => ({ url: `http://${await closedPort()}/` })],
  ['unknown name', 'again', 'ENOTFOUND', async () => ({ url: 'http://no-such-host.invalid/' })],
  ['SYN dropped', 'again', 'ETIMEDOUT', blackHole],
  [
    'several addresses, none of which answers',
    'again',
    'ECONNREFUSED',
    async () => ({ url: `http://localhost:${(await closedPort()).split(':')[1]}/` }),
  ],
  ['FIN during the TLS handshake', 'again', 'ECONNRESET', () => beforeReading((s) => s.end(), 'https')],
  [
    'RST during the TLS handshake',
    'again',
    'ECONNRESET',
    () => beforeReading((s) => s.once('data', () => s.resetAndDestroy()), 'https'),
  ],
  [
    'TLS handshake silent',
    'again',
    'ETIMEDOUT',
    async () => ({ ...(await beforeReading(() => {}, 'https')), timeoutMs: SILENCE_MS }),
  ],
  [
    'the peer speaks plain HTTP',
    'never',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    () => beforeReading(answering('HTTP/1.1 400 Bad Request\r\n\r\n'), 'https'),
  ],
  [
    'certificate of an unknown CA',
    'never',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    async () => ({ url: `https://${(await rawTlsServer(tls, () => {})).host}/` }),
  ],
  [
    'unknown CA in the chain that the server sends',
    'never',
    'SELF_SIGNED_CERT_IN_CHAIN',
    async () => {
      const chain = { ...tls, cert: good.certPem + ca.caPem };
      return { url: `https://${(await rawTlsServer(chain, () => {})).host}/` };
    },
  ],
  [
    'expired certificate',
    'never',
    'CERT_HAS_EXPIRED',
    async () => {
      const old = ca.issue({
        commonName: 'old',
        ipAddresses: ['127.0.0.1'],
        notAfter: new Date(Date.now() - 86_400_000),
      });
      const server = await rawTlsServer({ cert: old.certPem, key: old.keyPem }, () => {});
      return { url: `https://${server.host}/`, network: { trusted: [ca.caPem] } };
    },
  ],
  [
    'certificate for another name',
    'never',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    async () => {
      const other = ca.issue({ commonName: 'other', dnsNames: ['other.test'] });
      const server = await rawTlsServer({ cert: other.certPem, key: other.keyPem }, () => {});
      return { url: `https://${server.host}/`, network: { trusted: [ca.caPem] } };
    },
  ],
  [
    'the server demands a client certificate (TLS 1.3)',
    'ambiguous',
    'UND_ERR_SOCKET',
    async () => {
      const server = await rawTlsServer(
        { ...tls, ca: ca.caPem, requestCert: true, minVersion: 'TLSv1.3' },
        () => {},
      );
      return { url: `https://${server.host}/`, network: { trusted: [ca.caPem] } };
    },
  ],
  ['accepted, then FIN, nothing read', 'ambiguous', 'UND_ERR_SOCKET', () => beforeReading((s) => s.end())],
  ['read in full, then FIN', 'ambiguous', 'UND_ERR_SOCKET', () => afterReading((s) => s.end())],
  ['read in full, then RST', 'ambiguous', 'ECONNRESET', () => afterReading((s) => s.resetAndDestroy())],
  [
    'part of a status line, then FIN',
    'ambiguous',
    'UND_ERR_SOCKET',
    () => afterReading((s) => s.end('HTTP/1.1 2')),
  ],
  [
    'garbage for an answer',
    'ambiguous',
    'HTTPParserError',
    () => afterReading((s) => s.end('hello world\r\n\r\n')),
  ],
  [
    'headers without end',
    'ambiguous',
    'UND_ERR_HEADERS_OVERFLOW',
    () => afterReading((s) => s.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`)),
  ],
  [
    'no answer',
    'ambiguous',
    'ETIMEDOUT',
    async () => ({ ...(await afterReading(() => {})), timeoutMs: SILENCE_AFTER_SENDING_MS }),
  ],
  [
    'headers that drip',
    'ambiguous',
    'ETIMEDOUT',
    async () => {
      const dripping = await afterReading((socket) => {
        const timer = setInterval(() => socket.write('H'), 20);
        socket.once('close', () => clearInterval(timer));
        socket.write('HTTP/1.1 200 OK\r\n');
      });
      return { ...dripping, timeoutMs: SILENCE_AFTER_SENDING_MS };
    },
  ],
  [
    'a body that stalls: the status is known',
    201,
    'broken off',
    async () => {
      const stalled = await afterReading((s) =>
        s.write('HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nabc'),
      );
      return { ...stalled, timeoutMs: SILENCE_AFTER_SENDING_MS };
    },
  ],
  [
    'a body that is cut: the status is known',
    201,
    'broken off',
    () => afterReading((s) => s.end('HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nabc')),
  ],
  [
    'the proxy is not there',
    'again',
    'ECONNREFUSED',
    async () => ({
      url: 'https://target.test/',
      network: { environment: { HTTPS_PROXY: `http://${await closedPort()}` } },
    }),
  ],
  [
    'the name of the proxy is unknown',
    'again',
    'ENOTFOUND',
    async () => ({
      url: 'https://target.test/',
      network: { environment: { HTTPS_PROXY: 'http://no-such-proxy.invalid:3128' } },
    }),
  ],
  [
    'the proxy is silent',
    'again',
    'ETIMEDOUT',
    async () => ({ ...(await behindProxy(() => {})), timeoutMs: SILENCE_MS }),
  ],
  ['FIN by the proxy on accept', 'again', 'ECONNRESET', () => behindProxy((s) => s.end())],
  ['FIN by the proxy on CONNECT', 'again', 'ECONNRESET', () => behindProxy(answering(''))],
  [
    'RST by the proxy on CONNECT',
    'again',
    'ECONNRESET',
    () => behindProxy((s) => s.once('data', () => s.resetAndDestroy())),
  ],
  [
    'garbage by the proxy on CONNECT',
    'again',
    'HPE_INVALID_CONSTANT',
    () => behindProxy(answering('hello world\r\n\r\n')),
  ],
  ...([401, 403, 407] as const).map((status): [string, Verdict, string, () => Promise<Attempt>] => [
    `CONNECT answered ${status}`,
    'never',
    `PROXY_${status}`,
    () => behindProxy(answering(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`)),
  ]),
  ...([500, 502, 503, 504] as const).map((status): [string, Verdict, string, () => Promise<Attempt>] => [
    `CONNECT answered ${status}`,
    'again',
    `PROXY_${status}`,
    () => behindProxy(answering(`HTTP/1.1 ${status} No\r\nContent-Length: 4\r\n\r\nbusy`)),
  ]),
  [
    'SOCKS reply 5, connection refused',
    'again',
    'SOCKS_CONNECTION_REFUSED',
    () => behindProxy(socksReply(5), 'socks5h'),
  ],
  ['SOCKS reply 2, not allowed', 'never', 'SOCKS_NOT_ALLOWED', () => behindProxy(socksReply(2), 'socks5h')],
  [
    'a SOCKS proxy that asks for credentials we do not have',
    'never',
    'SOCKS_AUTH',
    () => behindProxy((s) => s.once('data', () => s.end(Buffer.from([5, 0xff]))), 'socks5h'),
  ],
  [
    'an HTTP proxy where SOCKS is configured',
    'never',
    'SOCKS_NO_SOCKS',
    () => behindProxy(answering('HTTP/1.1 400 Bad Request\r\n\r\n'), 'socks5h'),
  ],
  ['FIN by a SOCKS proxy on accept', 'again', 'ECONNRESET', () => behindProxy((s) => s.end(), 'socks5h')],
  [
    'an http target, and the proxy answers 407',
    'never',
    'PROXY_407',
    async () => forwarded('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'),
  ],
  [
    'an http target, and the proxy says that it could not reach it: it looks like an answer of the target',
    503,
    '',
    async () =>
      forwarded(
        'HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\nContent-Length: 0\r\n\r\n',
      ),
  ],
];

/** An http target behind a proxy that answers itself. */
async function forwarded(answer: string): Promise<Attempt> {
  const proxy = await rawServer((socket) => {
    void requestOn(socket, BODY.length).then(() => socket.end(answer));
  });
  return { url: 'http://target.test/', network: { environment: { HTTP_PROXY: `http://${proxy.host}` } } };
}

test.each(rows)('%s: %s (%s)', async (_what, expected, code, prepare) => {
  const { url, network, arrived, timeoutMs = 60_000 } = await prepare();
  const result = await wayOut(network)
    .send({ method: 'POST', url, headers: {}, body: BODY }, timeoutMs)
    .catch((error: unknown) => error);

  expect(verdictOf(result)).toEqual({ verdict: expected, code });
  if (expected === 'again' || expected === 'never') expect(arrived?.() ?? false).toBe(false);
});

function verdictOf(result: unknown): { verdict: unknown; code: string } {
  if (result instanceof NotSentError) {
    return { verdict: result.permanent ? 'never' : 'again', code: result.reason };
  }
  if (result instanceof AmbiguousError) return { verdict: 'ambiguous', code: result.reason };
  const { status, cut } = result as { status?: number; cut?: string };
  return status === undefined ? { verdict: result, code: '' } : { verdict: status, code: cut ?? '' };
}

test('a proxy that hangs up is asked once a call, not for ever', async () => {
  const proxy = await rawServer((socket) => socket.end());
  const environment = { HTTPS_PROXY: `http://${proxy.host}` };
  await wayOut({ environment })
    .send({ method: 'POST', url: 'https://target.test/', headers: {}, body: BODY }, 60_000)
    .catch(() => {});
  expect(proxy.connections).toBe(1);
});
