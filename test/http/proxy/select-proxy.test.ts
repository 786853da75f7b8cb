import { selectProxy } from '../../../http/proxy/select-proxy.js';
import { FUZZ_RUNS, fc } from '../../support/fuzz.js';

const PROXIES = { HTTP_PROXY: 'http://p.example:1', HTTPS_PROXY: 'http://p.example:1' };

function isDirect(url: string, noProxy: string): boolean {
  return selectProxy(url, { ...PROXIES, NO_PROXY: noProxy }) === undefined;
}

test.each([
  ['http://a.example', 'http://a.example/'],
  ['http://a.example', 'https://a.example/x'],
  ['HTTP://A.EXAMPLE/', 'http://a.example:8080/'],
  ['http://a.example', 'http://x.a.example/'],
  ['http://.a.example', 'http://x.a.example/'],
  ['http://user:pw@a.example', 'http://a.example/'],
  ['http://bücher.example', 'http://bücher.example/'],
  ['http://a.example:8080', 'http://a.example:8080/'],
  ['http://a.example:80', 'http://a.example/'],
  ['https://a.example:443/path', 'https://a.example/'],
  ['http://127.0.0.1:9000', 'http://127.0.0.1:9000/'],
  ['http://[::1]:9000', 'http://[::1]:9000/'],
  ['[::1]', 'https://[::1]/'],
  ['[FD00::1]', 'http://[fd00::1]/'],
  ['b.example,\n http://a.example', 'http://a.example/'],
])('the entry %j is an exception for %s', (entry, url) => {
  expect(isDirect(url, entry)).toBe(true);
});

test.each([
  ['http://a.example:8080', 'http://a.example/'],
  ['http://a.example:8080', 'http://a.example:8081/'],
  ['http://a.example', 'http://xa.example/'],
  ['http://127.0.0.1', 'http://127.0.0.2/'],
  ['[::1]:8080', 'http://[::1]/'],
  ['http://', 'http://a.example/'],
  ['http://a.example:port', 'http://a.example/'],
])('the entry %j is none for %s', (entry, url) => {
  expect(isDirect(url, entry)).toBe(false);
});

/** Beside the conformance data; each line was run with requests 2.34.2. */
test.each([
  ['http://[fd00::1]/', 'fd00:', true],
  ['http://[fe80::1%25eth0]/', 'fe80::1%25eth0', true],
  ['http://[fe80::1%25eth0]/', 'fe80::1%eth0', false],
  ['http://a%2fb.example/', 'A%2FB.example', true],
  ['http://%41.example/', 'a.example', true],
  ['http://4294967295/', '255.0.0.0/8', true],
  ['http://4294967296/', '0.0.0.0/1,128.0.0.0/1', false],
  ['http://10.1.2.256/', '10.0.0.0/8', false],
  ['http://256.1.2.3/', '0.0.0.0/1,128.0.0.0/1', false],
  ['http://08.1.2.3/', '8.0.0.0/8', false],
  ['http://1.2.3.4.5/', '1.0.0.0/8', false],
  ['http://10.1.2.3/', '10.0.0.0/8\n', true],
  ['http://10.1.2.3/', '10.0.0.0\tx/8', true],
  ['http://10.1.2.3/', '10.0.0.0\t/8', true],
  ['http://10.1.2.3/', '10.0.0.0/+8', true],
  ['http://10.1.2.3/', '10.0.0.0/8_', false],
  ['http://10.1.2.3/', '10.0.0.0/8.0', false],
  ['http://10.1.2.3/', '10.0.0.0/8/8', false],
])('%s with the exceptions %j is direct: %s', (url, noProxy, direct) => {
  expect(isDirect(url, noProxy)).toBe(direct);
});

test.each([
  'http:a.example',
  'http:/a.example/',
  'http:\\\\a.example\\',
  'http://a\t.example/',
  ' \u0001http://a.example/',
])('%j does not slip past the proxy: Node would call it', (url) => {
  expect(new URL(url).href).toBe('http://a.example/');
  expect(selectProxy(url, PROXIES)).toBe(PROXIES.HTTP_PROXY);
  expect(isDirect(url, 'a.example')).toBe(true);
});

test.each(['mailto:someone@a.example', 'a.example', '', 'http://', '/path'])(
  '%j has no host, and no proxy',
  (url) => {
    expect(selectProxy(url, { ...PROXIES, ALL_PROXY: 'http://p.example:1' })).toBeUndefined();
  },
);

test('a variable of an object given directly that is undefined is as good as unset', () => {
  const environment = { http_proxy: undefined, HTTP_PROXY: 'http://p.example:1', REQUEST_METHOD: undefined };
  expect(selectProxy('http://a.example/', environment)).toBe('http://p.example:1');
});

test('any URL and any list of exceptions end in a proxy or none, never in an exception', () => {
  const host = fc.oneof(fc.string({ unit: 'binary' }), fc.domain(), fc.ipV4Extended(), fc.ipV6());
  const entry = fc.oneof(host, fc.stringMatching(/^[a-z0-9:/[\]@%.*_+ -]*$/));
  const url = fc.oneof(
    host,
    host.map((text) => `http://${text}/`),
    fc.webUrl(),
  );
  const name = fc.constantFrom('NO_PROXY', 'no_proxy', 'No_Proxy');
  fc.assert(
    fc.property(url, name, fc.array(entry), (target, variable, entries) => {
      const proxy = selectProxy(target, { ALL_PROXY: 'http://p.example:1', [variable]: entries.join(',') });
      expect([undefined, 'http://p.example:1']).toContain(proxy);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
