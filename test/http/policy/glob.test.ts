import { matchesGlob } from '../../../http/policy/glob.js';
import { fc } from '../../support/fuzz.js';

test.each([
  ['gitlab.corp', 'gitlab.corp', true],
  ['gitlab.corp', 'xgitlab.corp', false],
  ['*', '', true],
  ['*.corp', 'a.b.corp', true],
  ['*.corp', 'corp', false],
  ['git*', 'git', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['a*b*c', 'abc', true],
  ['a*b*c', 'acb', false],
  ['*ab*ab*', 'abab', true],
  ['*ab*ab*', 'aba', false],
  ['a*bc*c', 'abc', false],
  ['a.c', 'abc', false],
])('that %s matches "%s": %s', (pattern, text, expected) => {
  expect(matchesGlob(pattern, text)).toBe(expected);
});

test('a glob means what the regular expression with .* for each star means', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(letters, text, (pattern, value) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(value);
      expect(matchesGlob(pattern, value)).toBe(expected);
    }),
  );
});

// A regular expression would need hours.
test('many stars against a long text that nearly fits cost no time', () => {
  const started = performance.now();
  expect(matchesGlob(`${'a*'.repeat(50)}c`, 'a'.repeat(100_000))).toBe(false);
  expect(matchesGlob(`${'*a'.repeat(50)}b*`, 'a'.repeat(100_000))).toBe(false);
  expect(performance.now() - started).toBeLessThan(20_000);
});
