import { fitOutcome } from '../../port/fit-outcome.js';
import type { Outcome } from '../../port/outcome.js';

const KNOWN: Outcome = { status: 'SUCCESS', log: ['done'], headline: 'HTTP 200', statusCode: 200 };
const LONG = 'x'.repeat(2_000_000);

test('an outcome of a common size stays as it is', () => {
  const outcome: Outcome = {
    ...KNOWN,
    summary: 'deployed',
    link: 'https://ci.example.com/7',
    externalRunId: '7',
    response: { id: 7 },
  };
  expect(fitOutcome(outcome)).toEqual(outcome);
  expect(fitOutcome({ ...outcome, link: ['https://x/1', 'https://x/2'] }).link).toEqual([
    'https://x/1',
    'https://x/2',
  ]);
});

test('half a link or half an id leads elsewhere: both are left out, and the log says so', () => {
  const { link, externalRunId, log } = fitOutcome({ ...KNOWN, link: LONG, externalRunId: LONG });
  expect([link, externalRunId]).toEqual([undefined, undefined]);
  expect(log).toEqual([
    'done',
    expect.stringMatching(/^Links of over/),
    expect.stringMatching(/^The external/),
  ]);
  expect(fitOutcome({ ...KNOWN, link: ['https://x/1', LONG] }).link).toEqual(['https://x/1']);
});

test.each([
  ['letters', 'x'],
  ['what JSON writes with six bytes', '\u0001'],
  ['what UTF-8 writes with four bytes', '😀'],
])('whatever it is made of, Temporal takes it: %s', (_, character) => {
  const long = character.repeat(1_000_000);
  const outcome = fitOutcome({
    ...KNOWN,
    summary: long,
    link: Array.from({ length: 1000 }, () => character.repeat(1000)),
    externalRunId: character.repeat(255),
    response: character.repeat(64 * 1024),
    log: Array.from({ length: 1000 }, () => long),
  });
  const TEMPORAL_TAKES = 2 * 1024 * 1024;
  expect(Buffer.byteLength(JSON.stringify(outcome))).toBeLessThan(TEMPORAL_TAKES * 0.75);
  expect(outcome).toMatchObject({ status: 'SUCCESS', statusCode: 200, headline: 'HTTP 200' });
  expect(outcome.log).toContain('999 more lines were left out.');
});
