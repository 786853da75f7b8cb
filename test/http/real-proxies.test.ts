/** Our way out through the proxies that companies run: Squid, Tinyproxy, microsocks, Dante. */
import { createTestCa } from '../../local/parts/test-ca.js';
import { type PrivateService, startPrivateService } from '../../local/simulators/private-service.js';
import type { NetworkOptions } from '../support/network.js';
import { DANTE, startDante } from '../support/proxies/dante.js';
import { MICROSOCKS, startMicrosocks } from '../support/proxies/microsocks.js';
import { SQUID, startSquid } from '../support/proxies/squid.js';
import { startTinyproxy, TINYPROXY } from '../support/proxies/tinyproxy.js';
import { describeWith } from '../support/system-part.js';
import { wayOut } from './raw-server.js';

const ca = createTestCa('Corp Root CA');
const proxyCa = createTestCa('Proxy Root CA');
const certificate = ca.issue({
  commonName: 'target',
  dnsNames: ['origin.test', 'localhost'],
  ipAddresses: ['127.0.0.1'],
});
const trusted = [ca.caPem, proxyCa.caPem];
const USERS = { 'al@ice': 'p@ss:w/rd' };
const CREDENTIALS = 'al%40ice:p%40ss%3Aw%2Frd';

let plain: PrivateService;
let secure: PrivateService;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  plain = await startPrivateService();
  secure = await startPrivateService({ tls: { cert: certificate.certPem, key: certificate.keyPem } });
});
afterAll(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await Promise.all([plain.close(), secure.close()]);
});

async function running<P extends { stop(): Promise<void> }>(started: Promise<P>): Promise<P> {
  const proxy = await started;
  stops.push(() => proxy.stop());
  return proxy;
}

/** Sends one POST; resolves with its status, or with the message of what went wrong. */
async function call(url: string, proxy: string, more: NetworkOptions = {}): Promise<number | string> {
  const out = wayOut({ environment: { ALL_PROXY: proxy }, trusted, ...more });
  try {
    const { status } = await out.send({ method: 'POST', url, headers: {}, body: '{}' }, 60_000);
    return status;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await out.close();
  }
}

const withCredentials = (url: string, credentials: string): string =>
  url.replace('://', `://${credentials}@`);

