/**
 * What our way out costs against bare undici: a connection for each request, on one machine, everything in turn.
 *
 * The ratio of two figures from one run is what counts; the figures themselves are this machine's.
 */
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import { createTestCa } from '../../local/parts/test-ca.js';
import { closeAll, closing, wayOut } from '../http/raw-server.js';
import { startRecordingProxy } from '../http/recording-proxy.js';

const ROUNDS = 15;
const CALLS_A_ROUND = 60;
const BODY = JSON.stringify({ run: 'r_1', filler: 'x'.repeat(500) });

const ca = createTestCa('Bench CA');
const { certPem: cert, keyPem: key } = ca.issue({ commonName: 'target', ipAddresses: ['127.0.0.1'] });

afterAll(closeAll);

async function target(secure: boolean): Promise<string> {
  const server = secure ? createSecureServer({ cert, key }) : createServer();
  server.on('request', (incoming, outgoing) => {
    incoming.resume().once('end', () => outgoing.end('{"ok":true}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function bare(dispatcher: Dispatcher, url: string): () => Promise<unknown> {
  closing({ close: () => dispatcher.destroy() });
  const headers = { 'content-type': 'application/json' };
  return async () => {
    const { body } = await request(url, { dispatcher, method: 'POST', headers, body: BODY });
    return body.text();
  };
}

function ours(url: string, environment: Record<string, string> = {}): () => Promise<unknown> {
  const out = wayOut({ environment, trusted: [ca.caPem] });
  return () => out.send({ method: 'POST', url, headers: {}, body: BODY }, 30_000);
}

/** Milliseconds a call, one call after the other. */
async function time(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < CALLS_A_ROUND; n++) await call();
  return (performance.now() - start) / CALLS_A_ROUND;
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

const lines: string[] = [];
afterAll(() => process.stdout.write(`\n${lines.join('\n')}\n`));

const contexts: [string, boolean, boolean][] = [
  ['http, direct', false, false],
  ['https, direct', true, false],
  // There undici keeps its connection to the proxy, whatever it is told.
  ['http, through an HTTP proxy', false, true],
  ['https, through an HTTP proxy', true, true],
];

test.each(contexts)('%s', async (name, secure, proxied) => {
  const url = await target(secure);
  const proxy = proxied ? (await startRecordingProxy()).url : undefined;
  const secureContext = { ca: ca.caPem };
  const theirs = proxy
    ? new ProxyAgent({ uri: proxy, proxyTunnel: secure, requestTls: secureContext, pipelining: 0 })
    : new Agent({ connect: secureContext, pipelining: 0 });
  const [a, b] = [bare(theirs, url), ours(url, proxy ? { ALL_PROXY: proxy } : {})];
  await time(a);
  await time(b);
  const rounds: [number, number][] = [];
  for (let n = 0; n < ROUNDS; n++) rounds.push([await time(a), await time(b)]);

  const ratio = median(rounds.map(([bareMs, oursMs]) => oursMs / bareMs));
  const [bareMs, oursMs] = [median(rounds.map(([ms]) => ms)), median(rounds.map(([, ms]) => ms))];
  lines.push(
    `${name.padEnd(30)} undici ${bareMs.toFixed(2)} ms   ours ${oursMs.toFixed(2)} ms   ratio ${ratio.toFixed(2)}`,
  );
  expect(ratio).toBeGreaterThan(0);
});
