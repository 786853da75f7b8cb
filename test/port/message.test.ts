import {
  at,
  invocationMethodOf,
  isObject,
  isTrue,
  type Json,
  nestsDeeper,
  parseMessage,
  runIdOf,
  textAt,
} from '../../port/message.js';
import { FUZZ_RUNS, fc } from '../support/fuzz.js';
import { webhookMessage } from './messages.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Any value where a message has an object. */
const HOSTILE: Json[] = [null, true, false, 0, -1.5, '', 'text', [], [[]], [{}], {}, { '': '' }];

describe('parsing', () => {
  test('a JSON object is a message', () => {
    expect(parseMessage(bytes('{"a":[1,null]}'))).toEqual({ a: [1, null] });
  });

  test('a byte order mark does no harm', () => {
    expect(parseMessage(bytes('\ufeff{"a":1}'))).toEqual({ a: 1 });
  });

  const refused: [string, Uint8Array | null][] = [
    ['no value', null],
    ['nothing', bytes('')],
    ['null', bytes('null')],
    ['a number', bytes('42')],
    ['a text', bytes('"{}"')],
    ['a list', bytes('[{}]')],
    ['half an object', bytes('{"a":')],
    ['two objects', bytes('{}{}')],
    ['NaN', bytes('{"a":NaN}')],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['UTF-8 that breaks off', Buffer.concat([bytes('{"a":"'), Buffer.from([0xf0, 0x9f])])],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
  ];
  test.each(refused)('%s is no message', (_, value) => {
    expect(parseMessage(value)).toBeUndefined();
  });

  test('an object too deep to be written as JSON again is no message', () => {
    const nested = (levels: number): Uint8Array => bytes(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`);
    expect(parseMessage(nested(900))).toBeDefined();
    expect(parseMessage(nested(1100))).toBeUndefined();
    expect(parseMessage(nested(500_000))).toBeUndefined();
  });

  test('a __proto__ key is content, and changes nothing else', () => {
    const message = parseMessage(
      bytes('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    );
    expect(Object.keys(message ?? {})).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('the invocation method', () => {
  const types: [Json | undefined, string][] = [
    ['GITLAB', 'GITLAB'],
    ['gitlab', 'GITLAB'],
    ['GitLab', 'GITLAB'],
    ['WEBHOOK', 'WEBHOOK'],
    ['webhook', 'WEBHOOK'],
    ['anything else', 'WEBHOOK'],
    [undefined, 'WEBHOOK'],
    [null, 'WEBHOOK'],
    [['GITLAB'], 'WEBHOOK'],
  ];
  test.each(types)('of type %j is %s', (type, expected) => {
    const method = type === undefined ? {} : { type };
    expect(invocationMethodOf({ payload: { action: { invocationMethod: method } } })?.type).toBe(expected);
  });

  test.each(HOSTILE.filter((value) => !isObject(value)))('is not %j', (value) => {
    expect(invocationMethodOf({ payload: { action: { invocationMethod: value } } })).toBeUndefined();
    expect(invocationMethodOf({ payload: { action: value } })).toBeUndefined();
    expect(invocationMethodOf({ payload: value })).toBeUndefined();
  });

  test('is not found in a prototype', () => {
    const message = JSON.parse('{"payload":{"__proto__":{"action":{"invocationMethod":{"agent":true}}}}}');
    expect(invocationMethodOf(message)).toBeUndefined();
  });

  const flags: [Json, boolean][] = [
    [true, true],
    ['true', true],
    ['True', true],
    [' TRUE ', true],
    [false, false],
    ['false', false],
    [' FALSE ', false],
    ['yes', true],
    ['', false],
    [1, true],
    [0, false],
    [null, false],
    [[true], true],
    [[], false],
    [{}, false],
  ];
  test.each(flags)('with %j for a flag means %j', (flag, expected) => {
    const invocation = invocationMethodOf(webhookMessage({ agent: flag, synchronized: flag }));
    expect(invocation?.forAgent).toBe(expected);
    expect(invocation?.synchronized).toBe(expected);
    expect(isTrue(flag)).toBe(expected);
  });
});

describe('looking things up', () => {
  test('a path that leaves the objects finds nothing', () => {
    expect(at({ a: { b: 1 } }, 'a', 'b')).toBe(1);
    expect(at({ a: [{ b: 1 }] }, 'a', '0')).toBeUndefined();
    expect(at({ a: 'text' }, 'a', 'length')).toBeUndefined();
    expect(at(undefined, 'a')).toBeUndefined();
    expect(at({ a: null }, 'a')).toBeNull();
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is no key of its own', (key) => {
    expect(at({}, key)).toBeUndefined();
    expect(at({ a: {} }, 'a', key)).toBeUndefined();
  });

  test.each(HOSTILE)('%j is text only when it is some', (value) => {
    expect(textAt({ a: value }, 'a')).toBe(value === 'text' ? 'text' : undefined);
  });

  test('the run id is handed on as it is', () => {
    expect(runIdOf(webhookMessage())).toBe('r_jE5FhDURh4Uen2Qr');
    for (const runId of HOSTILE) expect(runIdOf({ context: { runId } })).toBe(runId);
    expect(runIdOf({})).toBeUndefined();
  });

  test('nesting is counted in objects and lists', () => {
    expect(nestsDeeper(1, 0)).toBe(false);
    expect(nestsDeeper([], 0)).toBe(true);
    expect(nestsDeeper({ a: [1] }, 2)).toBe(false);
    expect(nestsDeeper({ a: [[]] }, 2)).toBe(true);
  });
});

test('any JSON in any place is read without an error', () => {
  const invocation = fc.record({ type: fc.jsonValue(), agent: fc.jsonValue() }, { requiredKeys: [] });
  const message = fc.oneof(
    fc.json(),
    fc
      .record({
        context: fc.jsonValue(),
        payload: fc.oneof(
          fc.jsonValue(),
          fc.record({ action: fc.record({ invocationMethod: fc.oneof(fc.jsonValue(), invocation) }) }),
        ),
      })
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(message, (text) => {
      const parsed = parseMessage(bytes(text));
      if (!parsed) return;
      invocationMethodOf(parsed);
      runIdOf(parsed);
    }),
    { numRuns: FUZZ_RUNS },
  );
});

test('any bytes at all are a message or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (value) => {
      const parsed = parseMessage(value);
      expect(parsed === undefined || isObject(parsed)).toBe(true);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
