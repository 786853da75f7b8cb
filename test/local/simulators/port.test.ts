import { startPortSimulator } from '../../../local/simulators/port.js';
import { ask, departures, portContract } from './port-contract.js';
import { AUTOMATION, CLIENT_SECRET, startPort, WEBHOOK } from './port-fixtures.js';

const REGION = { properties: { region: 'eu' } };
const KAFKA = { brokers: ['127.0.0.1:9092'], username: 'org', password: 'secret' };

portContract('the simulator of Port', async () => {
  const port = await startPortSimulator({
    orgId: 'org_contract',
    clientId: 'client',
    clientSecret: CLIENT_SECRET,
    actions: [WEBHOOK],
  });
  const runId = await port.trigger('deploy_service', REGION);
  return { url: port.url, clientId: 'client', clientSecret: CLIENT_SECRET, runId, close: port.close };
});

const { CONTRACT_PORT_URL, CONTRACT_PORT_CLIENT_ID, CONTRACT_PORT_CLIENT_SECRET, CONTRACT_PORT_RUN_ID } =
  process.env;
if (CONTRACT_PORT_URL && CONTRACT_PORT_CLIENT_ID && CONTRACT_PORT_CLIENT_SECRET && CONTRACT_PORT_RUN_ID) {
  portContract('Port itself', async () => ({
    url: CONTRACT_PORT_URL,
    clientId: CONTRACT_PORT_CLIENT_ID,
    clientSecret: CONTRACT_PORT_CLIENT_SECRET,
    runId: CONTRACT_PORT_RUN_ID,
  }));
} else {
  test.skip('Port itself: the contract (set CONTRACT_PORT_URL, _CLIENT_ID, _CLIENT_SECRET, _RUN_ID)', () => {});
}

describe('tokens', () => {
  test('end when their time is up', async () => {
    const { send, advance } = await startPort({ tokenTtlSeconds: 60 });
    advance(59_999);
    expect((await send('GET', '/v1/organization')).status).toBe(200);
    advance(1);
    const late = await send('GET', '/v1/organization');
    expect([late.status, late.body.error]).toEqual([401, 'unauthorized']);
  });

  test('can all be revoked', async () => {
    const { port, send } = await startPort();
    port.revokeTokens();
    expect((await send('GET', '/v1/organization')).status).toBe(401);
  });

  test('differ from each other', async () => {
    const { port } = await startPort();
    const body = { clientId: 'client', clientSecret: CLIENT_SECRET };
    const tokens = await Promise.all(
      [1, 2].map(
        async () => (await ask(port.url, 'POST', '/v1/auth/access_token', { body })).body.accessToken,
      ),
    );
    expect(new Set(tokens).size).toBe(2);
  });

  test('every route but the token call asks for one', async () => {
    const { port } = await startPort();
    const asked = [
      ['GET', '/v1/kafka-credentials'],
      ['PATCH', '/v1/organization'],
      ['GET', '/v1/actions/runs'],
      ['POST', '/v1/actions/deploy_service/runs'],
      ['POST', '/v1/actions/runs/claim-pending'],
      ['PATCH', '/v1/actions/runs/ack'],
      ['PATCH', '/v1/actions/runs/x/response'],
      ['POST', '/v1/workflows/runs/claim-pending'],
      ['PATCH', '/v1/workflows/nodes/runs/x'],
    ];
    const statuses = await Promise.all(
      asked.map(async ([method, path]) => (await ask(port.url, method as string, path as string)).status),
    );
    expect(statuses).toEqual(asked.map(() => 401));
  });
});

