import { createReportRun } from '../../activities/report-run.js';
import type { Fault, SimResponse } from '../../local/simulators/http-server.js';
import type { Run } from '../../local/simulators/port.js';
import type { Outcome } from '../../port/outcome.js';
import { FAILURES } from '../../workflows/contract.js';
import { until } from '../support/house.js';
import {
  type AttemptInfo,
  attempt,
  CLIENT_SECRET,
  everythingIn,
  failureOf,
  memoryLogger,
  newRunId,
  startPort,
  type TestPort,
} from './environment.js';

const HANDED_OVER: Outcome = { log: ['Called it.', 'Handed over.'], headline: 'HTTP 202' };
const PIPELINE: Outcome = {
  link: 'https://gitlab.example.com/platform/infra/-/pipelines/97',
  externalRunId: '97',
  log: ['Created pipeline 97.'],
  headline: 'HTTP 201, pipeline 97',
};
const ANSWERED: Outcome = {
  status: 'SUCCESS',
  response: { ok: true },
  log: ['Called it: it answered 200.'],
  headline: 'HTTP 200',
};
const EMPTY: Outcome = { status: 'SUCCESS', log: ['Called it: it answered 204.'], headline: 'HTTP 204' };
const FAILED: Outcome = {
  status: 'FAILURE',
  summary: 'GitLab answered 404: check the token',
  log: ['Called it: GitLab answered 404.'],
  headline: 'HTTP 404',
};

/** Port's client makes a call so often before it leaves the rest to Temporal. */
const ATTEMPTS = 3;

const RUN = /^\/v1\/actions\/runs\/[^/]+$/;
const LOGS = /\/logs$/;
const RESPONSE = /\/response$/;

const answer = (
  status: number,
  error = 'invalid_request',
  headers: Record<string, string> = {},
): SimResponse => ({
  status,
  headers,
  body: { ok: false, error, message: `${error}, says Port` },
});

/** Port answers so to the requests with this method and path, without having done anything. */
const respond = (port: TestPort, method: string, path: RegExp, response: SimResponse, times?: number) =>
  port.inject({ kind: 'respond', method, path, response, ...(times !== undefined && { times }) });

/** One attempt to report an outcome. */
async function report(port: TestPort, runId: string, outcome: Outcome, info?: AttemptInfo) {
  const { logger, lines } = memoryLogger();
  const activity = createReportRun({ port: port.client, logger });
  return { ...(await attempt(activity, { runId, outcome }, info)), logLines: lines };
}

/** Reports the outcome of a new run; the attempt must succeed. */
async function reported(port: TestPort, action: string, outcome: Outcome): Promise<Run> {
  const runId = await port.trigger(action);
  const { error } = await report(port, runId, outcome);
  if (error) throw error;
  return port.run(runId);
}

