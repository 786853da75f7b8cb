import { gitlabAnswers } from '../../local/simulators/gitlab.js';
import { type House, startHouse, until } from '../support/house.js';

let house: House;
beforeAll(async () => {
  house = await startHouse({ WEBHOOK_INVOKER_TIMEOUT: '1.5' });
  await Promise.all([house.agent('worker'), house.agent('ingest')]);
});
afterAll(() => house?.close());
afterEach(() => {
  house.gitlab.clearFaults();
  house.port.clearFaults();
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

test('a target that answers too late is called once, and the run says so', async () => {
  const { runId } = await house.carryOut('slow');
  expect(house.service.calls(runId)).toHaveLength(1);
  expect(house.port.run(runId)).toMatchObject({
    status: 'FAILURE',
    summary: expect.stringContaining('no answer came within 1.5 s'),
  });
});

test('GitLab asks to come back later: it is asked again after that', async () => {
  house.gitlab.inject({ kind: 'respond', times: 1, response: gitlabAnswers.retryLater(1) });
  const { runId, workflow } = await house.carryOut('pipeline');
  expect(workflow.status.name).toBe('COMPLETED');
  expect(house.gitlab.pipelinesFor(runId)).toHaveLength(1);
});

test('Port is away when the run ends: it is told once, when it is back', async () => {
  house.service.inject({ kind: 'delayBefore', ms: 300, path: /^\/ok/, times: 1 });
  const runId = await house.port.trigger('sync');
  await until('the target is called', () =>
    house.service.journal.some(({ rawBody }) => rawBody.includes(runId)),
  );
  await house.port.refuse();
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
  const slow = await house.port.trigger('slow');
  const { runId } = await house.carryOut('sync');
  expect(house.port.run(runId).status).toBe('SUCCESS');
  expect(house.port.run(slow).status).toBe('IN_PROGRESS');
  await house.closed(slow);
});
