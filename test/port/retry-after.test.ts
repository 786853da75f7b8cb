import { retryAfterMs } from '../../port/retry-after.js';

const NOW = Date.parse('2026-11-21T12:00:00Z');

test.each([
  ['seconds', { 'retry-after': '120' }, 120_000],
  ['parts of a second', { 'retry-after': '0.5' }, 500],
  ['no wait at all', { 'retry-after': '0' }, 0],
  ['a date', { 'retry-after': 'Sat, 21 Nov 2026 12:01:00 GMT' }, 60_000],
  ['a date that has passed', { 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT' }, 0],
  ['a negative number', { 'retry-after': '-5' }, 0],
  ['seconds until the reset', { 'x-ratelimit-reset': '42' }, 42_000],
  ['the second of the reset', { 'x-ratelimit-reset': String(NOW / 1000 + 42) }, 42_000],
  ['a reset that has passed', { 'x-ratelimit-reset': String(NOW / 1000 - 42) }, 0],
  ['Retry-After before the reset', { 'retry-after': '1', 'x-ratelimit-reset': '42' }, 1000],
  ['the reset where Retry-After is unreadable', { 'retry-after': 'soon', 'x-ratelimit-reset': '42' }, 42_000],
])('%s', (_, headers, expected) => {
  expect(retryAfterMs(headers as Record<string, string>, NOW)).toBe(expected);
});

test.each([
  ['neither header', {}],
  ['empty ones', { 'retry-after': '', 'x-ratelimit-reset': '' }],
  ['words', { 'retry-after': 'later', 'x-ratelimit-reset': 'later' }],
  ['infinity', { 'retry-after': 'Infinity', 'x-ratelimit-reset': 'Infinity' }],
])('%s: undefined', (_, headers) => {
  expect(retryAfterMs(headers as Record<string, string>, NOW)).toBeUndefined();
});
