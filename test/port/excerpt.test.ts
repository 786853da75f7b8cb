import { excerpt, oneLine } from '../../port/excerpt.js';

describe('an excerpt', () => {
  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdefg', 6, 'abcdef…'],
    ['', 0, ''],
    ['ab🚀', 4, 'ab🚀'],
    ['ab🚀c', 3, 'ab…'],
    ['ab🚀c', 4, 'ab🚀…'],
    ['שלום', 2, 'של…'],
  ])('of %j in %i characters is %j', (text, length, expected) => {
    expect(excerpt(text, length)).toBe(expected);
  });

  test('may be marked in other words', () => {
    expect(excerpt('abc', 2, ' (cut)')).toBe('ab (cut)');
  });
});

test.each([
  ['two\nlines\r\n', 'two lines  '],
  ['bell\u0007 and nul\u0000', 'bell  and nul '],
  ['line\u2028separator', 'line separator'],
  ['half \ud83d of a rocket', 'half   of a rocket'],
  ['a whole 🚀 and a family 👩‍👩‍👧', 'a whole 🚀 and a family 👩‍👩‍👧'],
])('%j becomes one line', (text, expected) => {
  expect(oneLine(text)).toBe(expected);
});
