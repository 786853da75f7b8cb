import { createReportRejection } from '../../activities/report-rejection.js';
import { FAILURES } from '../../workflows/contract.js';
import { attempt, failureOf, newRunId, startPort, type TestPort } from './environment.js';

const ADVICE = 'Check that PORT_CLIENT_SECRET is the one of this organization.';
const RUN = /^\/v1\/actions\/runs\/[^/]+$/;

function reject(port: TestPort, reportTo: string) {
  const rejection = {
    record: 'org_1.runs/0/7',
    reason: 'bad signature' as const,
    advice: ADVICE,
    sizeBytes: 10,
    timestampMs: 0,
    reportTo,
  };
  return attempt(createReportRejection({ port: port.client }), rejection);
}

test('a run that is open ends with the reason and what to do', async () => {
  const port = await startPort();
  const runId = await port.trigger('webhook');
  expect((await reject(port, runId)).error).toBeUndefined();
  expect(port.run(runId).status).toBe('FAILURE');
  expect(port.run(runId).summary).toBe(`The agent did not carry out this run: bad signature. ${ADVICE}`);
});

test('a run that has ended is left as it is', async () => {
  const port = await startPort();
  const runId = await port.trigger('webhook');
  await port.client.patchRun(runId, { status: 'SUCCESS', summary: 'done' });
  const before = port.asked().length;
  expect((await reject(port, runId)).error).toBeUndefined();
  expect(port.asked().slice(before)).toEqual(['GET /']);
  expect(port.run(runId)).toMatchObject({ status: 'SUCCESS', summary: 'done' });
});

test('a run that Port does not know is nobody’s', async () => {
  const port = await startPort();
  expect((await reject(port, newRunId())).error).toBeUndefined();
  expect(port.asked()).toEqual(['GET /']);
});

test('a run that ends while it is looked at needs nothing more', async () => {
  const port = await startPort();
  const runId = await port.trigger('webhook');
  const body = { ok: false, error: 'run_exhausted', message: 'The run has ended' };
  port.inject({ kind: 'respond', method: 'PATCH', path: RUN, response: { status: 422, body } });
  expect((await reject(port, runId)).error).toBeUndefined();
});

test('a synchronized run whose status Port refuses is ended through its log', async () => {
  const port = await startPort({ synchronizedStatus: 'refused' });
  const runId = await port.trigger('synchronized');
  expect((await reject(port, runId)).error).toBeUndefined();
  expect(port.run(runId).status).toBe('FAILURE');
  expect(port.run(runId).logs.at(-1)?.message).toContain(ADVICE);
});

test.each(['GET', 'PATCH'])('a Port that fails at %s is asked again', async (method) => {
  const port = await startPort();
  const runId = await port.trigger('webhook');
  port.inject({ kind: 'respond', method, path: RUN, response: { status: 503 } });
  const failure = failureOf(await reject(port, runId));
  expect(failure.type).toBe(FAILURES.portUnavailable);
  expect(failure.nonRetryable).toBeFalsy();
  expect(port.run(runId).status).toBe('IN_PROGRESS');
});

test('a Port that is away is asked again', async () => {
  const port = await startPort();
  const runId = await port.trigger('webhook');
  await port.refuse();
  expect(failureOf(await reject(port, runId)).type).toBe(FAILURES.portUnavailable);
});

describe('a node run', () => {
  const URL = 'https://service.corp/';

  test('that is open is completed as failed, with the reason and what to do as its log', async () => {
    const port = await startPort();
    const id = await port.triggerNode({ url: URL });
    expect((await reject(port, id)).error).toBeUndefined();
    expect(port.nodeRuns.get(id)).toMatchObject({
      status: 'COMPLETED',
      result: 'FAILED',
      logs: [
        {
          level: 'ERROR',
          message: `The agent did not carry out this run: bad signature. ${ADVICE}`,
        },
      ],
    });
  });

  test('that has ended is left as it is', async () => {
    const port = await startPort();
    const id = await port.triggerNode({ url: URL });
    await port.client.patchNodeRun(id, { status: 'COMPLETED', result: 'SUCCESS' });
    expect((await reject(port, id)).error).toBeUndefined();
    expect(port.nodeRuns.get(id)).toMatchObject({ result: 'SUCCESS', logs: [] });
  });

  test('that Port does not know is nobody’s', async () => {
    const port = await startPort();
    expect((await reject(port, 'wfnr_unknown')).error).toBeUndefined();
  });

  test('is told why once, however often its end has to be tried', async () => {
    const port = await startPort();
    const id = await port.triggerNode({ url: URL });
    const takeBack = port.inject({ kind: 'respond', method: 'PATCH', response: { status: 503 } });
    expect(failureOf(await reject(port, id)).type).toBe(FAILURES.portUnavailable);
    takeBack();
    expect((await reject(port, id)).error).toBeUndefined();
    const node = port.nodeRuns.get(id);
    expect(node?.logs).toHaveLength(1);
    expect(node?.result).toBe('FAILED');
  });
});
