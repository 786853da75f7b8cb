import type { Child } from '../../local/parts/child.js';
import { gitlabAnswers } from '../../local/simulators/gitlab.js';
import { type House, startHouse, until } from '../support/house.js';

let house: House;
let ingester: Child;
beforeAll(async () => {
  house = await startHouse();
  [ingester] = await Promise.all([house.agent('ingest'), house.agent('worker')]);
});
afterAll(() => house?.close());
afterEach(() => {
  house.gitlab.clearFaults();
  house.port.clearFaults();
  house.service.clearFaults();
});

/** What the UI shows of the one activity that is under way and failed before. */
async function lastFailureOf(runId: string): Promise<string> {
  const { raw } = await house.client.workflow.getHandle(runId).describe();
  return raw.pendingActivities?.[0]?.lastFailure?.message ?? '';
}

test('GitLab is away for a while: the pipeline is started once, when it is back', async () => {
  await house.gitlab.refuse();
  const runId = await house.port.trigger('pipeline');
  await until('the call was tried twice', async () => (await house.attemptOf(runId)) >= 2);
  expect(await lastFailureOf(runId)).toMatch(/POST .* was not sent: connecting to .* failed: .*ECONNREFUSED/);
  await house.gitlab.listen();
  const { workflow } = await house.closed(runId);
  expect(workflow.status.name).toBe('COMPLETED');
  expect(house.gitlab.pipelinesFor(runId)).toHaveLength(1);
});

test('the answer is lost after the pipeline was created: no second pipeline, and the run says so', async () => {
  house.gitlab.inject({ kind: 'dropAfter', times: 1 });
  const { runId, workflow } = await house.carryOut('pipeline');
  expect(house.gitlab.pipelinesFor(runId)).toHaveLength(1);
  expect(house.port.run(runId)).toMatchObject({
    status: 'FAILURE',
    summary: expect.stringContaining('may have been reached'),
  });
  expect(workflow.status.name).toBe('FAILED');
});

test('GitLab asks to come back later: it is asked again after that', async () => {
  house.gitlab.inject({ kind: 'respond', times: 1, response: gitlabAnswers.retryLater(1) });
  const { runId, workflow } = await house.carryOut('pipeline');
  expect(workflow.status.name).toBe('COMPLETED');
  expect(house.gitlab.pipelinesFor(runId)).toHaveLength(1);
});

test('Port is away when the run ends: it is told once, when it is back', async () => {
  const letGo = house.hold();
  const runId = await house.port.trigger('held');
  await until('the target is called', () => house.service.calls(runId).length === 1);
  await house.port.refuse();
  letGo();
  await until('the report was tried twice', async () => (await house.attemptOf(runId)) >= 2);
  await house.port.listen();
  await house.closed(runId);
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
  expect(house.port.run(runId).logs).toHaveLength(1);
  expect(house.service.calls(runId)).toHaveLength(1);
});

test('Port fails half-way through a report: what it took is not sent again', async () => {
  house.port.inject({
    kind: 'respond',
    method: 'PATCH',
    path: /\/runs\/[^/]+$/,
    times: 2,
    response: { status: 503 },
  });
  const { runId } = await house.carryOut('sync');
  expect(house.port.run(runId)).toMatchObject({ status: 'SUCCESS', endedTimes: 1 });
  expect(house.port.run(runId).logs).toHaveLength(1);
});

test('one slow target does not hold up the others', async () => {
  const letGo = house.hold();
  const slow = await house.port.trigger('held');
  await until('the slow one is called', () => house.service.calls(slow).length === 1);
  const { runId } = await house.carryOut('sync');
  expect(house.port.run(runId).status).toBe('SUCCESS');
  expect(house.port.run(slow).status).toBe('IN_PROGRESS');
  letGo();
  await house.closed(slow);
  expect(house.port.run(slow).status).toBe('SUCCESS');
});

// The last one, since it is the ingester that says how long a call may take: long enough to be sent, at any rate.
test('a target that answers too late is called once, and the run says so', async () => {
  await ingester.stop(60_000);
  await house.agent('ingest', { WEBHOOK_INVOKER_TIMEOUT: '4.5' });
  const letGo = house.hold();
  const { runId } = await house.carryOut('held');
  letGo();
  expect(house.service.calls(runId)).toHaveLength(1);
  expect(house.port.run(runId)).toMatchObject({
    status: 'FAILURE',
    summary: expect.stringContaining('no answer came within 4.5 s'),
  });
});
