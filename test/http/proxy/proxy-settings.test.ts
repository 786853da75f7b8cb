import { readProxySettings } from '../../../http/proxy/proxy-settings.js';

test('the environment is read once', () => {
  const environment: Record<string, string> = { HTTP_PROXY: 'http://p.example:1' };
  const { proxyFor } = readProxySettings(environment);
  environment['HTTP_PROXY'] = 'http://q.example:1';
  environment['NO_PROXY'] = '*';
  expect(proxyFor('http://a.example/')?.label).toBe('http://p.example:1');
});

test.each([
  [{}, 'none'],
  [{ FTP_PROXY: 'http://p.example', NO_PROXY: 'a' }, 'none'],
  [
    { HTTP_PROXY: 'http://user:s3cr3t@p.example:3128' },
    'http: http://p.example:3128 with credentials (HTTP_PROXY); https: directly (neither HTTPS_PROXY nor ALL_PROXY applies)',
  ],
  [
    { https_proxy: 'p.example', NO_PROXY: 'a,b' },
    'http: directly (neither HTTP_PROXY nor ALL_PROXY applies); https: http://p.example:80 (https_proxy); 2 exceptions in NO_PROXY',
  ],
  [
    { ALL_PROXY: 'socks5h://p.example', no_proxy: '*' },
    'http: socks5h://p.example:1080 (ALL_PROXY); https: socks5h://p.example:1080 (ALL_PROXY); 1 exception in no_proxy',
  ],
  [
    { HTTP_PROXY: 'http://', HTTPS_PROXY: 'http://p.example' },
    'http: unusable (HTTP_PROXY); https: http://p.example:80 (HTTPS_PROXY)',
  ],
])('%j is summed up in a line', (environment, summary) => {
  expect(readProxySettings(environment).summary).toBe(summary);
});

test.each([
  [{ HTTP_PROXY: 'ftp://p' }, ['HTTP_PROXY has an unknown scheme']],
  [{ Https_Proxy: 'http://p:99999' }, ['Https_Proxy has a port that is none']],
  [{ ALL_PROXY: 'socks://p' }, ['ALL_PROXY does not say which version of SOCKS']],
  [{ ALL_PROXY: 'socks://p', HTTP_PROXY: 'p' }, ['ALL_PROXY does not say which version of SOCKS']],
  [
    { HTTP_PROXY: 'ftp://p', HTTPS_PROXY: 'http://' },
    ['HTTP_PROXY has an unknown scheme', 'HTTPS_PROXY names no host'],
  ],
  [{ HTTP_PROXY: '"http://p.example:3128"' }, ['HTTP_PROXY begins with a quotation mark']],
  [{ HTTP_PROXY: "'http://u:p@p.example'" }, ['HTTP_PROXY begins with a quotation mark']],
  [{ 'http://a.example_proxy': 'ftp://p' }, ['http://a.example_proxy has an unknown scheme']],
])('%j is refused at the start', (environment, problems) => {
  expect(readProxySettings(environment).problems.map((problem) => problem.replace(/:( .*)?$/, ''))).toEqual(
    problems,
  );
});

test.each([
  [{ FTP_PROXY: 'junk://', SOCKS_PROXY: '://', npm_config_proxy: 'x y' }],
  [{ HTTP_PROXY: 'ftp://p', http_proxy: 'http://p' }],
  [{ HTTP_PROXY: 'ftp://p', http_proxy: '' }],
  [{ ALL_PROXY: 'socks://p', HTTP_PROXY: 'p', HTTPS_PROXY: 'p' }],
  [{ HTTP_PROXY: 'ftp://p', REQUEST_METHOD: '' }],
])('%j has no problem that is any of our business', (environment) => {
  expect(readProxySettings(environment).problems).toEqual([]);
});

test('a target whose proxy is unusable is not called directly', () => {
  const { proxyFor } = readProxySettings({ HTTP_PROXY: 'http://user:s3cr3t#@p', NO_PROXY: 'b.example' });
  expect(() => proxyFor('http://a.example/')).toThrow(/^HTTP_PROXY has an @ after/);
  expect(proxyFor('http://b.example/')).toBeUndefined();
  expect(proxyFor('https://a.example/')).toBeUndefined();
});

test('HTTP_PROXY is left out in what looks like a CGI script, with a warning', () => {
  const { proxyFor, warnings } = readProxySettings({ HTTP_PROXY: 'http://p.example', REQUEST_METHOD: 'GET' });
  expect(proxyFor('http://a.example/')).toBeUndefined();
  expect(warnings).toEqual([
    expect.stringMatching(/^HTTP_PROXY is not used, .*unset REQUEST_METHOD, or write http_proxy$/),
  ]);
});

test.each([{ http_proxy: 'http://q.example' }, { http_proxy: '' }])(
  'without a warning when %j decides anyway',
  (environment) => {
    const { warnings } = readProxySettings({ HTTP_PROXY: 'http://p', REQUEST_METHOD: 'GET', ...environment });
    expect(warnings).toEqual([]);
  },
);
