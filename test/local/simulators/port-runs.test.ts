import type { Run } from '../../../local/simulators/port.js';
import { SYNCHRONIZED, startPort, WEBHOOK } from './port-fixtures.js';

const REGION = { properties: { region: 'eu' } };

describe('a run', () => {
  test('remembers what it was told, and every attempt to end it', async () => {
    const { port, send, advance } = await startPort();
    const id = await port.trigger('deploy_service', REGION);
    const path = `/v1/actions/runs/${id}`;
    await send('POST', `${path}/logs`, { message: 'first' });
    await send('PATCH', path, { link: 'https://gitlab.internal/1', externalRunId: 'gl_1', summary: 's' });
    advance(1000);
    await send('PATCH', path, { status: 'FAILURE', statusLabel: 'Refused', message: { why: 'x' } });
    await send('PATCH', path, { status: 'SUCCESS' });
    await send('POST', `${path}/logs`, { message: 'late', terminationStatus: 'SUCCESS' });

    const run = port.run(id);
    expect(run.status).toBe('FAILURE');
    expect(run.statusLabel).toBe('Refused');
    expect(run.link).toBe('https://gitlab.internal/1');
    expect(run.externalRunId).toBe('gl_1');
    expect(run.summary).toBe('s');
    expect(run.message).toEqual({ why: 'x' });
    expect(run.logs.map(({ message }) => message)).toEqual(['first']);
    expect(run.endedAt).toBe('2026-11-21T12:00:01.000Z');
    expect(run.endedTimes).toBe(1);
    expect(run.endAttempts).toBe(3);
    expect(run.patches.map(({ accepted }) => accepted)).toEqual([true, true, false]);
    expect(port.requestsFor(id).map(({ method, status }) => `${method} ${status}`)).toEqual([
      'POST 201',
      'PATCH 200',
      'PATCH 200',
      'PATCH 422',
      'POST 422',
    ]);
  });

  test('the refusal names the key that is not allowed, or the value', async () => {
    const { port, send } = await startPort();
    const id = await port.trigger('deploy_service', REGION);
    const messageFor = async (body: unknown): Promise<string> =>
      (await send('PATCH', `/v1/actions/runs/${id}`, body)).body.message;
    expect(await messageFor({ surprise: 1 })).toContain('"surprise"');
    expect(await messageFor({ status: 'IN_PROGRESS' })).toContain('body/status');
    expect(await messageFor({ link: [1] })).toContain('body/link');
    expect(await messageFor('[]')).toContain('must be object');
    expect(await messageFor('{')).toContain('not JSON');
    expect(port.run(id).patches).toEqual([]);
  });

  test('is known by its id however that is encoded', async () => {
    const { port, send } = await startPort();
    const id = await port.trigger('deploy_service', REGION);
    const answer = await send('GET', `/v1/actions/runs/${id.replace('_', '%5F')}`);
    expect(answer.body.run.id).toBe(id);
  });

  test('logs come back in pages of at most 50', async () => {
    const { port, send } = await startPort();
    const id = await port.trigger('deploy_service', REGION);
    for (const message of ['a', 'b', 'c']) await send('POST', `/v1/actions/runs/${id}/logs`, { message });
    const page = await send('GET', `/v1/actions/runs/${id}/logs?limit=2&offset=1`);
    expect(page.body.runLogs.map(({ message }: { message: string }) => message)).toEqual(['b', 'c']);
    const tooMany = await send('GET', `/v1/actions/runs/${id}/logs?limit=51`);
    expect([tooMany.status, tooMany.body.error]).toEqual([422, 'invalid_request']);
  });

  test('is found by every filter', async () => {
    const { port, send } = await startPort();
    const one = await port.trigger('deploy_service', {
      ...REGION,
      origin: 'API',
      by: { email: 'a@example.com' },
    });
    const two = await port.trigger('ask_service', { entity: 'shop', by: { id: 'user2' } });
    await send('PATCH', `/v1/actions/runs/${one}`, { status: 'SUCCESS', externalRunId: 'x1' });
    const find = async (query: string): Promise<string[]> =>
      (await send('GET', `/v1/actions/runs?${query}`)).body.runs.map(({ id }: { id: string }) => id);
    expect(await find('')).toEqual([one, two]);
    expect(await find('active=true')).toEqual([two]);
    expect(await find('entity=shop')).toEqual([two]);
    expect(await find('blueprint=service')).toEqual([one, two]);
    expect(await find('blueprint=none')).toEqual([]);
    expect(await find('source=API')).toEqual([one]);
    expect(await find('source=API&source=UI')).toEqual([one, two]);
    expect(await find('action=ask_service')).toEqual([two]);
    expect(await find('external_run_id=x1')).toEqual([one]);
    expect(await find('user_email=a@example.com')).toEqual([one]);
    expect(await find('user_id=user2')).toEqual([two]);
    expect(await find('limit=1')).toEqual([one]);
    expect((await send('GET', '/v1/actions/runs?limit=1001')).status).toBe(422);
  });
});

