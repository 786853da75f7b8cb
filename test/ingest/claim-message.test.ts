import { messageOfNodeRun, messageOfRun } from '../../ingest/claim-message.js';
import { decide } from '../../ingest/decide.js';
import { describeRun } from '../../ingest/describe-run.js';
import { invocationMethodOf, type Json, type JsonObject } from '../../port/message.js';
import { SETTINGS } from './records.js';

const METHOD = {
  type: 'WEBHOOK',
  url: 'https://deploy.internal/hook',
  agent: true,
  synchronized: false,
  method: 'POST',
  headers: { 'X-Team': 'platform' },
};

/** A run as `claim-pending` returns it; `method` is laid over the invocation method. */
function claimed(method: JsonObject = {}, more: JsonObject = {}): JsonObject {
  return {
    id: 'r_1',
    status: 'IN_PROGRESS',
    action: { identifier: 'service_deploy', title: 'Deploy', icon: null },
    payload: { ...METHOD, ...method },
    ...more,
  };
}

function decisionOn(message: JsonObject) {
  const record = {
    origin: 'claim' as const,
    topic: 'polling/runs',
    partition: 0,
    offset: 0n,
    timestampMs: 0,
    value: new TextEncoder().encode(JSON.stringify(message)),
  };
  return decide(record, { ...SETTINGS, signatures: { anyGood: false, bad: new Set() } });
}

describe('a claimed run', () => {
  test("is the author's body at the root, and what Port knows beside it", () => {
    const body = { service: 'api', port_context: { runId: 'r_1' } };
    expect(messageOfRun(claimed({ body }))).toEqual({
      action: 'service_deploy',
      service: 'api',
      port_context: { runId: 'r_1' },
      headers: { 'X-Team': 'platform' },
      payload: { action: { identifier: 'service_deploy', invocationMethod: { ...METHOD, body } } },
      context: { runId: 'r_1' },
    });
  });

  test('of a migrated action keeps the message that its body rebuilds', () => {
    const body = {
      action: 'deploy',
      resourceType: 'run',
      headers: { stale: 'yes' },
      trigger: { by: { userId: 'u' }, origin: 'UI' },
      context: { entity: 'api', blueprint: 'service', runId: 'r_other' },
      payload: {
        entity: { identifier: 'api' },
        action: { invocationMethod: { type: 'WEBHOOK', url: 'https://stale' }, trigger: 'DAY-2' },
        properties: { replicas: 3 },
      },
    };
    expect(messageOfRun(claimed({ body }))).toEqual({
      ...body,
      headers: { 'X-Team': 'platform' },
      context: { entity: 'api', blueprint: 'service', runId: 'r_1' },
      payload: {
        ...body.payload,
        action: {
          identifier: 'service_deploy',
          invocationMethod: { ...METHOD, body },
          trigger: 'DAY-2',
        },
      },
    });
  });

  const withoutBody: [string, Json | undefined][] = [
    ['an array', [{ service: 'api' }]],
    ['missing', undefined],
    ['null', null],
    ['a text', 'service'],
  ];
  test.each(withoutBody)('whose body is %s has only the rest, and the body at its own place', (_, body) => {
    const method = body === undefined ? {} : { body };
    expect(messageOfRun(claimed(method))).toEqual({
      action: 'service_deploy',
      headers: { 'X-Team': 'platform' },
      payload: { action: { identifier: 'service_deploy', invocationMethod: { ...METHOD, ...method } } },
      context: { runId: 'r_1' },
    });
  });

  test.each([['payload'], ['context'], ['headers']])(
    'whose body holds a text as %s breaks nothing',
    (key) => {
      const message = messageOfRun(claimed({ body: { [key]: 'a text', kept: 1 } }));
      expect(message).toMatchObject({ kept: 1, context: { runId: 'r_1' } });
      expect(decisionOn(message)).toMatchObject({ kind: 'start', workflow: { id: 'r_1' } });
    },
  );

  test("of the API's first version has its action as a text", () => {
    expect(messageOfRun(claimed({}, { action: 'deploy' }))).toMatchObject({
      action: 'deploy',
      payload: { action: { identifier: 'deploy' } },
    });
  });

  test('can be found in Temporal by its action', () => {
    const message = messageOfRun(claimed({ body: { service: 'api' } }));
    const invocation = invocationMethodOf(message);
    if (!invocation) throw new Error('it has no invocation method');
    expect(describeRun(message, invocation, 'POST x').searchAttributes).toMatchObject({
      PortAction: 'service_deploy',
      PortTarget: 'deploy.internal',
    });
  });

  test('with GitLab as its backend triggers a pipeline', () => {
    const payload = {
      type: 'GITLAB',
      groupName: 'platform',
      projectName: 'infra',
      defaultRef: 'main',
      pipelineVariables: { NAME: 'api' },
    };
    const message = messageOfRun({ id: 'r_2', action: { identifier: 'bucket' }, payload });
    expect(message['payload']).toEqual({
      action: { identifier: 'bucket', invocationMethod: { ...payload, agent: true } },
    });
    expect(decisionOn(message)).toMatchObject({
      kind: 'start',
      workflow: { type: 'triggerGitlabPipeline', id: 'r_2' },
    });
  });

  test.each<[Json | undefined, Json]>([
    [undefined, true],
    [false, true],
    ['false', true],
    [null, true],
    ['true', 'true'],
    [true, true],
  ])('whose agent flag is %j is for this agent: %j', (agent, expected) => {
    const message = messageOfRun(claimed(agent === undefined ? {} : { agent }));
    expect(invocationMethodOf(message)?.raw['agent']).toBe(expected);
    expect(decisionOn(message).kind).toBe('start');
  });

  test('without any payload is carried out, and so ends with the reason why it cannot be', () => {
    const message = messageOfRun({ id: 'r_1' });
    expect(message).toEqual({
      headers: {},
      payload: { action: { invocationMethod: { agent: true } } },
      context: { runId: 'r_1' },
    });
    expect(decisionOn(message)).toMatchObject({ kind: 'start', workflow: { type: 'callWebhook' } });
  });
});

