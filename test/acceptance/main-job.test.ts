import type { Child } from '../../local/parts/child.js';
import { type House, startHouse, until } from '../support/house.js';

let house: House;
let ingester: Child;
beforeAll(async () => {
  house = await startHouse();
  [ingester] = await Promise.all([house.agent('ingest'), house.agent('worker')]);
});
afterAll(() => house?.close());

/** The last path segment of the requests to Port about a run, in order. */
function requestsFor(runId: string): string[] {
  return house.port.requestsFor(runId).map(({ method, path }) => `${method} ${path.split(runId)[1] || '/'}`);
}

describe('a GitLab run', () => {
  test("starts one pipeline with the user's inputs, and is handed over with link and external run id", async () => {
    const { runId, workflow } = await house.carryOut('pipeline', {
      properties: { service: 'api', replicas: 3, tags: ['a', 'b'] },
    });
    const pipelines = house.gitlab.pipelinesFor(runId);
    expect(pipelines).toHaveLength(1);
    const variables = Object.fromEntries(pipelines[0]?.variables.map(({ key, value }) => [key, value]) ?? []);
    expect(variables).toMatchObject({ service: 'api', replicas: '3', tags: '["a","b"]' });
    expect(JSON.parse(variables['TRIGGER_PAYLOAD'] ?? '').port_payload.context.runId).toBe(runId);
    expect(house.port.run(runId)).toMatchObject({
      status: 'IN_PROGRESS',
      externalRunId: String(pipelines[0]?.id),
      link: expect.stringContaining('/-/pipelines/'),
    });
    expect(house.port.run(runId).logs).toHaveLength(1);
    expect(workflow).toMatchObject({ type: 'triggerGitlabPipeline', status: { name: 'COMPLETED' } });
    expect(requestsFor(runId)).toEqual(['POST /logs', 'PATCH /']);
  });

  test('with pipelineVariables sends those, on the default ref', async () => {
    const { runId } = await house.carryOut('pipeline_variables', {
      properties: { service: 'api', tags: [1, { a: 2 }] },
    });
    const [pipeline] = house.gitlab.pipelinesFor(runId);
    expect(pipeline?.ref).toBe('v1');
    const variables = Object.fromEntries(pipeline?.variables.map(({ key, value }) => [key, value]) ?? []);
    expect(variables).toMatchObject({ SERVICE: 'api', TAGS: '[1,{"a":2}]' });
    expect(variables).not.toHaveProperty('service');
  });

  test('of an automation, without entity and inputs, is carried out the same way', async () => {
    const { runId } = await house.carryOut('automation', { origin: 'AUTOMATION' });
    expect(house.gitlab.pipelinesFor(runId)).toHaveLength(1);
  });

  test('without a trigger token fails with the name of the variable to set, and GitLab is not called', async () => {
    const before = house.gitlab.journal.length;
    const { runId, workflow, failure } = await house.carryOut('no_token');
    expect(house.port.run(runId)).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringContaining('data_lake'),
    });
    expect(workflow.status.name).toBe('FAILED');
    expect(failure).toContain('set the variable data_lake');
    expect(house.gitlab.journal).toHaveLength(before);
  });
});

describe('a webhook run', () => {
  test('that is synchronized ends with the answer, in three requests to Port', async () => {
    const { runId, workflow } = await house.carryOut('sync', { properties: { service: 'api' } });
    const run = house.port.run(runId);
    expect(run).toMatchObject({ status: 'SUCCESS', endedTimes: 1, response: { ok: true } });
    expect(workflow).toMatchObject({ type: 'callWebhook', status: { name: 'COMPLETED' } });
    expect(requestsFor(runId)).toEqual(['PATCH /response', 'POST /logs', 'PATCH /']);
  });

  test("arrives once, signed over its raw body, with the action's headers and an idempotency key", async () => {
    const { runId } = await house.carryOut('sync', { properties: { service: 'zürich' } });
    const calls = house.service.calls(runId);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ isSigned: true, idempotencyKey: runId });
    expect(calls[0]?.headers['x-team']).toBe('platform');
    expect(JSON.parse(calls[0]?.rawBody ?? '{}')).toMatchObject({
      service: 'zürich',
      port_context: { runId },
    });
  });

  test('that is asynchronous is handed over, in one request to Port', async () => {
    const { runId, workflow } = await house.carryOut('async');
    expect(house.port.run(runId)).toMatchObject({ status: 'IN_PROGRESS', endedTimes: 0 });
    expect(workflow.status.name).toBe('COMPLETED');
    expect(requestsFor(runId)).toEqual(['POST /logs']);
  });

  test('that the target answers with 500 fails, and says so in Port and in Temporal', async () => {
    const { runId, workflow, failure } = await house.carryOut('broken');
    expect(house.port.run(runId)).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringContaining('status code: 500'),
    });
    expect(workflow.status.name).toBe('FAILED');
    expect(failure).toContain('500');
    expect(house.service.calls(runId)).toHaveLength(1);
  });
});