describe('a synchronized run', () => {
  async function start(options: Parameters<typeof startPort>[0]) {
    const tools = await startPort(options);
    const id = await tools.port.trigger('ask_service', { entity: 'shop' });
    const path = `/v1/actions/runs/${id}`;
    return { ...tools, path, run: (): Run => tools.port.run(id) };
  }

  test('takes a status by default, and its response does not end it', async () => {
    const { send, path, run } = await start({});
    expect(run().synchronized).toBe(true);
    expect((await send('PATCH', `${path}/response`, { response: { status: 200 } })).status).toBe(200);
    expect(run().response).toEqual({ status: 200 });
    expect(run().endedAt).toBeNull();
    expect((await send('PATCH', path, { status: 'SUCCESS' })).status).toBe(200);
    expect(run().status).toBe('SUCCESS');
    const late = await send('PATCH', `${path}/response`, { response: 'x' });
    expect([late.status, late.body.error]).toEqual([422, 'run_exhausted']);
  });

  test('may refuse a status, but no label and no termination log', async () => {
    const { send, path, run } = await start({ synchronizedStatus: 'refused' });
    const refused = await send('PATCH', path, { status: 'SUCCESS', statusLabel: 'x' });
    expect([refused.status, refused.body.error]).toEqual([422, 'run_synchronized_error']);
    expect(refused.body.message).toBe('Cannot manually change status of a synchronized action run');
    expect(run().statusLabel).toBeNull();
    expect(run().endAttempts).toBe(1);
    expect((await send('PATCH', path, { statusLabel: 'x' })).status).toBe(200);
    expect((await send('POST', `${path}/logs`, { message: 'm', terminationStatus: 'FAILURE' })).status).toBe(
      201,
    );
    expect(run().status).toBe('FAILURE');
  });

  test('may be ended by its response', async () => {
    const { send, path, run } = await start({ responseEndsRun: true, synchronizedStatus: 'refused' });
    expect((await send('PATCH', `${path}/response`, { response: 'ok' })).status).toBe(200);
    expect([run().status, run().endedTimes]).toEqual(['SUCCESS', 1]);
  });

  test.each([[{}], [{ response: 1 }], [{ response: 'x', more: 1 }]])(
    'refuses the response %j',
    async (body) => {
      const { send, path } = await start({});
      const answer = await send('PATCH', `${path}/response`, body);
      expect([answer.status, answer.body.error]).toEqual([422, 'invalid_request']);
    },
  );
});

describe('an approval', () => {
  const approvable = { ...WEBHOOK, requiredApproval: true };

  test('publishes the run that waited for it', async () => {
    const { port, send, published } = await startPort({ actions: [approvable] });
    const id = await port.trigger('deploy_service', REGION);
    expect(port.run(id).status).toBe('WAITING_FOR_APPROVAL');
    expect(published).toEqual([]);
    const answer = await send('PATCH', `/v1/actions/runs/${id}/approval`, {
      status: 'APPROVE',
      description: 'ok',
    });
    expect(answer.status).toBe(201);
    expect(answer.body.run.status).toBe('IN_PROGRESS');
    expect(port.run(id).approval).toEqual({ state: 'APPROVED', description: 'ok' });
    expect(published.length).toBe(1);
    const again = await send('PATCH', `/v1/actions/runs/${id}/approval`, { status: 'DECLINE' });
    expect([again.status, again.body.error]).toEqual([422, 'run_not_waiting_for_approval']);
  });

  test('may be declined, which ends the run unpublished', async () => {
    const { port, send, published } = await startPort({ actions: [approvable] });
    const id = await port.trigger('deploy_service', REGION);
    await send('PATCH', `/v1/actions/runs/${id}/approval`, { status: 'DECLINE' });
    expect(port.run(id).status).toBe('DECLINED');
    expect(port.run(id).endedAt).not.toBeNull();
    expect(published).toEqual([]);
    const wrong = await send('PATCH', `/v1/actions/runs/${id}/approval`, { status: 'MAYBE' });
    expect([wrong.status, wrong.body.error]).toEqual([422, 'invalid_request']);
  });
});

