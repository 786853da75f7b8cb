/**
 * A thousand connections that are cut at random points, and a caller that repeats whatever was provably not
 * sent, as the workflow does: the target's journal counts what arrived.
 *
 * CUT_SEED repeats a run.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { AmbiguousError, NotSentError } from '../../http/errors.js';
import type { Outbound } from '../../http/outbound.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { closeAll, closing, rawServer, wayOut } from './raw-server.js';
import { startRecordingProxy } from './recording-proxy.js';

const CALLS = 250;
const AT_ONCE = 25;
const ATTEMPTS = 20;

const seed = Number(process.env['CUT_SEED'] ?? Date.now() % 2 ** 31);
const ca = createTestCa('Test Root CA');
const { certPem: cert, keyPem: key } = ca.issue({
  commonName: 'target',
  dnsNames: ['target.test'],
  ipAddresses: ['127.0.0.1'],
});

afterEach(closeAll);

/** A repeatable stream of numbers from 0 to 1 (mulberry32). */
function random(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Counts how often each request arrived in full. */
async function journalingTarget(secure: boolean): Promise<{ port: number; arrivals: Map<string, number> }> {
  const arrivals = new Map<string, number>();
  const server = secure ? createHttpsServer({ cert, key }) : createHttpServer();
  server.on('request', (request, response) => {
    request.resume().once('end', () => {
      const id = String(request.headers['idempotency-key']);
      arrivals.set(id, (arrivals.get(id) ?? 0) + 1);
      response.end('{"ok":true}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { port: (server.address() as AddressInfo).port, arrivals };
}

/** Carries bytes to `port`, and cuts most connections: at once, or after some bytes in one direction. */
async function cuttingRelay(port: number, next: () => number): Promise<number> {
  const cut = (socket: Socket, hard: boolean): unknown =>
    hard ? socket.resetAndDestroy() : socket.destroy();
  const relay = await rawServer((client) => {
    const [kind, place, hard] = [next(), Math.floor(next() ** 3 * 3000), next() < 0.5];
    if (kind < 0.1) return cut(client, hard);
    const upstream = connect(port, '127.0.0.1');
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    const carry = (from: Socket, to: Socket, until: number): void => {
      let carried = 0;
      from.on('data', (chunk: Buffer) => {
        const allowed = chunk.subarray(0, Math.max(until - carried, 0));
        carried += chunk.length;
        to.write(allowed, () => {
          if (allowed.length === chunk.length) return;
          cut(client, hard);
          upstream.destroy();
        });
      });
    };
    carry(client, upstream, kind < 0.5 ? place : Number.POSITIVE_INFINITY);
    carry(upstream, client, kind >= 0.5 && kind < 0.9 ? place : Number.POSITIVE_INFINITY);
  });
  return relay.port;
}

/** Calls until there is an answer or nothing is certain any more. */
async function callAsTheAgentDoes(
  out: Outbound,
  url: string,
  id: string,
): Promise<'answered' | 'ambiguous' | 'not sent'> {
  const request = {
    method: 'POST',
    url,
    headers: { 'Idempotency-Key': id },
    body: JSON.stringify({ id, filler: 'x'.repeat(400) }),
  };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await out.send(request, 60_000);
      return 'answered';
    } catch (error) {
      if (error instanceof AmbiguousError) return 'ambiguous';
      if (!(error instanceof NotSentError)) throw error;
    }
  }
  return 'not sent';
}

test.each([
  ['http', 'directly'],
  ['https', 'directly'],
  ['http', 'through a proxy'],
  ['https', 'through a proxy'],
])(
  `%s %s, ${CALLS} calls (seed ${seed}): nothing arrives twice, and what was answered arrived`,
  async (scheme, way) => {
    const { port, arrivals } = await journalingTarget(scheme === 'https');
    const next = random(seed);
    let url = `${scheme}://127.0.0.1:`;
    let environment: Record<string, string> = {};
    if (way === 'directly') url += await cuttingRelay(port, next);
    else {
      const proxy = await startRecordingProxy();
      const relay = await cuttingRelay(Number(new URL(proxy.url).port), next);
      environment = { ALL_PROXY: `http://127.0.0.1:${relay}` };
      url += port;
    }
    const out = wayOut({ environment, trusted: [ca.caPem] });

    const outcomes = new Map<string, string>();
    const ids = Array.from({ length: CALLS }, (_, n) => `call-${n}`);
    const workers = Array.from({ length: AT_ONCE }, async () => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        outcomes.set(id, await callAsTheAgentDoes(out, url, id));
      }
    });
    await Promise.all(workers);

    expect([...arrivals].filter(([, times]) => times > 1)).toEqual([]);
    const missing = [...outcomes].filter(([id, outcome]) => outcome === 'answered' && !arrivals.has(id));
    expect(missing).toEqual([]);
    const phantoms = [...outcomes].filter(([id, outcome]) => outcome === 'not sent' && arrivals.has(id));
    expect(phantoms).toEqual([]);
    // The cuts did hit on both sides of the line.
    const seen = [...outcomes.values()];
    expect(seen.filter((outcome) => outcome === 'answered').length).toBeGreaterThan(CALLS / 20);
    expect(seen.filter((outcome) => outcome === 'ambiguous').length).toBeGreaterThan(CALLS / 20);
  },
);
