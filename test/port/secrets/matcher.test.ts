import { Matcher } from '../../../port/secrets/matcher.js';
import { fc } from '../../support/fuzz.js';

const MIB = 1024 * 1024;

function codesOf(text: string): Uint16Array {
  return Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

/** Which characters of a text belong to a secret. */
function covered(secrets: string[], text: string): string {
  const marks = [...text].map(() => '.');
  for (const { start, end } of new Matcher(secrets).find(codesOf(text))) marks.fill('#', start, end);
  return marks.join('');
}

test.each([
  [['abcd'], 'xabcdxabcd', '.####.####'],
  [['abcd', 'cdef'], 'abcdef', '######'],
  [['abcdef', 'bcde'], 'xbcdex', '.####.'],
  [['abcdef', 'cdef', 'bcdx'], 'abcdabcdef', '....######'],
  [['abcd', 'xabcdy'], 'xabcdz', '.####.'],
  [['aaaa'], 'aaaaaa', '######'],
  [['abc'], 'abcabc', '......'],
  [[''], 'abc', '...'],
  [['pass word'], 'q=pass+word', '..#########'],
])('%j in %s', (secrets, text, expected) => {
  expect(covered(secrets, text)).toBe(expected);
});

test.each([0, 1, 2, 3])('a secret behind %i bytes of a base64 text is found in it', (before) => {
  const secret = 'tr0ub4dor';
  const text = Buffer.from(`${'x'.repeat(before)}${secret}, and more`).toString('base64');
  const [range] = new Matcher([secret]).find(codesOf(text));
  const { start, end } = range ?? { start: 0, end: 0 };
  // Each character left over has bits of others only.
  expect(start).toBe(Math.floor((before * 8) / 6));
  expect(end).toBe(Math.ceil(((before + secret.length) * 8) / 6));
});

test('base64 for addresses is found as well', () => {
  const secret = '?>?>?>?>';
  const text = Buffer.from(secret).toString('base64url');
  expect(text).toMatch(/[-_]/);
  expect(covered([secret], text)).toBe('#'.repeat(text.length));
});

test('of a very long secret that breaks off, all that is there is found', () => {
  const secret = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(0x4e00 + i)).join('');
  expect(covered([secret], `x${secret}x`)).toBe(`.${'#'.repeat(3000)}.`);
  expect(covered([secret], `x${secret.slice(0, 2000)}x`)).toBe(`.${'#'.repeat(2000)}.`);
  expect(covered([secret, `${secret.slice(0, 1500)}x`], secret.slice(0, 2500))).toBe('#'.repeat(2500));
});

test('all that a search for each secret alone would find is found', () => {
  const ab = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 4, maxLength: 9 });
  fc.assert(
    fc.property(
      fc.array(ab, { minLength: 1, maxLength: 6 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 60 }),
      (secrets, text) => {
        const marks = [...text].map(() => '.');
        for (const secret of secrets) {
          for (let i = text.indexOf(secret); i >= 0; i = text.indexOf(secret, i + 1)) {
            marks.fill('#', i, i + secret.length);
          }
        }
        expect(covered(secrets, text)).toBe(marks.join(''));
      },
    ),
    { numRuns: 2000 },
  );
});

describe('the work for a text of 1 MiB', () => {
  const random = (i: number) => (i * 2_654_435_761) % 4_294_967_296;
  const many = Array.from({ length: 1000 }, (_, i) => `secret-${random(i).toString(36)}-${i}`);

  test.each([
    ['one secret', ['hunter2-hunter2'], 'hunter2-'],
    ['a thousand secrets', many, 'secret-'],
    ['secrets that nearly match everywhere', ['a'.repeat(999), `${'a'.repeat(500)}b`], 'a'],
    ['secrets that end alike', many.map((s, i) => `${'b'.repeat(i % 50)}${s}`), 'bbbbsecret-'],
    ['a long secret, over and over', ['x'.repeat(5000)], 'x'],
  ])('is two steps a character: %s', (_, secrets, piece) => {
    const matcher = new Matcher(secrets);
    const codes = codesOf(piece.repeat(Math.ceil(MIB / piece.length)).slice(0, MIB));
    matcher.find(codes);
    expect(matcher.steps).toBeGreaterThanOrEqual(MIB);
    expect(matcher.steps).toBeLessThanOrEqual(3 * MIB);
  });
});