describe('what Port is told', () => {
  test('an accepted webhook is one request: its log', async () => {
    const port = await startPort();
    const run = await reported(port, 'webhook', HANDED_OVER);
    expect(port.asked()).toEqual(['POST /logs']);
    expect(run.status).toBe('IN_PROGRESS');
    expect(run.logs.map(({ message }) => message)).toEqual(['Called it.\nHanded over.']);
  });

  test('a pipeline is two: its log, then its link and id', async () => {
    const port = await startPort();
    const run = await reported(port, 'gitlab', PIPELINE);
    expect(port.asked()).toEqual(['POST /logs', 'PATCH /']);
    expect(run.status).toBe('IN_PROGRESS');
    expect(run.link).toBe(PIPELINE.link);
    expect(run.externalRunId).toBe('97');
    expect(run.patches.map(({ body }) => Object.keys(body))).toEqual([['link', 'externalRunId']]);
  });

  test('a synchronized webhook is three: its answer, its log, its end', async () => {
    const port = await startPort();
    const run = await reported(port, 'synchronized', ANSWERED);
    expect(port.asked()).toEqual(['PATCH /response', 'POST /logs', 'PATCH /']);
    expect(run.status).toBe('SUCCESS');
    expect(run.response).toEqual({ ok: true });
    expect(run.logs).toHaveLength(1);
    expect(run.endAttempts).toBe(1);
  });

  test('a failure is two: its log, its end with the summary', async () => {
    const port = await startPort();
    const run = await reported(port, 'gitlab', FAILED);
    expect(port.asked()).toEqual(['POST /logs', 'PATCH /']);
    expect(run.status).toBe('FAILURE');
    expect(run.summary).toBe(FAILED.summary);
  });

  test('an answer of null is an answer', async () => {
    const port = await startPort();
    const run = await reported(port, 'synchronized', { ...ANSWERED, response: null });
    expect(run.response).toBeNull();
    expect(port.asked()).toContain('PATCH /response');
  });

  test('for many runs at the same time costs one token', async () => {
    const port = await startPort();
    await Promise.all([1, 2, 3].map(() => reported(port, 'webhook', HANDED_OVER)));
    await reported(port, 'webhook', HANDED_OVER);
    expect(port.asked()).toHaveLength(4);
    expect(port.journal).toHaveLength(5);
  });

  test('survives a token that Port has revoked', async () => {
    const port = await startPort();
    await reported(port, 'webhook', HANDED_OVER);
    port.revokeTokens();
    const run = await reported(port, 'webhook', HANDED_OVER);
    expect(run.logs).toHaveLength(1);
  });

  test('is logged by the process with run and status alone', async () => {
    const port = await startPort();
    const runId = await port.trigger('gitlab');
    const { logLines } = await report(port, runId, FAILED);
    expect(logLines).toHaveLength(1);
    expect(JSON.parse(logLines.join())).toMatchObject({ runId, status: 'FAILURE', msg: 'reported' });
    expect(logLines.join()).not.toContain('GitLab answered');
  });
});

describe('an attempt after one that failed half-way', () => {
  test('does not repeat the log', async () => {
    const port = await startPort();
    const runId = await port.trigger('gitlab');
    respond(port, 'PATCH', RUN, answer(500), ATTEMPTS);
    const first = await report(port, runId, FAILED);
    expect(failureOf(first).type).toBe(FAILURES.portUnavailable);
    const { heartbeatDetails } = first;
    const second = await report(port, runId, FAILED, { attempt: 2, heartbeatDetails });
    expect(second.error).toBeUndefined();
    expect(port.run(runId).logs).toHaveLength(1);
    expect(port.run(runId).status).toBe('FAILURE');
    expect(port.asked().filter((asked) => asked === 'POST /logs')).toHaveLength(1);
  });

  test('does not repeat the answer, and still logs', async () => {
    const port = await startPort();
    const runId = await port.trigger('synchronized');
    respond(port, 'POST', LOGS, answer(503), ATTEMPTS);
    const first = await report(port, runId, ANSWERED);
    const { heartbeatDetails } = first;
    const second = await report(port, runId, ANSWERED, { attempt: 2, heartbeatDetails });
    expect(second.error).toBeUndefined();
    expect(port.asked().filter((asked) => asked === 'PATCH /response')).toHaveLength(1);
    expect(port.run(runId)).toMatchObject({ status: 'SUCCESS', logs: [{ message: ANSWERED.log[0] }] });
  });

  test('is done when the end had reached Port and its answer was lost', async () => {
    const port = await startPort();
    const runId = await port.trigger('gitlab');
    port.inject({ kind: 'dropAfter', method: 'PATCH', path: RUN, times: 1 });
    const { error } = await report(port, runId, FAILED);
    expect(error).toBeUndefined();
    expect(port.run(runId).endedTimes).toBe(1);
  });
});