describe('the rate limit', () => {
  // One of the requests is the fixture's token call.
  test('is a 429 with Retry-After once it is used up, until the window ends', async () => {
    const { send, advance } = await startPort({ rateLimit: { limit: 3, periodSeconds: 60 } });
    const first = await send('GET', '/v1/organization');
    expect(first.headers.get('x-ratelimit-limit')).toBe('3');
    expect(first.headers.get('x-ratelimit-period')).toBe('60');
    expect(first.headers.get('x-ratelimit-remaining')).toBe('1');
    expect((await send('GET', '/v1/organization')).status).toBe(200);
    advance(15_000);
    const refused = await send('GET', '/v1/organization');
    expect([refused.status, refused.body.ok]).toEqual([429, false]);
    expect(refused.headers.get('retry-after')).toBe('45');
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0');
    expect(refused.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    advance(45_000);
    const again = await send('GET', '/v1/organization');
    expect(again.status).toBe(200);
    expect(again.headers.has('retry-after')).toBe(false);
  });

  test.each([
    ['epoch', String(Date.parse('2026-11-21T12:01:00Z') / 1000)],
    ['seconds', '60'],
  ] as const)('says when it resets as %s', async (rateLimitResetForm, expected) => {
    const { send } = await startPort({ rateLimit: { limit: 9, periodSeconds: 60 }, rateLimitResetForm });
    expect((await send('GET', '/v1/organization')).headers.get('x-ratelimit-reset')).toBe(expected);
  });
});

describe('the organisation', () => {
  test('has Kafka credentials, or has none', async () => {
    const { send } = await startPort({ kafka: KAFKA });
    const answer = await send('GET', '/v1/kafka-credentials');
    expect(departures('kafka-credentials', answer.body)).toEqual([]);
    expect(answer.body.credentials).toEqual(KAFKA);
    const without = await (await startPort()).send('GET', '/v1/kafka-credentials');
    expect([without.status, without.body]).toEqual([200, { ok: true }]);
  });

  test('keeps the name of its streamer and refuses what it does not know', async () => {
    const { port, send } = await startPort();
    const set = (settings: unknown) => send('PATCH', '/v1/organization', { settings });
    expect((await set({ portAgentStreamerName: 'POLLING' })).status).toBe(200);
    expect(port.settings.portAgentStreamerName).toBe('POLLING');
    const seen = await send('GET', '/v1/organization');
    expect(seen.body.organization.settings.portAgentStreamerName).toBe('POLLING');
    for (const wrong of [{ portAgentStreamerName: 'FAX' }, { surprise: 1 }, 'KAFKA']) {
      const answer = await set(wrong);
      expect([answer.status, answer.body.error]).toEqual([422, 'invalid_request']);
    }
    expect(port.settings.portAgentStreamerName).toBe('POLLING');
  });
});

describe('executing an action through the API', () => {
  test('makes a run and publishes it', async () => {
    const { port, send, message } = await startPort();
    const answer = await send(
      'POST',
      '/v1/actions/deploy_service/runs?run_as=dev@example.com&version=v2',
      REGION,
    );
    expect(answer.status).toBe(202);
    expect(departures('run-v2', answer.body)).toEqual([]);
    const { run } = answer.body;
    expect(run.source).toBe('API');
    expect(port.run(run.id).actionIdentifier).toBe('deploy_service');
    expect(message().context.runId).toBe(run.id);
    expect(message().trigger.by.user.email).toBe('dev@example.com');
  });

  test.each([
    ['unknown', REGION, 404, 'not_found'],
    ['deploy_service', {}, 422, 'invalid_request'],
    ['deploy_service', { ...REGION, surprise: 1 }, 422, 'invalid_request'],
    ['deploy_service', { properties: {} }, 422, 'user_inputs_schema_invalid'],
    ['ask_service', { properties: {} }, 422, 'missing_self_service_action_entity'],
    ['on_service_change', { properties: {} }, 422, 'run_non_self_service_error'],
    ['with_jq', { properties: {} }, 422, 'evaluate_invocation_method_error'],
  ])('%s with %j is a %i %s', async (action, body, status, error) => {
    const withJq = { ...AUTOMATION, identifier: 'with_jq', trigger: 'CREATE' as const };
    const { port, send, published } = await startPort();
    port.actions.set('with_jq', {
      ...withJq,
      invocationMethod: { type: 'WEBHOOK', url: '{{ .inputs | keys }}', agent: true },
    });
    const answer = await send('POST', `/v1/actions/${action}/runs`, body);
    expect([answer.status, answer.body.error]).toEqual([status, error]);
    expect(published).toEqual([]);
    expect(port.runs.size).toBe(0);
  });

  test('answers 500 when Kafka takes nothing', async () => {
    const { send } = await startPort({ publish: () => Promise.reject(new Error('no broker')) });
    const answer = await send('POST', '/v1/actions/deploy_service/runs', REGION);
    expect([answer.status, answer.body.error]).toEqual([500, 'internal_error']);
  });
});

describe("the simulator's own controls", () => {
  test('an action is triggered and looked at without a token', async () => {
    const { port, message } = await startPort();
    const by = { email: 'x@example.com' };
    const body = { properties: { region: 'eu' }, origin: 'UI', by };
    const { status, body: answer } = await ask(port.url, 'POST', '/_simulator/trigger/deploy_service', {
      body,
    });
    expect(status).toBe(200);
    expect(message().context.runId).toBe(answer.runId);
    expect(message().trigger.by.user.email).toBe('x@example.com');
    const { body: all } = await ask(port.url, 'GET', '/_simulator/runs');
    expect(all.runs.map(({ id, logs }: { id: string; logs: unknown }) => [id, logs])).toEqual([
      [answer.runId, []],
    ]);
    const bare = await ask(port.url, 'POST', '/_simulator/trigger/on_service_change');
    expect(bare.status).toBe(200);
    expect((await ask(port.url, 'POST', '/_simulator/trigger/unknown')).status).toBe(404);
    const wrong = await ask(port.url, 'POST', '/_simulator/trigger/deploy_service', {
      body: { origin: 'FAX' },
    });
    expect(wrong.status).toBe(422);
  });

  test('trigger() rejects with the words of the API', async () => {
    const { port } = await startPort();
    await expect(port.trigger('unknown')).rejects.toThrow('was not found');
    await expect(port.trigger('ask_service')).rejects.toThrow('requires a specified entity');
  });

  test('waitFor() resolves when the run changes, and rejects with its state when it does not', async () => {
    const { port, send } = await startPort();
    const id = await port.trigger('deploy_service', REGION);
    const ended = port.waitFor(id, (run) => run.endedAt !== null);
    await send('POST', `/v1/actions/runs/${id}/logs`, { message: 'bye', terminationStatus: 'FAILURE' });
    expect((await ended).status).toBe('FAILURE');
    await expect(port.waitFor(id, (run) => run.status === 'SUCCESS', 1)).rejects.toThrow('"FAILURE"');
    await expect(port.waitFor('r_none', () => true, 1)).rejects.toThrow('r_none');
    const broken = port.waitFor(id, () => {
      throw new Error('broken predicate');
    });
    await expect(broken).rejects.toThrow('broken predicate');
  });

  test('faults act before or after the request has had its effect', async () => {
    const { port, send } = await startPort();
    const id = await port.trigger('deploy_service', REGION);
    const log = (message: string) => send('POST', `/v1/actions/runs/${id}/logs`, { message });
    const takeBack = port.inject({
      kind: 'respond',
      path: /\/logs$/,
      response: { status: 500, body: { ok: false, error: 'internal_error', message: 'x' } },
    });
    expect((await log('lost')).status).toBe(500);
    takeBack();
    port.inject({ kind: 'dropAfter', path: /\/logs$/, times: 1 });
    await expect(log('kept')).rejects.toThrow();
    expect(port.run(id).logs.map(({ message }) => message)).toEqual(['kept']);
    await port.refuse();
    await expect(log('refused')).rejects.toThrow();
    await port.listen();
    expect((await log('back')).status).toBe(201);
  });

  test('an unknown route is a 404', async () => {
    const { send } = await startPort();
    const answer = await send('GET', '/v1/nothing');
    expect([answer.status, answer.body.error]).toEqual([404, 'not_found']);
    expect((await send('GET', '/v1/actions/runs/%E0%A4%A')).status).toBe(404);
  });
});
