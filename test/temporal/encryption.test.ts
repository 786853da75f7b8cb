import { createSecretKey } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import type { CodecKey, CodecKeys } from '../../config/codec-keys.js';
import { createEncryption, isEncrypted, ownerOf } from '../../temporal/codec/encryption.js';

const key = (id: string, byte: number): CodecKey => ({
  id,
  secret: createSecretKey(Buffer.alloc(32, byte)),
});
const K1 = key('k1', 1);
const K2 = key('k2', 2);
const OWNER = { type: 'workflow', namespace: 'ports', workflowId: 'r_1' } as const;
const SECRET = { password: 'correct horse battery staple' };

const codec = (...keys: CodecKeys) => createEncryption(keys);
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) as Payload;
const contentOf = (payload: Payload | undefined): unknown =>
  defaultPayloadConverter.fromPayload(payload as Payload);

async function encrypted(keys: CodecKeys = [K1], value: unknown = SECRET, owner = OWNER): Promise<Payload> {
  const [payload] = await codec(...keys).encode([payloadOf(value)], owner);
  return payload as Payload;
}

test('what it encrypts, it decrypts: every payload with its metadata and bytes', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const metadata = fc.dictionary(fc.string({ minLength: 1 }), bytes, { maxKeys: 4 });
  await fc.assert(
    fc.asyncProperty(metadata, bytes, async (given, data) => {
      const each = codec(K1);
      const [back] = await each.decode(await each.encode([{ metadata: given, data }], OWNER), OWNER);
      expect(Object.keys(back?.metadata ?? {})).toEqual(Object.keys(given));
      for (const [name, value] of Object.entries(given))
        expect(Buffer.from(back?.metadata?.[name] ?? []).equals(value)).toBe(true);
      expect(Buffer.from(back?.data ?? []).equals(data)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('nothing of the content is left readable; the key and the owner are', async () => {
  const payload = await encrypted();
  const all = Buffer.concat([...Object.values(payload.metadata ?? {}), payload.data ?? Buffer.alloc(0)]);
  expect(all.includes('password')).toBe(false);
  expect(all.includes('horse')).toBe(false);
  expect(all.includes('json/plain')).toBe(false);
  expect(isEncrypted(payload)).toBe(true);
  expect(ownerOf(payload)).toEqual({ namespace: 'ports', workflowId: 'r_1' });
  expect(Buffer.from(payload.metadata?.['encryption-key-id'] ?? []).toString()).toBe('k1');
});

test('the same value never looks the same twice', async () => {
  const [one, two] = await codec(K1).encode([payloadOf(SECRET), payloadOf(SECRET)], OWNER);
  expect(Buffer.from(one?.data ?? []).equals(two?.data ?? Buffer.alloc(0))).toBe(false);
});

test('every loaded key decrypts, the first one encrypts', async () => {
  const old = await encrypted([K1]);
  const rotated = codec(K2, K1);
  expect(contentOf((await rotated.decode([old], OWNER))[0])).toEqual(SECRET);
  const young = await encrypted([K2, K1]);
  expect(contentOf((await codec(K1, K2).decode([young], OWNER))[0])).toEqual(SECRET);
  await expect(codec(K2).decode([old], OWNER)).rejects.toThrow('key "k1" not loaded: add it to CODEC_KEYS');
});

test('without any key nothing is encrypted, and what somebody else has encrypted says which one it takes', async () => {
  const none = createEncryption(undefined);
  const plain = payloadOf(SECRET);
  expect(await none.encode([plain], OWNER)).toEqual([plain]);
  expect(await none.decode([plain], OWNER)).toEqual([plain]);
  await expect(none.decode([await encrypted()], OWNER)).rejects.toThrow(
    'key "k1" not loaded: add it to CODEC_KEYS',
  );
});

test('what was written before encryption was on is read as it is', async () => {
  const plain = payloadOf(SECRET);
  expect(await codec(K1).decode([plain], OWNER)).toEqual([plain]);
});

test('who is told no owner can read it, as a codec server must', async () => {
  expect(contentOf((await codec(K1).decode([await encrypted()]))[0])).toEqual(SECRET);
});

describe('refuses', () => {
  const changed = async (change: (payload: Payload) => Payload): Promise<Payload> =>
    change(await encrypted());
  const flipped = (payload: Payload, at: number): Payload => {
    const data = Buffer.from(payload.data ?? []);
    const place = at < 0 ? data.length + at : at;
    data[place] = (data[place] ?? 0) ^ 1;
    return { ...payload, data };
  };
  const withMetadata = (payload: Payload, name: string, value: string): Payload => ({
    ...payload,
    metadata: { ...payload.metadata, [name]: Buffer.from(value) },
  });
  const OTHER =
    'key "k1" does not open this payload: it is another key under that id, or the payload was changed';

  test.each<[string, (payload: Payload) => Payload]>([
    ['a changed IV', (payload) => flipped(payload, 0)],
    ['a changed text', (payload) => flipped(payload, 20)],
    ['a changed tag', (payload) => flipped(payload, -1)],
    [
      'a shortened tag',
      (payload) => ({ ...payload, data: (payload.data ?? Buffer.alloc(0)).subarray(0, -4) }),
    ],
    ['no data', (payload) => ({ ...payload, data: Buffer.alloc(0) })],
  ])('%s', async (_, change) => {
    await expect(codec(K1).decode([await changed(change)], OWNER)).rejects.toThrow(OTHER);
  });

  test('another key under the same id', async () => {
    await expect(codec(key('k1', 9)).decode([await encrypted()], OWNER)).rejects.toThrow(OTHER);
  });

  test.each([
    ['of another run', { ...OWNER, workflowId: 'r_2' }],
    ['of another namespace', { ...OWNER, namespace: 'others' }],
  ])('a payload %s', async (_, reader) => {
    await expect(codec(K1).decode([await encrypted()], reader)).rejects.toThrow(
      'this payload belongs to r_1 in ports',
    );
  });

  test.each(['workflow-id', 'namespace'])('a payload whose %s was rewritten', async (name) => {
    const moved = await changed((payload) => withMetadata(payload, name, 'another'));
    const reader =
      name === 'namespace' ? { ...OWNER, namespace: 'another' } : { ...OWNER, workflowId: 'another' };
    await expect(codec(K1).decode([moved], reader)).rejects.toThrow(OTHER);
    await expect(codec(K1).decode([moved])).rejects.toThrow(OTHER);
  });
});