describe('a run that has ended already', () => {
  test('by its pipeline, needs nothing more', async () => {
    const port = await startPort();
    const runId = await port.trigger('gitlab');
    await port.client.patchRun(runId, { status: 'SUCCESS' });
    const { error } = await report(port, runId, PIPELINE);
    expect(error).toBeUndefined();
    expect(port.run(runId).status).toBe('SUCCESS');
    expect(port.run(runId).logs).toHaveLength(0);
  });

  test('by its answer, needs nothing more', async () => {
    const port = await startPort({ responseEndsRun: true });
    const run = await reported(port, 'synchronized', ANSWERED);
    expect(run.status).toBe('SUCCESS');
    expect(run.endedTimes).toBe(1);
  });
});

describe('a synchronized run whose status Port refuses', () => {
  test('is done once its answer was accepted', async () => {
    const port = await startPort({ synchronizedStatus: 'refused' });
    const run = await reported(port, 'synchronized', ANSWERED);
    expect(run.response).toEqual({ ok: true });
    expect(run.patches.map(({ accepted }) => accepted)).toEqual([false]);
    expect(port.asked()).toHaveLength(3);
  });

  test.each([EMPTY, FAILED])(
    'and that has no answer is ended through its log: $headline',
    async (outcome) => {
      const port = await startPort({ synchronizedStatus: 'refused' });
      const run = await reported(port, 'synchronized', outcome);
      expect(run.status).toBe(outcome.status);
      expect(run.response).toBe(outcome.summary ?? null);
      expect(run.logs.map(({ terminationStatus }) => terminationStatus)).toEqual([undefined, outcome.status]);
      expect(run.logs.at(-1)?.message).toBe(outcome.summary ?? 'The run has ended.');
    },
  );

  test('and whose answer is refused too is ended through its log', async () => {
    const port = await startPort({ synchronizedStatus: 'refused' });
    respond(port, 'PATCH', RESPONSE, answer(422));
    const run = await reported(port, 'synchronized', ANSWERED);
    expect(run.status).toBe('SUCCESS');
    expect(run.response).toBeUndefined();
  });

  test('and that stays open is a failure that somebody sees', async () => {
    const port = await startPort({ synchronizedStatus: 'refused' });
    const runId = await port.trigger('synchronized');
    port.inject({ kind: 'delayBefore', ms: 0, path: LOGS, times: 1 });
    respond(port, 'POST', LOGS, { status: 201, body: { ok: true } });
    const failure = failureOf(await report(port, runId, EMPTY));
    expect(port.run(runId).status).toBe('IN_PROGRESS');
    expect(failure.type).toBe(FAILURES.portRefused);
    expect(failure.nonRetryable).toBe(true);
    expect(failure.message).toContain(runId);
    expect(failure.message).toContain('still holds it open');
  });

  test('and that takes no ending log either fails with Port’s reason', async () => {
    const port = await startPort({ synchronizedStatus: 'refused' });
    const runId = await port.trigger('synchronized');
    port.inject({ kind: 'delayBefore', ms: 0, path: LOGS, times: 1 });
    respond(port, 'POST', LOGS, answer(422, 'run_synchronized_error'));
    const failure = failureOf(await report(port, runId, EMPTY));
    expect(failure.type).toBe(FAILURES.portRefused);
    expect(failure.message).toContain('run_synchronized_error');
    expect(port.asked().at(-1)).toBe('GET /');
  });
});

