import { createHmac } from 'node:crypto';
import { signMessage } from '../../local/simulators/port-message.js';
import type { Json, JsonObject } from '../../port/message.js';
import { sign, signatureHeaders, verify } from '../../port/signature.js';
import { recorded } from '../local/simulators/port-contract.js';
import { CLIENT_SECRET, gitlabMessage, signed, webhookMessage } from './messages.js';

/** port-agent's own test message; its secret is "test". */
const vector = recorded('message-v1-signed').body as JsonObject & { headers: JsonObject };

function withHeaders(headers: Json): JsonObject {
  return { ...vector, headers };
}

describe('verification', () => {
  test("port-agent's own conformance vector is genuine, and loses its signature only", () => {
    expect(verify(vector, 'test', 'WEBHOOK')).toEqual({
      genuine: true,
      signedMs: 1_713_277_889_000,
      message: { ...vector, headers: {} },
    });
  });

  test.each(['GITLAB', 'WEBHOOK'] as const)('what the simulator signs as %s is genuine', (type) => {
    const message = signMessage(webhookMessage(), CLIENT_SECRET, 1_713_277_889, type) as JsonObject;
    expect(verify(message, CLIENT_SECRET, type).genuine).toBe(true);
  });

  test('a GITLAB message loses its headers altogether', () => {
    const message = gitlabMessage();
    expect(verify(signed(message), CLIENT_SECRET, 'GITLAB').message).toEqual(message);
  });

  test('a WEBHOOK message keeps its other headers, in their place', () => {
    const { action, ...rest } = webhookMessage();
    const message = { action: action as Json, headers: { RUN_ID: 'r_1' }, ...rest };
    const { genuine, message: unsigned } = verify(signed(message), CLIENT_SECRET, 'WEBHOOK');
    expect(genuine).toBe(true);
    expect(JSON.stringify(unsigned)).toBe(JSON.stringify(message));
  });

  const texts: [string, Json][] = [
    ['umlauts', 'Zürich'],
    ['Hebrew', 'שלום'],
    ['emoji', '🚀👩‍🚀'],
    ['half a character', '\ud83d'],
    ['escapes', 'a"b\\c\n\u0000\u2028</script>'],
    ['large numbers', 12345678901],
    ['fractions', 1e-7],
    ['integer-like keys out of order', { b: 1, 2: 'two', 1: 'one', a: 2 }],
    ['a __proto__ key', JSON.parse('{"__proto__":{"polluted":true},"x":1}')],
    ['nothing', null],
  ];
  test.each(texts)('text of every kind is covered: %s', (_, value) => {
    const text = JSON.stringify(signed(webhookMessage({}, { extra: value })));
    expect(verify(JSON.parse(text), CLIENT_SECRET, 'WEBHOOK').genuine).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('a __proto__ key at the root is signed content like any other', () => {
    const text = '{"__proto__":{"a":1},"headers":{}}';
    const signature = sign(text, CLIENT_SECRET, 5);
    const headers = JSON.stringify({ 'X-Port-Signature': signature, 'X-Port-Timestamp': 5 });
    const message = JSON.parse(text.replace('"headers":{}', `"headers":${headers}`));
    const verified = verify(message, CLIENT_SECRET, 'WEBHOOK');
    expect(verified.genuine).toBe(true);
    expect(JSON.stringify(verified.message)).toBe(text);
  });

  test('the timestamp may be a number or text, and both stand for the same digits', () => {
    const { headers } = vector;
    expect(headers['X-Port-Timestamp']).toBe(1713277889);
    const asText = withHeaders({ ...headers, 'X-Port-Timestamp': '1713277889' });
    expect(verify(asText, 'test', 'WEBHOOK').genuine).toBe(true);
  });

  const { 'X-Port-Signature': signature, 'X-Port-Timestamp': timestamp } = vector.headers;
  const both = { 'X-Port-Signature': signature as Json, 'X-Port-Timestamp': timestamp as Json };
  const bad: [string, JsonObject, string][] = [
    ['another secret', vector, 'tesT'],
    ['an empty secret', vector, ''],
    ['other content', { ...vector, action: 'Delete' }, 'test'],
    ['a key more', { ...vector, more: null }, 'test'],
    ['a key less', without(vector, 'status'), 'test'],
    ['keys in another order', { action: vector['action'] as Json, ...reversed(vector) }, 'test'],
    ['another time', withHeaders({ ...both, 'X-Port-Timestamp': 1713277890 }), 'test'],
    ['another header', withHeaders({ ...both, 'X-More': '1' }), 'test'],
    ['no headers', without(vector, 'headers'), 'test'],
    ['headers that are text', withHeaders('X-Port-Signature'), 'test'],
    ['headers that are a list', withHeaders([signature as Json, timestamp as Json]), 'test'],
    ['headers that are null', withHeaders(null), 'test'],
    ['no signature', withHeaders({ 'X-Port-Timestamp': timestamp as Json }), 'test'],
    ['no timestamp', withHeaders({ 'X-Port-Signature': signature as Json }), 'test'],
    ['a signature that is a number', withHeaders({ ...both, 'X-Port-Signature': 1 }), 'test'],
    ['a timestamp that is an object', withHeaders({ ...both, 'X-Port-Timestamp': {} }), 'test'],
    ['an empty signature', withHeaders({ ...both, 'X-Port-Signature': '' }), 'test'],
    [
      'half a signature',
      withHeaders({ ...both, 'X-Port-Signature': String(signature).slice(0, 20) }),
      'test',
    ],
    ['a longer signature', withHeaders({ ...both, 'X-Port-Signature': `${signature}=` }), 'test'],
    [
      'a signature of more bytes than characters',
      withHeaders({ ...both, 'X-Port-Signature': 'é'.repeat(47) }),
      'test',
    ],
    [
      'a signature without its version',
      withHeaders({ ...both, 'X-Port-Signature': String(signature).slice(3) }),
      'test',
    ],
  ];
  test.each(bad)('%s is not genuine', (_, message, secret) => {
    expect(verify(message, secret, 'WEBHOOK').genuine).toBe(false);
  });

  test('a signature is taken off even where it is wrong', () => {
    const { message } = verify(vector, 'wrong', 'WEBHOOK');
    expect(message['headers']).toEqual({});
  });
});

describe('signing', () => {
  test('is what Port documents: base64 of HMAC-SHA256 over `<timestamp>.<payload>`', () => {
    const hmac = createHmac('sha256', 'test').update('1713277889.{"a":"é"}', 'utf8').digest('base64');
    expect(sign('{"a":"é"}', 'test', 1713277889)).toBe(`v1,${hmac}`);
  });

  test('a receiver can verify the raw body with the two headers', () => {
    const body = JSON.stringify({ text: 'Zürich 🚀', spaced: [1, 2] });
    const headers = signatureHeaders(body, CLIENT_SECRET, 1_713_277_889_987);
    expect(headers['X-Port-Timestamp']).toBe('1713277889');
    const hmac = createHmac('sha256', CLIENT_SECRET)
      .update(Buffer.concat([Buffer.from(`${headers['X-Port-Timestamp']}.`), Buffer.from(body)]))
      .digest('base64');
    expect(headers['X-Port-Signature']).toBe(`v1,${hmac}`);
  });
});

function without(message: JsonObject, key: string): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([name]) => name !== key));
}

function reversed(message: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(message).reverse());
}
