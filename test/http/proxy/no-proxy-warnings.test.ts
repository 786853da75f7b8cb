/** A warning is right when the target meant goes through the proxy, and when its remedy takes it out. */
import { readProxySettings } from '../../../http/proxy/proxy-settings.js';

function settings(noProxy: string) {
  return readProxySettings({ ALL_PROXY: 'http://p.example:1', NO_PROXY: noProxy });
}

test.each([
  ['*.corp', 'http://a.corp/', 'write .corp', '.corp'],
  ['a.*', 'http://a.corp/', 'write a name', 'corp'],
  ['*,a.corp', 'http://b.corp/', 'write * as the whole value', '*'],
  [' * ', 'http://b.corp/', 'write * as the whole value', '*'],
  ['10.0.0.1:8080', 'http://10.0.0.1:8080/', 'write 10.0.0.1', '10.0.0.1'],
  ['0.0.0.0/0', 'http://8.8.8.8/', 'the mask is one of /1 to /32', '*'],
  ['10.0.0.0/33', 'http://10.0.0.1/', 'the mask is one of /1 to /32', '10.0.0.0/8'],
  ['10.0.0.0/', 'http://10.0.0.1/', 'the mask is one of /1 to /32', '10.0.0.0/8'],
  ['10/8', 'http://10.1.2.3/', 'write all four numbers', '10.0.0.0/8'],
  ['http://10.0.0.0/8', 'http://10.1.2.3/', 'write it without the scheme', '10.0.0.0/8'],
  ['10.1.2', 'http://10.1.2.3/', 'write a network like 10.1.2.0/24', '10.1.2.0/24'],
  ['10.', 'http://10.1.2.3/', 'write a network', '10.0.0.0/8'],
  ['10.0.0.1-10.0.0.9', 'http://10.0.0.5/', 'write a network', '10.0.0.0/28'],
  ['fd00::/8', 'http://[fd00::1]/', 'networks of IPv6', 'fd00::1'],
  ['[fd00::]/8', 'http://[fd00::1]/', 'networks of IPv6', '[fd00::1]'],
  ['[fd00::zz]', 'http://[fd00::1]/', 'an IPv6 address in the brackets', '[fd00::1]'],
  ['b.corp a.corp', 'http://a.corp/', 'separate entries with commas', 'b.corp,a.corp'],
  ['b.corp\ta.corp', 'http://a.corp/', 'separate entries with commas', 'b.corp,a.corp'],
  ['b.corp\na.corp', 'http://a.corp/', 'separate entries with commas', 'b.corp,a.corp'],
  ['b.corp;a.corp', 'http://a.corp/', 'separate entries with commas', 'b.corp,a.corp'],
  ['b.corp|a.corp', 'http://a.corp/', 'separate entries with commas', 'b.corp,a.corp'],
  ['b.corp,\n10.0.0.0/8', 'http://10.1.2.3/', 'remove the tab or line break', 'b.corp,10.0.0.0/8'],
  ['b.corp,\ta.corp:8080', 'http://a.corp:8080/', 'remove the tab or line break', 'b.corp,a.corp:8080'],
  ['a.corp/path', 'http://a.corp/path', 'write a.corp, without a path', 'a.corp'],
  ['//a.corp', 'http://a.corp/', 'write a.corp, without a path', 'a.corp'],
  ['http://', 'http://a.corp/', 'write a host', 'http://a.corp'],
  ['user@a.corp', 'http://a.corp/', 'write the host alone', 'a.corp'],
  ['"a.corp"', 'http://a.corp/', 'remove the quotation marks', 'a.corp'],
  ['bücher.corp', 'http://bücher.corp/', 'write xn--bcher-kva.corp', 'xn--bcher-kva.corp'],
  ['a.corp.', 'http://a.corp/', 'write it without the dot', 'a.corp'],
  [':8080', 'http://a.corp:8080/', 'write the host before the port', 'a.corp:8080'],
  ['a.corp:08080', 'http://a.corp:8080/', 'write a port from 1 to 65535', 'a.corp:8080'],
  ['A.corp:8080', 'http://a.corp:8080/', 'write a.corp:8080', 'a.corp:8080'],
  ['a.corp:443', 'https://a.corp/', 'write a.corp for the others', 'a.corp'],
])('%j does not cover %s, and is warned about: %s', (value, url, words, remedy) => {
  const { proxyFor, warnings } = settings(value);
  expect(proxyFor(url)).toBeDefined();
  expect(warnings).toEqual([expect.stringContaining(words)]);
  expect(warnings[0]).toMatch(/^NO_PROXY: /);

  const remedied = settings(remedy);
  expect(remedied.proxyFor(url)).toBeUndefined();
  expect(remedied.warnings).toEqual([]);
});

test.each([
  '*',
  'a.corp,.b.corp,svc,localhost,A.CORP',
  '127.0.0.1,10.0.0.0/8, 192.168.0.0/16',
  '10.0.0.0 / 8,10.0.0.0/8\n',
  'a.corp:8080,\n b.corp\n',
  'http://127.0.0.1,google.com',
  'https://a.corp:8443/path,[::1],[::1]:8080,::1,fd00::1',
  ',,',
])('%j does what it says, and nobody is warned', (value) => {
  expect(settings(value).warnings).toEqual([]);
});

test('the entry is quoted, with what cannot be seen', () => {
  expect(settings('b.corp,a\tb').warnings).toEqual([
    'NO_PROXY: "a\\tb" matches nothing: separate entries with commas',
  ]);
});

test('entries that may contain credentials are counted instead', () => {
  const { warnings } = settings('http://user:s3c,r3t@a.corp,user:s3cr3t@a.corp/path,*.corp');
  expect(warnings.join()).not.toMatch(/s3c|r3t/);
  expect(warnings).toContain('NO_PROXY: entry 4 matches nothing: write .corp');
});

test.each([
  [
    { No_Proxy: '10.0.0.0/8' },
    /^No_Proxy: networks and ports do not count in this spelling: write NO_PROXY$/,
  ],
  [{ NO_PROXY: 'A.CORP', no_proxy: '' }, /^no_proxy is empty, so that upper-case letters .* NO_PROXY: unset/],
  [{ NO_PROXY: 'a.corp', No_Proxy: 'b.corp' }, /^NO_PROXY and No_Proxy are both set and differ/],
])('of spellings of the variable that count by half, there is a warning: %j', (environment, warning) => {
  const { warnings } = readProxySettings({ ALL_PROXY: 'http://p.example:1', ...environment });
  expect(warnings).toEqual([expect.stringMatching(warning)]);
});

test('without a proxy, exceptions are of no interest', () => {
  expect(readProxySettings({ NO_PROXY: '*.corp', FTP_PROXY: 'x' }).warnings).toEqual([]);
});
