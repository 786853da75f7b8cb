/** Temporal behind TLS with a private CA, and behind a proxy, as the agent connects to it. */
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { pino } from 'pino';
import { loadConfig } from '../../config/config.js';
import { type RunningTemporal, startTemporal } from '../../local/parts/temporal.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { connectToTemporal } from '../../temporal/connection.js';
import { REQUIRED } from '../config/required.js';
import { closeAll, closing } from '../http/raw-server.js';
import { startRecordingProxy } from '../http/recording-proxy.js';
import { testNetwork } from '../support/network.js';
import { quietWorkers } from '../support/temporal.js';

const ca = createTestCa('Corp Root CA');
const stop = new AbortController();
let server: RunningTemporal;

beforeAll(async () => {
  quietWorkers();
  server = await startTemporal();
});
afterEach(closeAll);
afterAll(async () => {
  stop.abort();
  await server.stop();
});

/** Asks for the namespace over a connection that is made with these variables. */
async function ask(environment: Record<string, string>, trusted: string[] = []): Promise<string | undefined> {
  const config = loadConfig({ ...REQUIRED, ...environment });
  const log = pino({ level: 'silent' });
  const { connection, namespace } = await connectToTemporal(
    config,
    testNetwork({ trusted }),
    log,
    stop.signal,
  );
  try {
    const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
    return namespaceInfo?.name ?? undefined;
  } finally {
    await connection.close();
  }
}

/** TLS in front of the server, as a company's gateway has it; resolves with its port. */
async function gateway(): Promise<number> {
  const { certPem, keyPem } = ca.issue({ commonName: 'gateway', dnsNames: ['localhost'] });
  const [, port] = server.address.split(':');
  const tls = createServer({ cert: certPem, key: keyPem, ALPNProtocols: ['h2'] }, (socket) => {
    const upstream = connect(Number(port), '127.0.0.1');
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  closing(tls);
  return (tls.address() as AddressInfo).port;
}

test('the extra certificate authorities of the agent are trusted for Temporal as well', async () => {
  const environment = { TEMPORAL_ADDRESS: `localhost:${await gateway()}`, TEMPORAL_TLS: 'true' };
  expect(await ask(environment, [ca.caPem])).toBe('default');
});

test('through TEMPORAL_HTTP_PROXY, with its credentials, and through no other proxy', async () => {
  const proxy = await startRecordingProxy();
  const environment = {
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_HTTP_PROXY: proxy.url.replace('http://', 'http://alice:secret@'),
    HTTPS_PROXY: 'http://127.0.0.1:9',
    HTTP_PROXY: 'http://127.0.0.1:9',
  };
  expect(await ask(environment)).toBe('default');
  expect(proxy.asked[0]).toMatchObject({ method: 'CONNECT', target: server.address });
  const credentials = String(proxy.asked[0]?.headers['proxy-authorization']).replace('Basic ', '');
  expect(Buffer.from(credentials, 'base64').toString()).toBe('alice:secret');
});

test.each([
  [
    'https://proxy.corp:3129',
    'is of the kind https://; Temporal can be reached through http:// proxies only',
  ],
  ['http://al%40ice:secret@proxy.corp:3128', 'has a : or @ in user or password'],
])('TEMPORAL_HTTP_PROXY=%s is a mistake that is named at start', (value, problem) => {
  expect(() => loadConfig({ ...REQUIRED, TEMPORAL_HTTP_PROXY: value })).toThrow(
    `TEMPORAL_HTTP_PROXY ${problem}`,
  );
});