describe('in Temporal', () => {
  test('runs can be found by what Port knows of them', async () => {
    const { runId } = await house.carryOut('pipeline', {
      by: { user: { email: 'ada@example.com' } },
    } as never);
    const query = `PortAction = "pipeline" AND PortTarget = "platform/sub-group/infra" AND WorkflowId = "${runId}"`;
    await until('it is listed', async () => (await house.client.workflow.count(query)).count === 1);
  });

  test('a message that is published twice is one workflow and one call', async () => {
    const { runId } = await house.carryOut('sync');
    await house.port.publishRaw(messageOf(runId));
    await until('the second one is recognized', () =>
      ingester.lines(100).some((line) => line.includes(runId) && line.includes('"result":"known"')),
    );
    expect(house.service.calls(runId)).toHaveLength(1);
    expect(house.port.run(runId).endedTimes).toBe(1);
  });

  test('no history holds a trigger token or the client secret', async () => {
    const { runId } = await house.carryOut('pipeline', { properties: { service: 'in-the-history' } });
    const history = textOf(await house.client.workflow.getHandle(runId).fetchHistory());
    expect(history).toContain('in-the-history');
    expect(history).not.toContain('glptt-infra');
    expect(history).not.toContain(house.environment['PORT_CLIENT_SECRET']);
  });
});

describe('what is not a run of ours', () => {
  test('is passed over, and the runs behind it are carried out', async () => {
    await house.port.publishRaw('not json');
    await house.port.publishRaw(
      JSON.stringify({ action: 'x', payload: { action: { invocationMethod: { type: 'KAFKA' } } } }),
    );
    const { runId } = await house.carryOut('sync');
    expect(house.port.run(runId).status).toBe('SUCCESS');
  });

  test('a forged message is kept as evidence, and its target is not called', async () => {
    const { runId: genuine } = await house.carryOut('sync');
    const forged = JSON.parse(messageOf(genuine));
    forged.payload.action.invocationMethod.url = `${house.service.url}/echo`;
    forged.context.runId = 'r_forged0000000001';
    await house.port.publishRaw(JSON.stringify(forged));
    const rejected = await untilListed(
      'WorkflowType = "rejectMessage" AND ExecutionStatus = "Failed"',
      'bad signature',
    );
    expect(rejected).toMatch(/^rejected\//);
    expect(house.service.calls('r_forged0000000001')).toHaveLength(0);
  });
});

/** The message as it went over Kafka. */
function messageOf(runId: string): string {
  const message = house.published.findLast((value) => value.includes(runId));
  if (!message) throw new Error(`no message of ${runId} was published`);
  return message;
}

/** A history with its payloads, which are base64, as text. */
function textOf(history: object): string {
  const json = JSON.stringify(history);
  return json.replace(/"data":"([^"]*)"/g, (_, data) => Buffer.from(data, 'base64').toString());
}

/** Waits for a workflow of the query that failed with `text`; its id. */
async function untilListed(query: string, text: string): Promise<string> {
  let id = '';
  await until(`a workflow says "${text}"`, async () => {
    for await (const { workflowId } of house.client.workflow.list({ query })) {
      const { failure } = await house.closed(workflowId);
      if (failure?.includes(text)) id = workflowId;
    }
    return id !== '';
  });
  return id;
}
