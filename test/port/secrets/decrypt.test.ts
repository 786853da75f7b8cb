import {
  constants,
  createCipheriv,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { encryptInput } from '../../../local/simulators/port-actions.js';
import type { Json, JsonObject } from '../../../port/message.js';
import { decryptFields } from '../../../port/secrets/decrypt.js';
import { fc } from '../../support/fuzz.js';

/** The vectors of Port's contract, made with this secret. */
const SECRET = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ';
const S3CR3T = 'AAECAwQFBgcICQoLDA0ODx6dEZRKFAwJfZc47WEQtNV0/l75HhI=';
const USER_PASS = 'AAECAwQFBgcICQoLDA0ODxaMB5UcEgTIJEptJiBHbKWNO01UC9qlwkTUZWqWrWPJ9jRrw0KP/A==';
const OBJECT = '{"user":"a","pass":"b"}';

const keys = { clientSecret: SECRET };
const rsa = Object.fromEntries(
  [2048, 3072, 4096].map((bits) => [bits, generateKeyPairSync('rsa', { modulusLength: bits })]),
) as Record<number, { publicKey: KeyObject; privateKey: KeyObject }>;
const key2048 = rsa[2048] as { publicKey: KeyObject; privateKey: KeyObject };

/** As Port's UI does in the browser with the customer's public key. */
function encryptClientSide(text: string, publicKey: KeyObject): string {
  const [iv, aesKey] = [randomBytes(12), randomBytes(32)];
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const wrapped = publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, aesKey);
  const cipher = createCipheriv('aes-256-gcm', aesKey, iv);
  return Buffer.concat([
    iv,
    wrapped,
    cipher.update(text, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]).toString('base64');
}

/** A message with one encrypted input `secret`, of the type given. */
function messageWith(value: Json, type?: Json): JsonObject {
  return {
    context: { runId: 'r_1' },
    payload: {
      properties: { secret: value },
      ...(type !== undefined && { action: { userInputs: { properties: { secret: { type } } } } }),
    },
  };
}

const PATH = 'payload.properties.secret';

/** What becomes of the input `secret`. */
function secretOf(message: JsonObject): Json | undefined {
  return (message as { payload: { properties: JsonObject } }).payload.properties['secret'];
}

describe('an aes256-gcm input', () => {
  test.each([
    ['a text', S3CR3T, undefined, 's3cr3t'],
    ['a text declared as such', S3CR3T, 'string', 's3cr3t'],
    ['an object of no known type, as text', USER_PASS, undefined, OBJECT],
    ['an object declared as a text, as text', USER_PASS, 'string', OBJECT],
    ['a declared object', USER_PASS, 'object', { user: 'a', pass: 'b' }],
    ['an object declared as an array, as entered', USER_PASS, 'array', OBJECT],
    ['no object though declared as one, as entered', S3CR3T, 'object', 's3cr3t'],
    ['a type that is a template', USER_PASS, { jqQuery: '"object"' }, OBJECT],
    ['a declared array', encryptInput([1, 'two'], SECRET), 'array', [1, 'two']],
    ['several lines', encryptInput('-----BEGIN-----\nabc\r\n', SECRET), 'string', '-----BEGIN-----\nabc\r\n'],
    ['text beyond ASCII', encryptInput('pässwörd 🚀', SECRET), undefined, 'pässwörd 🚀'],
    ['a text with a byte order mark', encryptInput('\ufeffx', SECRET), undefined, '\ufeffx'],
    ['the empty text', encryptInput('', SECRET), undefined, ''],
    ['a number as it was written', encryptInput('007', SECRET), 'number', '007'],
  ])('gives back %s', (_, value, type, expected) => {
    const { message, failures } = decryptFields(messageWith(value, type as Json), [PATH], keys);
    expect(failures).toEqual([]);
    expect(secretOf(message)).toEqual(expected);
  });

  test('needs the first 32 bytes of the secret alone', () => {
    const { message } = decryptFields(messageWith(S3CR3T), [PATH], { clientSecret: SECRET.slice(0, 32) });
    expect(secretOf(message)).toBe('s3cr3t');
  });

  test('counts the bytes of the secret, not its characters', () => {
    const secret = 'ü'.repeat(16);
    const { message } = decryptFields(messageWith(encryptInput('x', secret)), [PATH], {
      clientSecret: secret,
    });
    expect(secretOf(message)).toBe('x');
  });

  test('is found though a private key is set as well', () => {
    const { message } = decryptFields(messageWith(S3CR3T), [PATH], {
      ...keys,
      privateKey: key2048.privateKey,
    });
    expect(secretOf(message)).toBe('s3cr3t');
  });
});

describe('an input encrypted on the client side', () => {
  test.each([2048, 3072, 4096])('with an RSA key of %i bits is decrypted', (bits) => {
    const { publicKey, privateKey } = rsa[bits] as { publicKey: KeyObject; privateKey: KeyObject };
    const value = encryptClientSide(OBJECT, publicKey);
    const result = decryptFields(messageWith(value, 'object'), [PATH], { ...keys, privateKey });
    expect(result.failures).toEqual([]);
    expect(secretOf(result.message)).toEqual({ user: 'a', pass: 'b' });
  });

  test('needs no client secret', () => {
    const { message } = decryptFields(messageWith(encryptClientSide('x', key2048.publicKey)), [PATH], {
      clientSecret: 'short',
      privateKey: key2048.privateKey,
    });
    expect(secretOf(message)).toBe('x');
  });

  test('stands beside one of the other kind', () => {
    const message = { a: S3CR3T, b: encryptClientSide('other', key2048.publicKey) };
    const result = decryptFields(message, ['a', 'b'], { ...keys, privateKey: key2048.privateKey });
    expect(result.message).toEqual({ a: 's3cr3t', b: 'other' });
  });
});

describe('a path', () => {
  const list = { list: [{ value: S3CR3T }, { value: S3CR3T }], '0': S3CR3T };

  test.each([
    ['leads through arrays', 'list.0.value', { ...list, list: [{ value: 's3cr3t' }, { value: S3CR3T }] }],
    ['counts from the end', 'list.-1.value', { ...list, list: [{ value: S3CR3T }, { value: 's3cr3t' }] }],
    ['takes digits for a key of an object', '0', { ...list, '0': 's3cr3t' }],
    ['with a leading dot finds nothing', '.0', list],
    ['that is empty finds nothing', '', list],
    ['that is missing finds nothing', 'nope.0.value', list],
    ['beyond an array finds nothing', 'list.2.value', list],
    ['before an array finds nothing', 'list.-3.value', list],
    ['into a text finds nothing', '0.length', list],
    ['to a property of every array finds nothing', 'list.length', list],
    ['to a property of every object finds nothing', 'constructor.name', list],
    ['in another case finds nothing', 'LIST.0.value', list],
  ])('%s: %s', (_, path, expected) => {
    const { message, failures } = decryptFields(list, [path], keys);
    expect(failures).toEqual([]);
    expect(message).toEqual(expected);
  });

  test('names what the author of a v2 action wrote into the body', () => {
    const message = {
      payload: { action: { invocationMethod: { body: { secrets: [{ key: 'k', value: S3CR3T }] } } } },
    };
    const result = decryptFields(message, ['payload.action.invocationMethod.body.secrets.0.value'], keys);
    expect(result.message).toEqual({
      payload: { action: { invocationMethod: { body: { secrets: [{ key: 'k', value: 's3cr3t' }] } } } },
    });
  });

  test('takes the type of the input that it ends with, wherever it leads', () => {
    const message = { ...messageWith(null, 'object'), inputs: { secret: USER_PASS } };
    const result = decryptFields(message, ['inputs.secret'], keys);
    expect(result.message['inputs']).toEqual({ secret: { user: 'a', pass: 'b' } });
  });

  test('given twice, or in two spellings, decrypts once', () => {
    const { message, failures } = decryptFields(
      list,
      ['list.0.value', 'list.0.value', 'list.00.value', 'list.-2.value'],
      keys,
    );
    expect(failures).toEqual([]);
    expect(message['list']).toEqual([{ value: 's3cr3t' }, { value: S3CR3T }]);
  });

  test('with __proto__ in it reaches own fields only', () => {
    const message: JsonObject = JSON.parse(`{"__proto__":{"x":"${S3CR3T}"}}`);
    const result = decryptFields(message, ['__proto__.x', 'toString.x', '__proto__.__proto__.x'], keys);
    expect(JSON.stringify(result.message)).toBe('{"__proto__":{"x":"s3cr3t"}}');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

test.each([
  ['null', null],
  ['an empty text, an input that was left out', ''],
])('%s is nothing to decrypt', (_, value) => {
  expect(decryptFields(messageWith(value), [PATH], keys)).toEqual({
    message: messageWith(value),
    secrets: [],
    failures: [],
  });
});

describe('a failure', () => {
  const { publicKey, privateKey } = key2048;
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const otherSecret = 'x'.repeat(40);
  const clientSide = encryptClientSide('plain', publicKey);
  const broken = Buffer.from(S3CR3T, 'base64');
  broken[20] = (broken[20] as number) ^ 1;

  test.each([
    ['a number', 42, keys, /is no text/],
    ['true', true, keys, /is no text/],
    ['an object', { x: 1 }, keys, /is no text/],
    ['an array', [S3CR3T], keys, /is no text/],
    ['plaintext', 'hunter2', keys, /too short to be encrypted/],
    ['long plaintext', 'not encrypted at all, '.repeat(20), keys, /PORT_CLIENT_SECRET is not the secret/],
    ['a changed byte', broken.toString('base64'), keys, /PORT_CLIENT_SECRET is not the secret/],
    ['a wrong secret', S3CR3T, { clientSecret: otherSecret }, /PORT_CLIENT_SECRET is not the secret/],
    ['a short secret', S3CR3T, { clientSecret: SECRET.slice(0, 31) }, /shorter than 32 bytes/],
    ['no private key', clientSide, keys, /set PORT_AGENT_PRIVATE_KEY/],
    ['a wrong private key', clientSide, { ...keys, privateKey: other.privateKey }, /nor does PORT_AGENT_PRI/],
    ['a wrong secret and key', S3CR3T, { clientSecret: otherSecret, privateKey }, /neither is PORT_CLIENT_/],
    [
      'a short secret and a key',
      S3CR3T,
      { clientSecret: 'short', privateKey },
      /KEY does not belong.*shorter/,
    ],
    ['bytes that are no text', encryptBytes(Buffer.from([0xff, 0xfe]), SECRET), keys, /no text \(UTF-8\)/],
  ])('says what to do about %s, and no value', (_, value, given, words) => {
    const original = messageWith(value as Json);
    const { message, secrets, failures } = decryptFields(original, [PATH], given);
    expect(failures).toEqual([{ path: PATH, why: expect.stringMatching(words) }]);
    expect(message).toEqual(original);
    expect(secrets).toEqual([]);
    for (const told of [SECRET, otherSecret, typeof value === 'string' ? value : 'no value']) {
      expect(failures[0]?.why).not.toContain(told);
    }
  });

  test('reads the same whether the wrapped key, the key itself or the text was changed', () => {
    const whys = [14, 100, 270, 280].map((byte) => {
      const data = Buffer.from(clientSide, 'base64');
      data[byte] = (data[byte] as number) ^ 1;
      return decryptFields(messageWith(data.toString('base64')), [PATH], { ...keys, privateKey }).failures[0]
        ?.why;
    });
    expect(new Set(whys).size).toBe(1);
    expect(whys[0]).toMatch(/neither is/);
  });

  test.each(['*', '**'])('names a wildcard %s that stands for something', (star) => {
    const { failures } = decryptFields({ list: [{ value: S3CR3T }], none: [] }, [`list.${star}.value`], keys);
    expect(failures).toEqual([{ path: `list.${star}.value`, why: expect.stringContaining('wildcard') }]);
    expect(decryptFields({ none: [] }, [`none.${star}.value`, `nope.${star}`], keys).failures).toEqual([]);
  });

  test('of one path leaves the others alone, and all are told', () => {
    const { message, failures } = decryptFields({ a: 1, b: S3CR3T, c: 'x' }, ['a', 'b', 'c'], keys);
    expect(message).toEqual({ a: 1, b: 's3cr3t', c: 'x' });
    expect(failures.map(({ path }) => path)).toEqual(['a', 'c']);
  });
});

function encryptBytes(bytes: Buffer, secret: string): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(secret).subarray(0, 32), iv);
  return Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

describe('the secrets', () => {
  const secretsOf = (value: Json, type?: string) =>
    decryptFields(messageWith(encryptInput(value, SECRET), type), [PATH], keys).secrets;

  test.each<[string, Json, string[]]>([
    ['a text', 'hunter2', ['hunter2']],
    ['a text with a line break at its end', 'hunter2\n', ['hunter2\n', 'hunter2']],
    ['an empty text', '', []],
    [
      'an object: what is in it, too',
      { user: 'ada', pin: 12345, deep: [{ x: 'y' }, true, null] },
      ['{"user":"ada","pin":12345,"deep":[{"x":"y"},true,null]}', 'ada', '12345', 'y'],
    ],
    ['JSON with spaces, and as it is written without', '{ "a": "b" }', ['{ "a": "b" }', '{"a":"b"}', 'b']],
    ['JSON in JSON', { a: '{"b":"inner"}' }, ['{"a":"{\\"b\\":\\"inner\\"}"}', '{"b":"inner"}', 'inner']],
    [
      'several lines: the long ones by themselves, too',
      'first line\n}\r\n  second line',
      ['first line\n}\r\n  second line', 'first line', 'second line'],
    ],
  ])('of %s', (_, value, expected) => {
    expect(secretsOf(value)).toEqual(expected);
  });

  test('are the same whether the type is declared or not', () => {
    const value = { user: 'ada' };
    expect(secretsOf(value, 'object')).toEqual(secretsOf(value));
  });
});

test('the message handed in is never changed, and shares nothing with the copy', () => {
  const original = messageWith(USER_PASS, 'object');
  const before = structuredClone(original);
  const { message } = decryptFields(original, [PATH], keys);
  expect(original).toEqual(before);
  (message['context'] as JsonObject)['runId'] = 'changed';
  expect(original).toEqual(before);
});

test('no message and no path make it throw', () => {
  const path = fc.oneof(
    fc
      .array(fc.constantFrom('a', 'b', '0', '-1', '*', '', '__proto__'), { maxLength: 4 })
      .map((s) => s.join('.')),
    fc.string(),
  );
  const message = fc.dictionary(
    fc.constantFrom('a', 'b', '0', ''),
    fc.oneof(fc.jsonValue(), fc.constant(S3CR3T), fc.base64String({ minLength: 40 })),
  );
  fc.assert(
    fc.property(message, fc.array(path, { maxLength: 4 }), (m, paths) => {
      const json = JSON.stringify(m);
      const { failures } = decryptFields(m as JsonObject, paths, { ...keys, privateKey: key2048.privateKey });
      expect(JSON.stringify(m)).toBe(json);
      for (const failure of failures) expect(paths).toContain(failure.path);
    }),
    { numRuns: 500 },
  );
});

test('whatever was encrypted in either way comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.boolean(), (text, clientSide) => {
      const value = clientSide ? encryptClientSide(text, key2048.publicKey) : encryptInput(text, SECRET);
      const given = { ...keys, privateKey: key2048.privateKey };
      expect(secretOf(decryptFields(messageWith(value), [PATH], given).message)).toBe(text);
    }),
    { numRuns: 100 },
  );
});
