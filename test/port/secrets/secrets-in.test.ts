import type { Json } from '../../../port/message.js';
import { redact } from '../../../port/secrets/redact.js';
import { secretsOfCall } from '../../../port/secrets/secrets-in.js';

const SECRET = 'tr0ub4dor-3';
const PLAIN = { url: 'https://target.test/hook', headers: {} };
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
const PEM = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADAN'.repeat(4)}\n-----END PRIVATE KEY-----`;

const known = (...from: Json[]): string[] => secretsOfCall(PLAIN, ...from);

test.each<[string, Json]>([
  ['under a sensitive name', { token: SECRET }],
  ['deep in a message', { payload: { secretReferences: { tfToken: SECRET } } }],
  ['in a list', { auth: [{ password: SECRET }] }],
  ['in a list under a sensitive name', { password: ['a', SECRET] }],
  ['anywhere in an object of a sensitive name', { credentials: { jenkins: { login: SECRET } } }],
  ['in JSON in a text', { config: JSON.stringify({ inner: JSON.stringify({ api_key: SECRET }) }) }],
  ['as JSON in a text of a sensitive name', { credentials: JSON.stringify({ key: SECRET }) }],
  ['in an assignment in a text', { options: `--name=x db_password=${SECRET} -v` }],
  ['behind a scheme', { Authorization: `Bearer ${SECRET}` }],
  ['as a password in base64', { authorization: `Basic ${btoa(`ada:${SECRET}`)}` }],
  ['as the password of an address', { database: `postgres://ada:${SECRET}@db.test/x` }],
  ['in the query of an address', { callback: `https://x.test/?a=1&token=${SECRET}` }],
])('a secret %s is known', (_, value) => {
  expect(redact(`bad credential ${SECRET} of you`, known(value))).toBe('bad credential *** of you');
});

test.each([
  ['a signed token', JWT],
  ['a private key', PEM],
])('%s is known by its looks', (_, text) => {
  expect(known({ attachment: `take this: ${text}` })).toContain(text);
});

test('a private key is known line by line', () => {
  expect(known({ deploy_key: 'x', private_key: PEM })).toContain('MIIEvQIBADAN'.repeat(4));
});

test.each<[string, Json]>([
  ['the name of another thing', { tokenCount: 'seventeen of them', keyboard: 'mechanical' }],
  ['a number', { token: 12_345_678 }],
  ['true, false and null', { password: true, secret: false, token: null }],
  ['a short value', { token: 'main', secret: 'default', password: '' }],
  ['the definition of an input', { password: { type: 'string', title: 'Password of the database' } }],
  ['the id of a client', { client_id: 'checkout-service', clientId: 'checkout-service' }],
  [
    'a sentence',
    { note: 'The password must be longer, the token: is missing. https://x.test/?page=12345678' },
  ],
])('%s is no secret', (_, value) => {
  expect(known(value)).toEqual([]);
});

test.each([
  ['a header', { ...PLAIN, headers: { 'X-Api-Key': 'k1ng' } }, 'k1ng'],
  ['the query', { ...PLAIN, url: 'https://x.test/?a=none&token=p%40ss' }, 'p@ss'],
  ['the password of the address', { ...PLAIN, url: 'https://ada:p%40ss@x.test/' }, 'p@ss'],
  ['a token in the place of a user', { ...PLAIN, url: 'https://s3cret@x.test/' }, 's3cret'],
])('of a request, %s is known, be it as short as can be looked for', (_, request, secret) => {
  expect(secretsOfCall(request)).toEqual([secret]);
});

test('an address that is none is no hindrance', () => {
  expect(secretsOfCall({ url: 'no url', headers: {} })).toEqual([]);
});

test('nothing overflows: neither objects nor JSON in JSON, beyond all reason', () => {
  let nested: Json = { token: SECRET };
  for (let i = 0; i < 5000; i++) nested = [nested];
  let written = JSON.stringify({ token: SECRET });
  for (let i = 0; i < 12; i++) written = JSON.stringify({ written });
  expect(known(nested)).toEqual([]);
  expect(known({ written })).toContain(SECRET);
});

test('of a message that is full of secrets, no more is looked for than can be found at once', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => ({ token: `secret number ${i}`.padEnd(20, 'x') }));
  const found = known(many);
  expect(found.length).toBeGreaterThan(1000);
  expect(found.length).toBeLessThan(4000);
  expect(found).toContain('secret number 0xxxxx');
});