describe('what Port refuses does not keep a run open', () => {
  test('a summary or link', async () => {
    const port = await startPort();
    respond(port, 'PATCH', RUN, answer(422), 1);
    const run = await reported(port, 'gitlab', { ...FAILED, link: 'not a link' });
    expect(run.status).toBe('FAILURE');
    expect(run.patches.map(({ body }) => body)).toEqual([{ status: 'FAILURE' }]);
  });

  test('a summary of a run whose status is refused next', async () => {
    const port = await startPort({ synchronizedStatus: 'refused' });
    respond(port, 'PATCH', RUN, answer(422), 1);
    const run = await reported(port, 'synchronized', FAILED);
    expect(run.status).toBe('FAILURE');
    expect(run.logs.at(-1)).toMatchObject({ terminationStatus: 'FAILURE', message: FAILED.summary });
  });

  test('an answer, which the log then tells', async () => {
    const port = await startPort();
    respond(port, 'PATCH', RESPONSE, answer(422));
    const run = await reported(port, 'synchronized', ANSWERED);
    expect(run.status).toBe('SUCCESS');
    expect(run.logs.map(({ message }) => message)).toEqual([
      "Called it: it answered 200.\nPort refused the target's answer as the response of the run: invalid_request.",
    ]);
  });

  test('a log longer than Port takes', async () => {
    const port = await startPort();
    const run = await reported(port, 'gitlab', { ...FAILED, log: ['x'.repeat(1024 * 1024)] });
    expect(run.status).toBe('FAILURE');
    expect(run.logs).toHaveLength(0);
  });

  test('but where nothing else was to be told, the refusal is a failure', async () => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    respond(port, 'POST', LOGS, answer(422));
    const failure = failureOf(await report(port, runId, HANDED_OVER));
    expect(failure.type).toBe(FAILURES.portRefused);
    expect(failure.nonRetryable).toBe(true);
  });
});

describe('a Port that does not take the report', () => {
  test('since it does not know the run, is not asked again', async () => {
    const port = await startPort();
    const runId = newRunId();
    const failure = failureOf(await report(port, runId, ANSWERED));
    expect(failure.type).toBe(FAILURES.portRefused);
    expect(failure.nonRetryable).toBe(true);
    expect(failure.message).toContain(`404 not_found to PATCH /v1/actions/runs/${runId}/response`);
    expect(port.asked()).toHaveLength(1);
  });

  test('since the credentials are wrong, is asked again, and the failure says what to check', async () => {
    const port = await startPort({}, 'planted-wrong-secret');
    const failure = failureOf(await report(port, await port.trigger('webhook'), HANDED_OVER));
    expect(failure.type).toBe(FAILURES.portUnavailable);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.message).toMatch(/401.*Check PORT_CLIENT_ID and PORT_CLIENT_SECRET/);
  });

  const away: [string, Fault][] = [
    ['500', { kind: 'respond', response: answer(500) }],
    ['503 with a page', { kind: 'respond', response: { status: 503, body: '<html></html>' } }],
    ['403', { kind: 'respond', response: answer(403) }],
    ['408', { kind: 'respond', response: answer(408) }],
    ['nothing, before it has read', { kind: 'dropBefore' }],
    ['nothing, after it has acted', { kind: 'dropAfter' }],
  ];
  test.each(away)('since it answers %s, is asked again when Temporal thinks fit', async (_, fault) => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    port.inject({ ...fault, path: LOGS });
    const failure = failureOf(await report(port, runId, HANDED_OVER));
    expect(failure.type).toBe(FAILURES.portUnavailable);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.nextRetryDelay).toBeUndefined();
  });

  test('since nothing listens there, is asked again', async () => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    await port.refuse();
    const failure = failureOf(await report(port, runId, HANDED_OVER));
    expect(failure.type).toBe(FAILURES.portUnavailable);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.message).toContain('ECONNREFUSED');
  });

  const now = () => Math.floor(Date.now() / 1000);
  const waits: [string, number, () => Record<string, string>, number][] = [
    ['Retry-After', 429, () => ({ 'retry-after': '42' }), 42_000],
    ['the seconds to the reset', 429, () => ({ 'x-ratelimit-reset': '42' }), 42_000],
    ['the time of the reset', 429, () => ({ 'x-ratelimit-reset': String(now() + 42) }), 42_000],
    ['ten minutes at most', 429, () => ({ 'retry-after': '86400' }), 600_000],
    ['a second at least', 429, () => ({ 'x-ratelimit-reset': '0' }), 1000],
    ['Retry-After of a 503', 503, () => ({ 'retry-after': '9' }), 9000],
  ];
  test.each(waits)('for now, is asked again after %s', async (_, status, headers, delayMs) => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    respond(port, 'POST', LOGS, answer(status, 'busy', headers()));
    const failure = failureOf(await report(port, runId, HANDED_OVER));
    expect(failure.type).toBe(FAILURES.portUnavailable);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.nextRetryDelay).toBeLessThanOrEqual(delayMs);
    expect(failure.nextRetryDelay).toBeGreaterThan(delayMs - 5000);
  });

  test.each(['epoch', 'seconds'] as const)(
    'since its limit is reached, is asked again after the reset in %s',
    async (form) => {
      const port = await startPort({
        rateLimit: { limit: 1, periodSeconds: 300 },
        rateLimitResetForm: form,
      });
      const failure = failureOf(await report(port, await port.trigger('webhook'), HANDED_OVER));
      expect(failure.type).toBe(FAILURES.portUnavailable);
      expect(failure.message).toContain('429 too_many_requests');
      expect(failure.nextRetryDelay).toBeGreaterThan(290_000);
      expect(failure.nextRetryDelay).toBeLessThanOrEqual(300_000);
    },
  );

  test('for another reason, is not left alone until the rate limit’s reset', async () => {
    const port = await startPort();
    const runId = await port.trigger('webhook');
    const headers = { 'x-ratelimit-reset': String(now() + 290), 'x-ratelimit-remaining': '14000' };
    respond(port, 'POST', LOGS, answer(500, 'internal_error', headers));
    const failure = failureOf(await report(port, runId, HANDED_OVER));
    expect(failure.nextRetryDelay).toBeUndefined();
  });
});

