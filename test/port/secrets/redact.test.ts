import type { Json } from '../../../port/message.js';
import { REDACTED, redact } from '../../../port/secrets/redact.js';
import { fc } from '../../support/fuzz.js';

const SECRET = 'tr0ub4dor&3';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
/** What nobody told the agent, and is secret by its name or looks. */
const HIDDEN = 'hunter2';

describe('a known secret', () => {
  test.each([
    ['in a sentence', `wrong password ${SECRET}, try again`, 'wrong password ***, try again'],
    ['twice, side by side', `${SECRET}${SECRET}`, '***'],
    ['twice, in two spellings', 'tr0ub4dor&amp;3tr0ub4dor%263', '***'],
    ['in a URL', `https://x/?p=${encodeURIComponent(SECRET)}&q=1`, 'https://x/?p=***&q=1'],
    ['percent-encoded in small letters', 'x tr0ub4dor%263'.toLowerCase(), 'x ***'],
    ['percent-encoded to the last letter', '%74%720ub4dor%26%33', '***'],
    ['percent-encoded twice', encodeURIComponent(`a b ${encodeURIComponent(SECRET)}`), 'a%20b%20***'],
    ['in base64', `${Buffer.from(SECRET).toString('base64').replace(/=+$/, '')} x`, '*** x'],
    ['in base64 within a URL', `t=${encodeURIComponent(Buffer.from(SECRET).toString('base64'))}`, 't=***%3D'],
    ['escaped as Go writes JSON', 'got "tr0ub4dor\\u00263"', 'got "***"'],
    ['escaped for HTML', '<b>tr0ub4dor&amp;3</b>', '<b>***</b>'],
    ['escaped for HTML by number', '<b>tr0ub4dor&#38;3 tr0ub4dor&#x26;3</b>', '<b>*** ***</b>'],
  ])('is taken out %s', (_, text, expected) => {
    expect(redact(text, [SECRET])).toBe(expected);
  });

  test.each([
    ['quotes and line breaks', 'say "hi"\nand bye'],
    ['backslashes', 'C:\\temp\\new'],
    ['slashes', 'a/b/c=='],
    ['letters beyond ASCII', 'pässwörd-🚀'],
    ['spaces', 'correct horse battery'],
    ['percent signs', '100%20sure'],
  ])('with %s is taken out however it is escaped', (_, secret) => {
    const ascii = JSON.stringify(secret).replace(
      /[^\x20-\x7e]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const spellings = [
      secret,
      JSON.stringify(secret).slice(1, -1),
      JSON.stringify(JSON.stringify(secret)).slice(3, -3),
      JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
      ascii.slice(1, -1),
      encodeURIComponent(secret),
      encodeURI(secret),
      encodeURIComponent(secret).replaceAll('%20', '+'),
      encodeURIComponent(secret).replace(/%[0-9A-F]{2}/g, (c) => c.toLowerCase()),
      secret.replaceAll('"', '&quot;'),
    ];
    for (const spelling of spellings) {
      expect(redact(`before ${spelling} after`, [secret])).toBe('before *** after');
    }
  });

  test('is taken out of strings, names and JSON in JSON, at any depth', () => {
    const value = {
      list: [SECRET, { deep: `x${SECRET}` }],
      [`the ${SECRET}`]: 1,
      body: JSON.stringify({ inner: JSON.stringify({ echo: SECRET, n: 1 }) }),
    };
    expect(redact(value, [SECRET])).toEqual({
      list: ['***', { deep: 'x***' }],
      'the ***': 1,
      body: '{"inner":"{\\"echo\\":\\"***\\",\\"n\\":1}"}',
    });
  });

  test.each<[string, Json, string[], Json]>([
    ['a number stays one', { pin: 123456, n: 12345 }, ['123456'], { pin: 0, n: 12345 }],
    ['a number in JSON stays one', '{"pin": 123456, "n": 1.50}', ['123456'], '{"pin": 0, "n": 1.50}'],
    ['a number in prose is text', 'pin 123456', ['123456'], 'pin ***'],
    ['longer digits are another number', [91234567], ['123456'], [91234567]],
    ['a text of digits stays a text', ['123456', '"123456"'], ['123456'], ['***', '"***"']],
    [
      'true, false and null tell nothing',
      [true, false, null],
      ['true', 'false', 'null'],
      [true, false, null],
    ],
  ])('%s', (_, value, secrets, expected) => {
    expect(redact(value, secrets)).toEqual(expected);
  });

  test.each<[string, Json, string[], Json]>([
    ['counts as the whole of a text', { a: 'abc', b: 'abcd' }, ['abc'], { a: '***', b: 'abcd' }],
    ['counts as the whole of a text in JSON', '{"a": "no", "b": "now"}', ['no'], '{"a": "***", "b": "now"}'],
    ['is no part of a word', 'a cat sat on a mat', ['a', 'at'], 'a cat sat on a mat'],
    ['is no number', { statusCode: 200, n: 7 }, ['200', '7'], { statusCode: 200, n: 7 }],
    ['of 4 characters counts everywhere', 'a word', ['word'], 'a ***'],
    ['that is empty is none', { a: '', b: 'x' }, [''], { a: '', b: 'x' }],
  ])('of few characters %s', (_, value, secrets, expected) => {
    expect(redact(value, secrets)).toEqual(expected);
  });

  test.each([
    ['the mark itself', '****', 'a*****b'],
    ['a text around the mark', 'x***y', `a${'x'.repeat(20)}***${'y'.repeat(20)}b`],
  ])('that looks like %s leaves nothing that changes again', (_, secret, text) => {
    const once = redact(text, [secret]);
    expect(once).not.toContain(secret);
    expect(redact(once, [secret])).toBe(once);
  });
});

describe('a sensitive name', () => {
  test.each([
    ...[
      'Authorization',
      'authorization',
      'Proxy-Authorization',
      'Cookie',
      'Set-Cookie',
      'X-API-Key',
      'apikey',
    ],
    ...['password', 'passwd', 'secret', 'token', 'accessToken', 'refresh_token', 'clientSecret', 'client_id'],
    ...[
      'PRIVATE-TOKEN',
      'X-Gitlab-Token',
      'DB_PASSWORD',
      'dbPassword',
      'my_api_key',
      'myApiKey',
      'credentials',
    ],
    ...['X-Port-Signature', 'private_key', 'webhook-secret', 'aws_secret_access_key', 'passphrase'],
  ])('%s hides its value', (name) => {
    expect(redact({ [name]: HIDDEN, other: 'x' }, [])).toEqual({ [name]: REDACTED, other: 'x' });
    expect(redact(`{ "${name}": "${HIDDEN}" }`, [])).toBe(`{ "${name}": "***" }`);
    expect(redact(`failed: { "${name}": "${HIDDEN}" }`, [])).toBe(`failed: { "${name}": "***" }`);
    expect(redact(`/?a=1&${name}=${HIDDEN}&b=2`, [])).toBe(`/?a=1&${name}=***&b=2`);
  });

  test.each([
    'tokens',
    'tokenizer',
    'secretary',
    'author',
    'key',
    'passed',
    'cookies_enabled',
    'keyboard',
    'name',
  ])('%s is none', (name) => {
    expect(redact({ [name]: HIDDEN }, [])).toEqual({ [name]: HIDDEN });
    expect(redact(`${name}=${HIDDEN}`, [])).toBe(`${name}=${HIDDEN}`);
  });

  test('hides everything under it, and changes no type', () => {
    const under = { user: 'a', n: 5, on: true, none: null, list: ['x', 1], empty: '', o: {} };
    const hidden = { user: '***', n: 0, on: true, none: null, list: ['***', 0], empty: '', o: {} };
    expect(redact({ credentials: under, n: 5 }, [])).toEqual({ credentials: hidden, n: 5 });
    const text = JSON.stringify({ credentials: under, n: 5 }, null, 2);
    expect(redact(text, [])).toBe(JSON.stringify({ credentials: hidden, n: 5 }, null, 2));
    expect(redact(`got ${text}`, [])).toBe(`got ${JSON.stringify({ credentials: hidden, n: 5 }, null, 2)}`);
  });

  test.each([
    [
      'in JSON that breaks off',
      '{"a": 1, "password": "hunter2", "list": [',
      '{"a": 1, "password": "***", "list": [',
    ],
    ['in JSON that breaks off in the value', '{"password": "hunt', '{"password": "***'],
    ['in JSON that breaks off within', '{"secret": {"a": ["hunt', '{"secret": {"a": ["***'],
    [
      'in escaped JSON',
      'x {\\"password\\":\\"hunt\\\\\\"er2\\",\\"a\\":1}',
      'x {\\"password\\":\\"***\\",\\"a\\":1}',
    ],
    ['behind a single quotation mark', `5" long: {"password":"hunter2"}`, `5" long: {"password":"***"}`],
    [
      'with a quotation mark in the value',
      'x {"password":"a\\"b\\\\","c":"d"}',
      'x {"password":"***","c":"d"}',
    ],
    ['with a number', 'x {"token": 12345, "a": 1}', 'x {"token": 0, "a": 1}'],
    ['with null', 'x {"token": null, "secret": true}', 'x {"token": null, "secret": true}'],
    ['as Python writes it', "x {'password': 'hunter2', 'a': 'b'}", "x {'password': '***', 'a': 'b'}"],
    ['in a header line', 'POST /\nCookie: a=b; c=d\nAccept: x', 'POST /\nCookie: ***\nAccept: x'],
    ['in a header with a scheme', 'Authorization: Basic abc def\r\nX: y', 'Authorization: ***\r\nX: y'],
    ['in a command', `curl -H "Authorization: Token abc" -d x`, `curl -H "Authorization: ***" -d x`],
    ['in YAML', 'user: ada\npassword: hunter2\nhost: x', 'user: ada\npassword: ***\nhost: x'],
    ['in a list', 'token: hunter2, user: ada', 'token: ***, user: ada'],
    ['quoted', 'password="hunter 2" user=ada', 'password="***" user=ada'],
    ['in an option', '--password=hunter2 --host=x', '--password=*** --host=x'],
    ['behind a dot', 'spring.datasource.password=hunter2', 'spring.datasource.password=***'],
  ])('%s', (_, text, expected) => {
    expect(redact(text, [])).toBe(expected);
  });
});

describe('by its looks a secret is', () => {
  test.each([
    ['a Bearer token', 'got Bearer abc.def-123, refused', 'got Bearer ***, refused'],
    ['a Bearer token in JSON', 'x \\"Bearer abc\\"', 'x \\"Bearer ***\\"'],
    ['Basic credentials', `Basic ${Buffer.from('ada:hunter2').toString('base64')} x`, 'Basic *** x'],
    ['a JWT', `expired: ${JWT}.`, 'expired: ***.'],
    ['a JWT in an address', `x?t%3D${JWT}&a=1`, 'x?t%3D***&a=1'],
    ['two JWTs', `${JWT} ${JWT}`, '*** ***'],
    ['the password of an address', 'http://ada:hunter2@proxy:3128/x', 'http://ada:***@proxy:3128/x'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nx', '***\nx'],
    ['a private key that breaks off', 'k -----BEGIN RSA PRIVATE KEY-----\\nMIIEabc', 'k ***'],
  ])('%s', (_, text, expected) => {
    expect(redact(text, [])).toBe(expected);
    expect(redact([text], [])).toEqual([expected]);
  });
});

describe('what holds no secret stays as it was', () => {
  test.each([
    [
      'prose about tokens',
      'Bearer token is missing; bearer authentication required. Basic authentication works.',
    ],
    ['prose about passwords', 'password: must be at least 8 characters\ntoken: has expired since noon'],
    ['an address', 'https://gitlab.example.com:8443/a/b?c=d#e:f'],
    [
      'JSON with its own spaces, numbers and order',
      '{ "b" : 1.0, "a" : 1e3, "big": 12345678901234567890,\n\t"u": "\\u00e9\\/" }',
    ],
    ['JSON that is a number', '12345678901234567890'],
    ['JSON that is a word', 'true'],
    ['JSON with a name twice', '{"a":1,"a":2}'],
    ['half of JSON', '{"a": [1, 2, {"b": "c'],
    ['backslashes', 'C:\\new\\table %20 %zz &amp; &nope; \\u12'],
    ['words with dots', 'eyJ.eyJ x.eyJa eyJhbGciOiJIUzI1NiJ9'],
    ['half a character', 'x\ud83d y'],
  ])('%s', (_, text) => {
    expect(redact(text, [SECRET, 'another secret'])).toBe(text);
  });

  test('is the very same object', () => {
    const value = { a: ['b', { c: 1, d: '{"e": 1.0}' }], password: '' };
    expect(redact(value, [SECRET])).toBe(value);
  });

  test('a copy is made where something changes, and the rest of it is shared', () => {
    const value = { a: { b: 'c' }, d: SECRET };
    const redacted = redact(value, [SECRET]);
    expect(value.d).toBe(SECRET);
    expect(redacted.a).toBe(value.a);
  });
});

test('the JSON of a text stays JSON, where the old agent made other types of it', () => {
  const text = `{"zip": "01234", "n": 1.0, "list": "[1, 2]", "flag": "true", "echo": "${SECRET}"}`;
  expect(redact(text, [SECRET])).toBe(text.replace(SECRET, '***'));
});

test('with only the known secrets, fields keep what their names would hide', () => {
  const value = { token: HIDDEN, text: `Bearer ${HIDDEN} ${SECRET}`, json: `{"token":"${HIDDEN}"}` };
  expect(redact(value, [SECRET], { only: 'known' })).toEqual({ ...value, text: `Bearer ${HIDDEN} ***` });
});

test('own fields named __proto__ stay own fields', () => {
  const value: Json = JSON.parse(`{"__proto__": {"password": "x"}, "a": "${SECRET}"}`);
  expect(JSON.stringify(redact(value, [SECRET]))).toBe('{"__proto__":{"password":"***"},"a":"***"}');
});

test('what is nested beyond all reason is left out, and nothing overflows', () => {
  let deep: Json = SECRET;
  for (let i = 0; i < 20_000; i++) deep = [deep];
  let depth = 0;
  for (let at: Json = redact(deep, [SECRET]); Array.isArray(at) && at.length > 0; at = at[0] as Json) depth++;
  expect(depth).toBe(1000);
  const text = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(redact(text, [SECRET])).toBe(text);
  let json = SECRET;
  for (let i = 0; i < 12; i++) json = JSON.stringify([json]);
  expect(redact(json, [SECRET])).not.toContain('tr0ub4dor');
});

describe('for anything at all', () => {
  const secret = fc.oneof(
    fc.string({ minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'grapheme', minLength: 4, maxLength: 8 }),
    fc.constantFrom('****', 'a***b', '1234', '"', '\\\\\\\\', '%25%25', SECRET),
    fc.integer({ min: 1000, max: 99_999 }).map(String),
  );
  const secrets = fc.array(secret, { maxLength: 4 });
  const piece = (known: string[]) =>
    fc.oneof(
      fc.string(),
      fc.constantFrom(...known, 'x'),
      fc.constantFrom(...known.map(encodeURIComponent), 'x'),
      fc.constantFrom(...known.map((s) => JSON.stringify(s)), 'x'),
      fc.constantFrom(...known.map((s) => Buffer.from(s).toString('base64')), 'x'),
      fc.constantFrom(
        '"password": "',
        'token=',
        'Authorization: ',
        'Bearer ',
        '"',
        '\\"',
        '{',
        '[',
        '\n',
        JWT,
        '***',
      ),
      fc.constantFrom('eyJ', '.eyJ', '://', '@', ':', '=', "'", '}', ']', ',', '%', '&amp;', '\\'),
    );
  const textWith = (known: string[]) => fc.array(piece(known), { maxLength: 12 }).map((p) => p.join(''));
  const jsonWith = (known: string[]) =>
    fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        textWith(known),
        fc.integer().map((n) => n as Json),
        fc.constantFrom<Json>(true, null, 0, ...known.filter((s) => /^\d+$/.test(s)).map(Number)),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.constantFrom('password', 'a', 'b', 'x-token'), fc.string()), tie('value'), {
          maxKeys: 4,
        }),
        tie('value').map((value) => JSON.stringify(value)),
        tie('value').map((value) => JSON.stringify(value, null, 1)),
      ),
    })).value;
  const caseOf = secrets.chain((known) => fc.tuple(fc.constant(known), jsonWith(known)));

  /** The same types in the same places; names may have changed. */
  function shapeOf(value: Json): Json {
    if (Array.isArray(value)) return value.map(shapeOf);
    if (typeof value === 'object' && value !== null) return Object.values(value).map(shapeOf);
    return value === null ? 'null' : typeof value;
  }

  const hasUniqueNames = (value: Json): boolean =>
    typeof value !== 'object' || value === null || Object.values(value).every(hasUniqueNames);

  test('redacting twice changes nothing more', () => {
    fc.assert(
      fc.property(caseOf, ([known, value]) => {
        const once = redact(value, known);
        expect(redact(once, known)).toEqual(once);
      }),
      { numRuns: 3000 },
    );
  });

  /** Whether an escaped text stands somewhere; behind the rest of an escape it would be another text. */
  function stands(escaped: string, text: string): boolean {
    for (let i = text.indexOf(escaped); i >= 0; i = text.indexOf(escaped, i + 1)) {
      if (!/[%\\]/.test(text.slice(Math.max(0, i - 5), i))) return true;
    }
    return false;
  }

  test('no known secret of 4 characters or more is left in any text', () => {
    const long = fc.array(
      fc.string({ minLength: 4, maxLength: 12 }).filter((s) => !s.includes('*')),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(
        long.chain((known) => fc.tuple(fc.constant(known), textWith(known))),
        ([known, text]) => {
          const redacted = redact(text, known);
          for (const s of known) {
            expect(redacted).not.toContain(s);
            if (!/[\ud800-\udfff]/.test(s)) expect(stands(encodeURIComponent(s), redacted)).toBe(false);
            expect(stands(JSON.stringify(s).slice(1, -1), redacted)).toBe(false);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('types stay, in values and in the JSON of texts', () => {
    fc.assert(
      fc.property(caseOf, ([known, value]) => {
        fc.pre(hasUniqueNames(value));
        // The mark may make two names one, and what grows out of the mark is left out; not what this is about.
        const plain = known.filter((s) => s.length >= 4 && !/[*"]/.test(s));
        const redacted = redact(value, plain);
        if (JSON.stringify(redacted).split('***":').length <= 2)
          expect(shapeOf(redacted)).toEqual(shapeOf(value));
        const text = JSON.stringify([value], null, 1);
        const parsed: Json = JSON.parse(redact(text, plain));
        expect(parsed).toEqual(redact([value] as Json, plain));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Any of these, read again for each sign in it, would take longer than a test may: hours. */
describe('1 MiB is read in one go, however it is built:', () => {
  const MIB = 1024 * 1024;
  const many = Array.from({ length: 500 }, (_, i) => `${SECRET}-${i}-${'x'.repeat(i % 40)}`);

  test.each([
    ['a', 'a'],
    ['a secret', `${SECRET}-7-`],
    ['JWT beginnings', 'eyJ'],
    ['JWT parts', '.eyJ'],
    ['sensitive names', 'token:'],
    ['sensitive names with equal signs', 'token='],
    ['sensitive names in quotation marks', '"token":'],
    ['open objects', '{"token":'],
    ['open objects without JSON', 'x{"token":'],
    ['objects', '{"token":{"a":"b"}},'],
    ['escaped objects', '\\"token\\":\\"'],
    ['backslashes', '\\'],
    ['quotation marks', '"'],
    ['escaped quotation marks', '\\"'],
    ['apostrophes', "token='"],
    ['percent signs', '%25'],
    ['entities', '&amp;'],
    ['private keys', '-----BEGIN PRIVATE KEY-----'],
    ['addresses', '://a:b'],
    ['Bearer', 'bearer '],
    ['headers', 'Cookie: a\\n'],
    ['spaces', 'token :   '],
    ['blanks', ' '],
  ])('%s', (_, piece) => {
    const text = piece.repeat(Math.ceil(MIB / piece.length));
    const redacted = redact(`${text} x`, many);
    expect(redacted.length).toBeLessThanOrEqual(text.length + 3 * (text.length / piece.length) + 3);
  });
});
