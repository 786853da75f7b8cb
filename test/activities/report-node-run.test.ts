import { createReportNodeRun } from '../../activities/report-node-run.js';
import type { Outcome } from '../../port/outcome.js';
import { type AttemptInfo, attempt, memoryLogger, startPort, type TestPort } from './environment.js';

const ANSWERED: Outcome = {
  status: 'SUCCESS',
  response: { ok: true },
  statusCode: 200,
  log: ['Called "it": it answered 200.'],
  headline: 'HTTP 200',
};
const HANDED_OVER: Outcome = { log: ['Called it.', 'Handed over.'], headline: 'HTTP 202' };
const NODE = /^\/v1\/workflows\/nodes\/runs\/[^/]+$/;

let port: TestPort;
beforeEach(async () => {
  port = await startPort();
});

async function report(runId: string, outcome: Outcome, info?: AttemptInfo) {
  const { logger } = memoryLogger();
  return attempt(createReportNodeRun({ port: port.client, logger }), { runId, outcome }, info);
}

test.each([
  ['that has ended', ANSWERED, 'COMPLETED'],
  ['that was handed over', HANDED_OVER, 'IN_PROGRESS'],
])(
  'the log of a node run %s is posted once, even when nobody heard that Port took it',
  async (_, outcome, status) => {
    const runId = await port.triggerNode({ url: 'https://service.corp/' });
    port.inject({ kind: 'dropAfter', method: 'POST', path: /\/logs$/, times: 1 });
    expect((await report(runId, outcome)).error).toBeDefined();
    expect((await report(runId, outcome, { attempt: 2 })).error).toBeUndefined();
    const node = port.nodeRuns.get(runId);
    expect(node?.logs.map(({ message }) => message)).toEqual(outcome.log);
    expect(node?.status).toBe(status);
  },
);

test('a log that Port never got is posted by the next attempt', async () => {
  const runId = await port.triggerNode({ url: 'https://service.corp/' });
  port.inject({ kind: 'dropBefore', method: 'POST', path: /\/logs$/, times: 1 });
  await report(runId, ANSWERED);
  await report(runId, ANSWERED, { attempt: 2 });
  expect(port.nodeRuns.get(runId)?.logs).toHaveLength(1);
});

test('where Port does not show its node runs, the log is posted again and the node run ends', async () => {
  const runId = await port.triggerNode({ url: 'https://service.corp/' });
  const response = { status: 404, body: { ok: false, error: 'not_found', message: 'Route not found' } };
  port.inject({ kind: 'respond', method: 'GET', path: NODE, response });
  expect((await report(runId, ANSWERED, { attempt: 2 })).error).toBeUndefined();
  expect(port.nodeRuns.get(runId)).toMatchObject({
    status: 'COMPLETED',
    logs: [{ message: ANSWERED.log[0] }],
  });
});
