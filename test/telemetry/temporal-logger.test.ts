/** What Temporal's SDK says about a failure, as it stands in the process's log. */
import { ApplicationFailure } from '@temporalio/common';
import { pino } from 'pino';
import { temporalLogger } from '../../telemetry/temporal-logger.js';

const QUOTE = 'planted-input is not what we want';

function logged(message: string, error: unknown): Record<string, unknown> {
  const lines: string[] = [];
  const logger = temporalLogger(pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }));
  logger.warn(message, { workflowId: 'r_1', activityType: 'reportRun', attempt: 2, error, args: [QUOTE] });
  return JSON.parse(lines.join()) as Record<string, unknown>;
}

test.each([
  [
    'Activity failed',
    ApplicationFailure.create({ type: 'PortUnavailable', message: QUOTE }),
    'PortUnavailable',
  ],
  ['Activity failed', new SyntaxError(QUOTE), 'SyntaxError'],
  ['Activity failed', QUOTE, 'string'],
  ['Workflow failed', ApplicationFailure.nonRetryable(QUOTE, 'RunFailed'), 'RunFailed'],
])('"%s" says of which kind the failure is, and nothing of what it says', (message, error, kind) => {
  const line = logged(message, error);
  expect(line).toMatchObject({ msg: message, workflowId: 'r_1', activityType: 'reportRun', attempt: 2 });
  expect(line['error']).toBe(kind);
  expect(JSON.stringify(line)).not.toContain('planted');
});

test('an error of the process itself is said in full', () => {
  const line = logged('Failed to process Workflow Activation', new TypeError('key "k1" not loaded'));
  expect(line['error']).toBe('TypeError: key "k1" not loaded');
});