describeWith(SQUID, 'Squid', () => {
  let squid: Awaited<ReturnType<typeof startSquid>>;
  beforeAll(async () => {
    const own = proxyCa.issue({ commonName: 'proxy', ipAddresses: ['127.0.0.1'] });
    squid = await running(
      startSquid({
        users: USERS,
        tls: { cert: own.certPem, key: own.keyPem },
        hosts: { 'origin.test': '127.0.0.1' },
        denyHosts: ['denied.test'],
      }),
    );
  });
  const proxies = (): [string, string][] => [
    ['http', withCredentials(squid.url, CREDENTIALS)],
    ['https', withCredentials(squid.tlsUrl ?? '', CREDENTIALS)],
  ];

  test.each([0, 1])(
    'carries http and https, with a password that has every awkward sign (%i)',
    async (index) => {
      const proxy = proxies()[index]?.[1] ?? '';
      expect(await call(`http://origin.test:${plain.port}/ok`, proxy)).toBe(200);
      expect(await call(`https://origin.test:${secure.port}/ok`, proxy)).toBe(200);
    },
  );

  test('is asked by address for http and with CONNECT for https', async () => {
    const proxy = proxies()[0]?.[1] ?? '';
    await call(`http://origin.test:${plain.port}/echo`, proxy);
    await call(`https://origin.test:${secure.port}/echo`, proxy);
    const log = (): string => squid.log().join('\n');
    expect(log()).toContain(`POST http://origin.test:${plain.port}/echo`);
    for (const deadline = Date.now() + 30_000; !log().includes(`CONNECT origin.test:${secure.port}`); ) {
      if (Date.now() > deadline) throw new Error('no CONNECT in the log');
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  });

  test.each([
    ['http', () => plain.port],
    ['https', () => secure.port],
  ])('refuses a wrong password for an %s target: said so, without it', async (scheme, port) => {
    const said = await call(
      `${scheme}://origin.test:${port()}/ok`,
      withCredentials(squid.url, 'al%40ice:wrong-one'),
    );
    expect(said).toMatch(
      /the proxy does not accept user and password, or wants some \(PROXY_407\)\. Check user and password/,
    );
    expect(said).not.toContain('wrong-one');
  });

  test('does not let everybody through', async () => {
    expect(await call('https://denied.test/', proxies()[0]?.[1] ?? '')).toContain(
      `asking for a connection to denied.test:443 through the proxy ${new URL(squid.url).host} failed: the proxy does not allow this host or port (PROXY_403)`,
    );
  });

  test('that cannot reach the target is no answer of the target for https', async () => {
    expect(await call('https://origin.test:9/', proxies()[0]?.[1] ?? '')).toMatch(
      /was not sent: .*the proxy could not reach the target \(PROXY_50\d\)/,
    );
  });

  test('that looks into TLS is trusted with its CA, and named without', async () => {
    const inspecting = createTestCa('Inspecting CA');
    const shown = inspecting.issue({ commonName: 'origin.test', dnsNames: ['origin.test'] });
    const bump = await running(
      startSquid({ hosts: { 'origin.test': '127.0.0.1' }, bump: { cert: shown.certPem, key: shown.keyPem } }),
    );
    const url = `https://origin.test:${secure.port}/ok`;
    expect(await call(url, bump.url)).toContain(
      'the certificate is signed by "Inspecting CA", which is not trusted',
    );
    expect(await call(url, bump.url, { trusted: [inspecting.caPem] })).toBe(200);
  });
});

describeWith(TINYPROXY, 'Tinyproxy', () => {
  test('carries both, and asks with 401 for credentials', async () => {
    const proxy = await running(
      startTinyproxy({ user: 'alice', password: 's3cret', connectPorts: [secure.port] }),
    );
    const good = withCredentials(proxy.url, 'alice:s3cret');
    expect(await call(`http://localhost:${plain.port}/ok`, good)).toBe(200);
    expect(await call(`https://localhost:${secure.port}/ok`, good)).toBe(200);
    const bad = withCredentials(proxy.url, 'alice:other');
    expect(await call(`https://localhost:${secure.port}/ok`, bad)).toContain('(PROXY_401)');
  });
});

describeWith(MICROSOCKS, 'microsocks', () => {
  test.each(['socks5', 'socks5h'])('%s carries both, with credentials', async (scheme) => {
    const proxy = await running(startMicrosocks({ user: 'alice', password: 'p@ss' }));
    const address = withCredentials(proxy.url.replace(/^\w+:/, `${scheme}:`), 'alice:p%40ss');
    expect(await call(`http://localhost:${plain.port}/ok`, address)).toBe(200);
    expect(await call(`https://localhost:${secure.port}/ok`, address)).toBe(200);
    expect(await call(`https://127.0.0.1:${secure.port}/ok`, address)).toBe(200);
    const bad = await call(`http://localhost:${plain.port}/ok`, address.replace('p%40ss', 'wrong-one'));
    expect(bad).toMatch(/does not accept user and password, or wants some \(SOCKS_AUTH\)/);
    expect(bad).not.toContain('wrong-one');
    expect(await call('http://localhost:9/', address)).toContain('(SOCKS_CONNECTION_REFUSED)');
  });
});

describeWith(DANTE, 'Dante', () => {
  // Dante takes no names by SOCKS 4a.
  test.each(['socks4', 'socks5', 'socks5h'])('%s carries both', async (scheme) => {
    const proxy = await running(startDante());
    const address = proxy.url.replace(/^\w+:/, `${scheme}:`);
    expect(await call(`http://localhost:${plain.port}/ok`, address)).toBe(200);
    expect(await call(`https://localhost:${secure.port}/ok`, address)).toBe(200);
  });
});
