/** What of a mapped request can be sent, and what is said about the rest. */
import type { MappedRequest } from '../../../port/mapping/evaluator.js';
import { usableRequest } from '../../../port/mapping/usable-request.js';

const usable = (changes: Partial<MappedRequest>) =>
  usableRequest(
    { method: 'POST', url: 'https://h/p', headers: {}, query: {}, body: {}, bodyText: '{}', ...changes },
    1,
  );

test('scalars become text, null drops a header, and the method is upper case', () => {
  const headers = { A: 'x', B: 3, C: true, D: null, E: '' };
  expect(usable({ method: 'put', headers })).toEqual({
    request: { method: 'PUT', url: 'https://h/p', headers: { A: 'x', B: '3', C: 'true', E: '' }, body: '{}' },
  });
});

test('a query is added to what the address asks already, before a fragment', () => {
  const urlFor = (url: string, query: MappedRequest['query']) => {
    const found = usable({ url, query });
    return 'request' in found ? found.request.url : found.problems;
  };
  expect(urlFor('https://h/p', { a: 1, b: 'x y&z', c: null, d: [1, 'ü'] })).toBe(
    'https://h/p?a=1&b=x+y%26z&d=1&d=%C3%BC',
  );
  expect(urlFor('https://h/p?x=1#f', { a: 1 })).toBe('https://h/p?x=1&a=1#f');
  expect(urlFor('https://h/p?', 'a=1')).toBe('https://h/p?a=1');
  expect(urlFor('https://h/p#f', null)).toBe('https://h/p#f');
});

test.each<[string, Partial<MappedRequest>, string]>([
  ['a url that is null', { url: null }, 'mapping 1, url: must yield text, not null; no request can be sent'],
  ['an empty url', { url: '' }, 'mapping 1, url: is empty: neither the mapping nor the action names a URL'],
  [
    'a url without a scheme',
    { url: 'h/p' },
    'mapping 1, url: is no address that starts with http:// or https://',
  ],
  [
    'another scheme',
    { url: 'file:///etc/passwd' },
    'mapping 1, url: is no address that starts with http:// or https://',
  ],
  ['a method that is null', { method: null }, 'mapping 1, method: must yield an HTTP method, not null'],
  ['a method with a space', { method: 'GET /' }, 'mapping 1, method: is no HTTP method'],
  ['Host', { headers: { Host: 'x' } }, 'mapping 1, headers.Host: is set by the agent itself; remove it'],
  [
    'content-length',
    { headers: { 'content-length': 1 } },
    'mapping 1, headers.content-length: is set by the agent itself; remove it',
  ],
  [
    'Transfer-Encoding',
    { headers: { 'Transfer-Encoding': 'chunked' } },
    'mapping 1, headers.Transfer-Encoding: is set by the agent itself; remove it',
  ],
  [
    'Connection',
    { headers: { CONNECTION: 'close' } },
    'mapping 1, headers.CONNECTION: is set by the agent itself; remove it',
  ],
  [
    'a line break in a value',
    { headers: { A: 'x\r\nB: y' } },
    'mapping 1, headers.A: has a line break, another control character, or one beyond Latin-1 in its value',
  ],
  [
    'a line break in a name',
    { headers: { 'A\nB': 'x' } },
    'mapping 1, headers."A\\nB": has a character in its name that a header can\'t have',
  ],
  ['an object for a value', { headers: { A: {} } }, 'mapping 1, headers.A: must be text, not an object'],
  ['text for headers', { headers: 'A: b' }, 'mapping 1, headers: must yield an object, not a string'],
  ['a list for a query', { query: [] }, 'mapping 1, query: must yield an object, not an array'],
  ['an object in a query', { query: { a: {} } }, 'mapping 1, query.a: must be text, not an object'],
])('%s is an error of the run', (_, changes, text) => {
  expect(usable(changes)).toMatchObject({ problems: [{ index: 1, kind: 'fatal', text }] });
});

test('all reasons come together', () => {
  const found = usable({ url: null, method: 1, headers: { Host: 'a', A: [] } });
  expect('problems' in found && found.problems).toHaveLength(4);
});

test('a query is written as Python writes it', () => {
  const found = usable({
    url: 'https://h/p',
    query: { yes: true, no: false, n: 1, s: 'a b*~é', list: ['x', 'y'], none: null },
  });
  expect(found).toMatchObject({
    request: { url: 'https://h/p?yes=True&no=False&n=1&s=a+b%2A~%C3%A9&list=x&list=y' },
  });
});