test('no failure shows the client secret or a token', async () => {
  const faults: Fault[] = [
    { kind: 'respond', response: answer(422) },
    { kind: 'respond', response: answer(401) },
    { kind: 'respond', response: answer(500) },
    { kind: 'dropBefore' },
    { kind: 'dropAfter' },
  ];
  const port = await startPort();
  const failures: unknown[] = [];
  for (const path of [LOGS, /access_token$/]) {
    for (const fault of faults) {
      port.revokeTokens();
      const takeBack = port.inject({ ...fault, path });
      failures.push((await report(port, await port.trigger('webhook'), HANDED_OVER)).error);
      takeBack();
    }
  }
  await port.refuse();
  failures.push((await report(port, await port.trigger('webhook'), HANDED_OVER)).error);

  const tokens = port.journal.flatMap(({ headers }) => headers.authorization?.split(' ')[1] ?? []);
  expect(tokens.length).toBeGreaterThan(0);
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(Error);
    const seen = everythingIn(failure);
    expect(seen).not.toContain(CLIENT_SECRET);
    for (const token of tokens) expect(seen).not.toContain(token);
  }
});

test.each([
  ['the token call', 'POST', /access_token$/],
  ['the run itself', 'PATCH', RUN],
])("a gateway's own 404 to %s is no refusal of Port: the report is made again", async (_, method, path) => {
  const port = await startPort();
  const runId = await port.trigger('webhook');
  respond(port, method, path, { status: 404, body: '<html>no such host</html>' });
  expect(failureOf(await report(port, runId, FAILED))).toMatchObject({
    type: FAILURES.portUnavailable,
    nonRetryable: false,
  });
});

test('when its worker stops while Port is silent, the attempt ends, and the next one goes on', async () => {
  const port = await startPort();
  const runId = await port.trigger('synchronized');
  const heal = port.inject({ kind: 'hang', path: LOGS });
  const stops = until('Port is asked', () => port.asked().includes('POST /logs'));
  const stopped = await report(port, runId, ANSWERED, { stops });
  expect(failureOf(stopped)).toMatchObject({
    type: FAILURES.portUnavailable,
    nonRetryable: false,
    message: 'the worker stopped before Port had answered; another one goes on with the report',
  });
  heal();
  const { heartbeatDetails } = stopped;
  const next = await report(port, runId, ANSWERED, { attempt: 2, heartbeatDetails });
  expect(next.error).toBeUndefined();
  expect(port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
  expect(port.run(runId).logs).toHaveLength(1);
});