describe('claiming', () => {
  const CLAIM = { installationId: '_PORT_EXEC_AGENT', limit: 10, invocationMethod: 'WEBHOOK' };
  const start = () => startPort({}, { kafka: false });
  type Tools = Awaited<ReturnType<typeof start>>;
  const claim = async ({ send }: Tools, body: object): Promise<string[]> =>
    (await send('POST', '/v1/actions/runs/claim-pending', body)).body.runs.map(({ id }: Run) => id);

  test('hands a run out once per lease, resolved and all', async () => {
    const tools = await start();
    const id = await tools.port.trigger('deploy_service', REGION);
    const first = await tools.send('POST', '/v1/actions/runs/claim-pending', {
      ...CLAIM,
      visibilityTimeoutMs: 5000,
    });
    expect(first.status).toBe(200);
    const [run] = first.body.runs;
    expect(run.action.identifier).toBe('deploy_service');
    expect(run.payload.body).toEqual({ region: 'eu', port_context: { runId: id } });
    expect(run.pendingExecution).toBe(true);
    expect(run.installationId).toBe('_PORT_EXEC_AGENT');
    expect(run.claimedUntil).toBe('2026-11-21T12:00:05.000Z');
    expect(await claim(tools, CLAIM)).toEqual([]);
    tools.advance(4999);
    expect(await claim(tools, CLAIM)).toEqual([]);
    tools.advance(1);
    expect(await claim(tools, CLAIM)).toEqual([id]);
  });

  test('without a visibility timeout lasts a minute', async () => {
    const tools = await start();
    const id = await tools.port.trigger('deploy_service', REGION);
    await claim(tools, CLAIM);
    tools.advance(59_999);
    expect(await claim(tools, CLAIM)).toEqual([]);
    tools.advance(1);
    expect(await claim(tools, CLAIM)).toEqual([id]);
  });

  test('keeps to the limit, the method and what is excluded', async () => {
    const tools = await start();
    const webhook = await tools.port.trigger('deploy_service', REGION);
    const gitlab = await tools.port.trigger('create_bucket');
    const claimed = await tools.port.trigger('ask_service', { entity: 'shop' });
    expect(await claim(tools, { ...CLAIM, exclude: ['deploy_service'] })).toEqual([claimed]);
    expect(await claim(tools, { installationId: 'i', limit: 1 })).toEqual([webhook]);
    expect(await claim(tools, CLAIM)).toEqual([]);
    expect(await claim(tools, { installationId: 'i' })).toEqual([gitlab]);
  });

  test('an acknowledged run is never handed out again; the second acknowledgement is a 409', async () => {
    const tools = await start();
    const id = await tools.port.trigger('deploy_service', REGION);
    const early = await tools.send('PATCH', '/v1/actions/runs/ack', { runId: id });
    expect(early.status).toBe(409);
    await claim(tools, CLAIM);
    const ack = await tools.send('PATCH', '/v1/actions/runs/ack', { runIds: [id] });
    expect([ack.status, ack.body.ackedCount]).toEqual([200, 1]);
    tools.advance(600_000);
    expect(await claim(tools, CLAIM)).toEqual([]);
    for (const body of [{ runIds: [id] }, { runId: id }]) {
      const again = await tools.send('PATCH', '/v1/actions/runs/ack', body);
      expect([again.status, again.body.ok]).toEqual([409, false]);
    }
  });

  test('of several, those still claimed are acknowledged', async () => {
    const tools = await start();
    const ids = [
      await tools.port.trigger('deploy_service', REGION),
      await tools.port.trigger('deploy_service', REGION),
    ];
    await claim(tools, CLAIM);
    await tools.send('PATCH', '/v1/actions/runs/ack', { runId: ids[0] });
    const ack = await tools.send('PATCH', '/v1/actions/runs/ack', { runIds: ids });
    expect([ack.status, ack.body.ackedCount]).toEqual([200, 1]);
    expect((await tools.send('PATCH', '/v1/actions/runs/ack', { runIds: [] })).body.ackedCount).toBe(0);
    expect((await tools.send('PATCH', '/v1/actions/runs/ack', { runId: 'r_none' })).status).toBe(404);
    expect((await tools.send('PATCH', '/v1/actions/runs/ack', {})).status).toBe(422);
  });

  test('a run that has ended is not handed out', async () => {
    const tools = await start();
    const id = await tools.port.trigger('deploy_service', REGION);
    await tools.send('PATCH', `/v1/actions/runs/${id}`, { status: 'FAILURE' });
    expect(await claim(tools, CLAIM)).toEqual([]);
  });

  test.each([
    [{ limit: 1 }],
    [{ ...CLAIM, limit: 0 }],
    [{ ...CLAIM, visibilityTimeoutMs: 600_001 }],
    [{ ...CLAIM, invocationMethod: 'FAX' }],
    [{ ...CLAIM, exclude: [1] }],
    [{ ...CLAIM, surprise: 1 }],
  ])('the claim %j is a 422', async (body) => {
    const { send } = await start();
    const answer = await send('POST', '/v1/actions/runs/claim-pending', body);
    expect([answer.status, answer.body.error]).toEqual([422, 'invalid_request']);
  });

  test('an organisation set to polling gets nothing over Kafka', async () => {
    const tools = await startPort({ actions: [WEBHOOK, SYNCHRONIZED] });
    await tools.send('PATCH', '/v1/organization', { settings: { portAgentStreamerName: 'POLLING' } });
    const id = await tools.port.trigger('deploy_service', REGION);
    expect(tools.published).toEqual([]);
    expect(await claim(tools, CLAIM)).toEqual([id]);
  });
});
