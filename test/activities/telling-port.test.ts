/** What the process's log and the history say of a report that Port did not take. */
import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { translatingFailures } from '../../activities/telling-port.js';
import { FAILURES } from '../../workflows/contract.js';
import { startPort } from './environment.js';

const QUOTE = 'value planted-input can not be stored';

/** Tells Port of a run's answer, while Port answers with this. */
async function tell(status: number, error: string): Promise<{ failure: ApplicationFailure; log: string }> {
  const port = await startPort();
  port.inject({ kind: 'respond', path: /response$/, response: { status, body: { error, message: QUOTE } } });
  const lines: string[] = [];
  // The SDK's own lines go through the bridge to the process's log, which has a test of its own.
  const logger = new DefaultLogger('TRACE', ({ message, meta }) => {
    if (message.startsWith('Port')) lines.push(`${message} ${JSON.stringify(meta)}`);
  });
  const failure = await new MockActivityEnvironment({}, { logger })
    .run(() => translatingFailures(() => port.client.sendResponse('r_1', { ok: true })))
    .catch((thrown: ApplicationFailure) => thrown);
  return { failure: failure as ApplicationFailure, log: lines.join('\n') };
}

test.each([
  [500, 'internal', FAILURES.portUnavailable, 'Port answered 500 internal to PATCH'],
  [422, 'invalid_request', FAILURES.portRefused, 'Port answered 422 invalid_request to PATCH'],
  [502, 'no upstream for planted-input', FAILURES.portUnavailable, 'Port answered 502 http_502 to PATCH'],
])(
  'of a %i %s, the failure quotes Port, and the log says what was asked',
  async (status, code, type, said) => {
    const { failure, log } = await tell(status, code);
    expect(failure.type).toBe(type);
    expect(failure.message).toContain(QUOTE);
    expect(log).toContain(`Port was not told: ${said} /v1/actions/runs/r_1/response`);
    expect(log).not.toContain('planted');
  },
);
