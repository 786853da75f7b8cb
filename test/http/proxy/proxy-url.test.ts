import { type ProxyServer, parseProxyUrl } from '../../../http/proxy/proxy-url.js';
import { FUZZ_RUNS, fc } from '../../support/fuzz.js';

function proxyOf(raw: string): ProxyServer {
  const read = parseProxyUrl(raw);
  if ('problem' in read) throw new Error(read.problem);
  return read.proxy;
}

function problemOf(raw: string): string {
  const read = parseProxyUrl(raw);
  return 'problem' in read ? read.problem : `none, but ${read.proxy.label}`;
}

test.each([
  ['http://Proxy.Example', 'http://proxy.example:80'],
  ['https://proxy.example', 'https://proxy.example:443'],
  ['socks4a://s.example', 'socks4a://s.example:1080'],
  ['SOCKS5H://s.example:9', 'socks5h://s.example:9'],
  ['proxy.example', 'http://proxy.example:80'],
  ['//proxy.example:3128', 'http://proxy.example:3128'],
  ['user:pass@proxy.example:3128', 'http://proxy.example:3128'],
  ['  http://proxy.example:3128\r\n', 'http://proxy.example:3128'],
  ['http://proxy.example:03128/path?query#fragment', 'http://proxy.example:3128'],
  ['http://proxy.example:', 'http://proxy.example:80'],
  ['http://[FD00::1]:3128', 'http://[fd00::1]:3128'],
  ['http://[fe80::1%25eth0]', 'http://[fe80::1%eth0]:80'],
  ['http://bücher.example:1', 'http://xn--bcher-kva.example:1'],
  ['http://127.1:3128', 'http://127.1:3128'],
])('%j is %s', (raw, label) => {
  expect(proxyOf(raw).label).toBe(label);
});

test('an IPv6 address has no brackets in the host, and has them in the label', () => {
  expect(proxyOf('http://[::1]:3128')).toEqual({
    scheme: 'http',
    host: '::1',
    port: 3128,
    label: 'http://[::1]:3128',
  });
});

test.each([
  ['user:pass', 'user', 'pass', 'user:pass'],
  ['user:', 'user', '', 'user:'],
  ['user:p:q', 'user', 'p:q', 'user:p:q'],
  ['user:p@ss', 'user', 'p@ss', 'user:p@ss'],
  ['us%3Aer:p%40ss', 'us:er', 'p@ss', 'us:er:p@ss'],
  ['user:p+s', 'user', 'p+s', 'user:p+s'],
  ['user:p%zz%40', 'user', 'p%zz%40', 'user:p%zz%40'],
  ['user:p%C3%A9', 'user', 'pé', Buffer.from('user:pé', 'latin1')],
  ['user:pé', 'user', 'pé', Buffer.from('user:pé', 'latin1')],
  ['user:p%E9', 'user', 'pé', Buffer.from('user:pé', 'latin1')],
  ['user:%E2%82%AC', 'user', '€', 'user:€'],
])('the credentials %j are decoded and sent', (userinfo, username, password, sent) => {
  expect(proxyOf(`http://${userinfo}@proxy.example`)).toMatchObject({
    username,
    password,
    authorization: `Basic ${Buffer.from(sent as string).toString('base64')}`,
  });
});

test.each(['user', ':pass', ':', ''])('the credentials %j are none to requests, nor to us', (userinfo) => {
  expect(proxyOf(`http://${userinfo}@proxy.example`)).toEqual(proxyOf('http://proxy.example'));
});

test('SOCKS has credentials and no header', () => {
  const proxy = proxyOf('socks5h://user:p%40ss@s.example');
  expect(proxy).toMatchObject({ username: 'user', password: 'p@ss' });
  expect(proxy).not.toHaveProperty('authorization');
});

test.each([
  ['', /names no host/],
  ['  ', /names no host/],
  ['http://', /names no host/],
  ['http://user:pass@', /names no host/],
  ['http://:3128', /names no host/],
  ['http://proxy.example:65536', /a port that is none/],
  ['http://proxy.example:100000', /a port that is none/],
  ['http://proxy.example:0', /a port that is none/],
  ['http://proxy.example:port', /no valid host and port/],
  ['http://[::1', /no valid host and port/],
  ['http://[1.2.3.4]', /no valid host and port/],
  ['http://pro xy.example', /no valid host and port/],
  ['ftp://proxy.example', /unknown scheme.*http, https, socks4/],
  ['wss://proxy.example', /unknown scheme/],
  ['socks://proxy.example', /version of SOCKS.*socks5h/],
  ['http:proxy.example:3128', /lacks the :\/\//],
  ['http:/proxy.example:3128', /lacks the :\/\//],
  ['http//proxy.example:3128', /lacks the :\/\//],
  ['http://user:p/ss@proxy.example', /percent-encode.*%2F/],
  ['http://user:p#ss@proxy.example', /percent-encode.*%23/],
  ['http://user:p?ss@proxy.example', /percent-encode.*%3F/],
  ['http://user:12/34@proxy.example', /percent-encode/],
  ['http://xn--.example\u0378', /no valid name/],
])('%j cannot be used, and the reason says what to do', (raw, problem) => {
  expect(problemOf(raw)).toMatch(problem);
});

test('any text is read or refused, never thrown at', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.webUrl(),
    fc.stringMatching(/^[a-z:/@%[\]#?0-9. ]*$/),
  );
  fc.assert(
    fc.property(text, (raw) => {
      const read = parseProxyUrl(raw);
      if ('proxy' in read) {
        expect(read.proxy.port).toBeGreaterThan(0);
        expect(read.proxy.host).not.toBe('');
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
});

test('no part of a password gets into a problem or a label, however it is written', () => {
  const scheme = fc.constantFrom(
    'http://',
    'https://',
    'socks5h://',
    'socks://',
    'ftp://',
    '',
    '//',
    'http:/',
  );
  const piece = fc.constantFrom('s3cr3t', '/', '#', '?', '\\', '@', ':', '%', '%40', ' ', '[', ']', '€', '7');
  const password = fc
    .array(piece, { minLength: 1, maxLength: 5 })
    .map((pieces) => `s3cr3t${pieces.join('')}s3cr3t`);
  const host = fc.constantFrom('proxy.example', 'proxy.example:3128', '', 'a b', '[::1]:99999');
  fc.assert(
    fc.property(scheme, password, host, (before, secret, after) => {
      const read = parseProxyUrl(`${before}user:${secret}@${after}`);
      expect('problem' in read ? read.problem : read.proxy.label).not.toContain('s3cr3t');
    }),
    { numRuns: FUZZ_RUNS },
  );
});
