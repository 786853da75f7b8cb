import { applyReport } from '../../../port/mapping/apply-report.js';
import type { Outcome } from '../../../port/outcome.js';

const ACCEPTED: Outcome = {
  log: ['Called it.', 'Handed over: the target reports how the run ends.'],
  headline: 'HTTP 202',
};
const FAILED: Outcome = {
  status: 'FAILURE',
  summary: 'it answered 500',
  log: ['Called it.'],
  headline: 'HTTP 500',
};

test('what a mapping yields takes the place of the default', () => {
  const report = { status: 'SUCCESS', link: 'https://x', summary: 'done', externalRunId: 7 };
  expect(applyReport(ACCEPTED, report)).toMatchObject({
    status: 'SUCCESS',
    link: 'https://x',
    summary: 'done',
    externalRunId: '7',
  });
});

test('a run that a mapping ends is not said to be handed over', () => {
  expect(applyReport(ACCEPTED, { status: 'SUCCESS' }).log).toEqual(['Called it.']);
});

test('what is null leaves the default, so that a failed call keeps its end', () => {
  const report = { status: null, link: null, summary: null, externalRunId: null };
  expect(applyReport(FAILED, report)).toEqual(FAILED);
});

test.each(['IN_PROGRESS', 'success', 7, {}, true])(
  'a status of %j is said to be none, and the default stands',
  (status) => {
    const outcome = applyReport(FAILED, { status });
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.log.at(-1)).toContain('report.status');
  },
);

test('several links are several', () => {
  expect(applyReport(ACCEPTED, { link: ['https://a', null, 'https://b'] }).link).toEqual([
    'https://a',
    'https://b',
  ]);
  expect(applyReport(ACCEPTED, { link: [] })).not.toHaveProperty('link');
});

test('an id that is the text null after a failure is none', () => {
  expect(applyReport(FAILED, { externalRunId: 'null' })).not.toHaveProperty('externalRunId');
  expect(applyReport(ACCEPTED, { externalRunId: 'null' }).externalRunId).toBe('null');
});

test('what is no text is told as JSON', () => {
  expect(applyReport(ACCEPTED, { summary: { a: 1 } }).summary).toBe('{"a":1}');
});
