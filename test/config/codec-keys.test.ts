import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describeEncryption, readCodecKeys } from '../../config/codec-keys.js';
import { loadConfig } from '../../config/config.js';
import { REQUIRED } from './required.js';

const A = Buffer.alloc(32, 0xa1).toString('base64');
const B = Buffer.alloc(32, 0xfb).toString('base64');
/** A key that could be an id, too. */
const SWAPPED = Buffer.alloc(32, 0x5c).toString('base64url');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'codec-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function idsOf(value: string): string[] {
  const read = readCodecKeys(value);
  return 'keys' in read ? read.keys.map(({ id }) => id) : read.problems;
}

test.each([
  ['one key', `k1:${A}`, ['k1']],
  ['several, in their order', `k2:${B},k1:${A}`, ['k2', 'k1']],
  ['lines, blanks and a comma at the end', ` k2 : ${B} ,\n k1:${A},\n`, ['k2', 'k1']],
  ['a comment', `# made in May\nk1:${A}`, ['k1']],
  ['base64 for URLs, without padding', `k1:${Buffer.alloc(32, 0xfb).toString('base64url')}`, ['k1']],
])('takes %s', (_, value, ids) => {
  expect(idsOf(value)).toEqual(ids);
});

test('takes a file with a key on each line', () => {
  const path = join(folder, 'keys');
  writeFileSync(path, `# current\nk2:${B}\nk1:${A}\n`);
  expect(idsOf(path)).toEqual(['k2', 'k1']);
});

test('reads the bytes that the text stands for', () => {
  const read = readCodecKeys(`k1:${B}`);
  expect('keys' in read && read.keys[0].secret.export().equals(Buffer.alloc(32, 0xfb))).toBe(true);
});

const MAKE = 'make a key with: openssl rand -base64 32';
const WRITE = 'write each key as id:key, and make one with: openssl rand -base64 32';
test.each([
  ['a key alone', A, [`has no id before key 1, nor is it the path of a file; ${WRITE}`]],
  [
    'a path that is not there',
    '/no/such/file',
    [`has no id before key 1, nor is it the path of a file; ${WRITE}`],
  ],
  ['a key that is too short', `k1:${A.slice(8)}`, [`has under "k1" no 32 bytes in base64; ${MAKE}`]],
  ['a key in hex', `k1:${'ab'.repeat(32)}`, [`has under "k1" no 32 bytes in base64; ${MAKE}`]],
  [
    'an id with a blank',
    `my key:${A}`,
    [`has an id before key 1 that is not made of letters, digits and ._-; ${WRITE}`],
  ],
  ['one id twice', `k1:${A},k1:${B}`, ['has two keys with the id "k1"; give each its own']],
  ['commas only', ',,', [`holds no key; ${WRITE}`]],
  ['a directory', tmpdir(), ['names a directory or device; give the path of a file']],
  [
    'every mistake at once',
    `k1:${A},${B},k3:short`,
    [
      `has no id before key 2, nor is it the path of a file; ${WRITE}`,
      `has under "k3" no 32 bytes in base64; ${MAKE}`,
    ],
  ],
])('refuses %s', (_, value, problems) => {
  expect(idsOf(value)).toEqual(problems);
});

test.each(['', '  '])(
  'is refused when it is set and empty (%j): histories would be readable in silence',
  (CODEC_KEYS) => {
    expect(() => loadConfig({ ...REQUIRED, CODEC_KEYS })).toThrow('CODEC_KEYS is set and empty');
  },
);

test('no key is shown, whether it is taken or refused', () => {
  const config = loadConfig({ ...REQUIRED, CODEC_KEYS: `k1:${A}` });
  const { environment: _, ...settled } = config;
  const shown = [
    inspect(settled, { depth: 10, showHidden: true }),
    JSON.stringify(settled),
    ...[A, `k1:${A}x`, `k 1:${A}`, `${SWAPPED}:2026-11`].map((value) => {
      try {
        return inspect(loadConfig({ ...REQUIRED, CODEC_KEYS: value }));
      } catch (error) {
        return inspect(error);
      }
    }),
  ].join('\n');
  expect(shown).toContain('CODEC_KEYS has no id before key 1');
  expect(shown).toContain('CODEC_KEYS has in key 1 no 32 bytes');
  expect(shown).not.toContain(SWAPPED.slice(0, 12));
  expect(shown).not.toContain(A.slice(0, 12));
  expect(shown).not.toContain('a1a1a1');
});

test('the log says at start who can read what Temporal keeps', () => {
  const [without] = loadConfig(REQUIRED).notices.slice(-1);
  expect(without).toBe(describeEncryption(undefined));
  expect(without).toContain(
    'not encrypted. Whoever has access to the namespace, its UI or its database reads',
  );
  const [encrypted] = loadConfig({ ...REQUIRED, CODEC_KEYS: `k2:${B},k1:${A}` }).notices.slice(-1);
  expect(encrypted).toBe(
    'Temporal\'s history: encrypted with key "k2", also read with "k1". Ids, workflow types, search attributes and times stay readable',
  );
});