describe('a claimed node run', () => {
  const config = {
    type: 'WEBHOOK',
    url: 'https://deploy.internal/hook',
    agent: true,
    headers: { 'Content-Type': 'application/json' },
    body: { k: 'v' },
  };
  const { body: _, ...withoutBody } = config;
  const expected = {
    headers: { 'Content-Type': 'application/json' },
    payload: { action: { invocationMethod: withoutBody } },
    context: { runId: 'wfnr_1', nodeConfig: config },
  };

  test.each<[string, JsonObject]>([
    ['beside its node', { config }],
    ['in its node', { node: { identifier: 'n', config } }],
    ['in both', { config, node: { config } }],
  ])('has its config %s, and its body in the config alone', (_where, where) => {
    const message = messageOfNodeRun({ identifier: 'wfnr_1', ...where });
    expect(message).toEqual(expected);
    expect(decisionOn(message)).toMatchObject({
      kind: 'start',
      workflow: { id: 'wfnr_1', input: { kind: 'node' } },
    });
  });

  test('without a config is carried out, and so ends', () => {
    const message = messageOfNodeRun({ identifier: 'wfnr_1' });
    expect(message).toMatchObject({ context: { runId: 'wfnr_1', nodeConfig: {} } });
    expect(decisionOn(message).kind).toBe('start');
  });
});

test.each(['KAFKA', 'GITHUB', 'INTEGRATION_ACTION'])(
  'what is carried out by others (%s) stays theirs',
  (type) => {
    expect(decisionOn(messageOfRun(claimed({ type, agent: false })))).toMatchObject({ kind: 'ignore' });
  },
);
