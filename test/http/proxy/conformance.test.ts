/** What Python's requests 2.34 does with a URL and an environment, and where we knowingly do something else. */
import { readFileSync } from 'node:fs';
import { isForwarded, isSocks, routeTo } from '../../../http/connection/route.js';
import { type ProxyServer, parseProxyUrl } from '../../../http/proxy/proxy-url.js';
import { selectProxy } from '../../../http/proxy/select-proxy.js';

interface Effective {
  scheme: string;
  host: string;
  port: number;
  mode: 'forward' | 'connect' | 'socks';
  proxyAuthorization?: string;
  remoteDns?: boolean;
  username?: string;
  password?: string;
}

interface Case {
  env: Record<string, string>;
  url: string;
  /** Null is directly. */
  expected: string | null;
  /** What we do instead, since Port documents it. */
  recommended?: string | null;
  category: string;
  note: string;
  effective?: Effective | { error: string };
}

const cases: Case[] = JSON.parse(readFileSync('test/cases/proxy.json', 'utf8'));
const titled = cases.map((one) => ({
  ...one,
  title: `${one.url} with ${JSON.stringify(one.env).slice(0, 120)}`,
}));

test.each(titled)('$category: $title', ({ env, url, expected, recommended }) => {
  expect(selectProxy(url, env) ?? null).toBe(recommended === undefined ? expected : recommended);
});

const readable = titled.filter(({ effective }) => effective && !('error' in effective));

test.each(readable)('the same proxy is called, in the same way: $title', ({ url, expected, effective }) => {
  const read = parseProxyUrl(expected as string);
  expect(read).toHaveProperty('proxy');
  const { proxy } = read as { proxy: ProxyServer };
  const { scheme, host, port, mode, ...rest } = effective as Effective;
  expect(proxy).toMatchObject({ host: host.replace(/^\[|\]$/g, ''), port });
  const route = routeTo(new URL(url), proxy);
  expect(isSocks(proxy) ? 'socks' : isForwarded(route) ? 'forward' : 'connect').toBe(mode);
  if (mode === 'socks') {
    expect(proxy.scheme).toBe(rest.remoteDns ? { socks5: 'socks5h', socks4: 'socks4a' }[scheme] : scheme);
    expect([proxy.username ?? '', proxy.password ?? '']).toEqual([rest.username, rest.password]);
  } else {
    expect(proxy.scheme).toBe(scheme);
    expect(proxy.authorization).toBe(rest.proxyAuthorization);
  }
});

test('of the values that requests fails for, those are accepted that can only mean one thing', () => {
  const failing = cases.filter(({ effective }) => effective && 'error' in effective);
  const outcome = failing.map(({ expected }) => {
    const read = parseProxyUrl(expected as string);
    return [expected, 'proxy' in read ? read.proxy.label : read.problem.replace(/:.*/, '')];
  });
  expect(Object.fromEntries(outcome)).toEqual({
    'http://proxy.example:99999': 'has a port that is none',
    'http://': 'names no host',
    'localhost:3128': 'http://localhost:3128',
    'ftp://proxy.example:3128': 'has an unknown scheme',
    'my-proxy:3128': 'http://my-proxy:3128',
    'socks://s.example:1080': 'does not say which version of SOCKS',
    'http://proxy.example:3128\n': 'http://proxy.example:3128',
    'http://user:p#ss@proxy.example:3128': 'has an @ after a /, ?, # or \\',
    'http://user:p/ss@proxy.example:3128': 'has an @ after a /, ?, # or \\',
    'http://usr:%E2%82%AC@proxy.example:3128': 'http://proxy.example:3128',
  });
});
