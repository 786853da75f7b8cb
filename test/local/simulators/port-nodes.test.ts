import type { NodeRun } from '../../../local/simulators/port.js';
import { departures } from './port-contract.js';
import { startPort } from './port-fixtures.js';

const CONFIG = { url: 'https://httpbin.org/post', body: { k: 'v' } };
const CLAIM = { installationId: '_PORT_EXEC_AGENT', limit: 10, visibilityTimeoutMs: 1000 };

async function start() {
  const tools = await startPort({}, { kafka: false });
  const id = await tools.port.triggerNode(CONFIG);
  const node = (): NodeRun => tools.port.nodeRuns.get(id) as NodeRun;
  return { ...tools, id, node, path: `/v1/workflows/nodes/runs/${id}` };
}

describe('workflow node runs', () => {
  test.each(['/v1/workflows/runs', '/v1/org/org_1/workflows/runs'])(
    'are claimed and acknowledged under %s, body included',
    async (root) => {
      const { send, advance, id } = await start();
      const claim = () => send('POST', `${root}/claim-pending`, CLAIM);
      const claimed = await claim();
      expect(claimed.status).toBe(200);
      expect(departures('node-runs', claimed.body)).toEqual([]);
      const [run] = claimed.body.nodeRuns;
      expect(run.identifier).toBe(id);
      expect(run.config).toMatchObject({ ...CONFIG, type: 'WEBHOOK', method: 'POST', synchronized: true });
      expect(run.node.config).toEqual(run.config);
      expect((await claim()).body.nodeRuns).toEqual([]);
      advance(1000);
      expect((await claim()).body.nodeRuns.length).toBe(1);

      const ack = () => send('PATCH', `${root}/ack`, { nodeRunIdentifier: id });
      const first = await ack();
      expect(first.status).toBe(200);
      expect(departures('node-run-ack', first.body)).toEqual([]);
      expect((await ack()).status).toBe(409);
      advance(1000);
      expect((await claim()).body.nodeRuns).toEqual([]);
    },
  );

  test('are left out by their node', async () => {
    const { send, node } = await start();
    const answer = await send('POST', '/v1/workflows/runs/claim-pending', {
      ...CLAIM,
      exclude: [node().nodeUid],
    });
    expect(answer.body.nodeRuns).toEqual([]);
  });

  test('are updated, logged to, found, and closed once', async () => {
    const { send, path, node, id, port } = await start();
    const done = port.waitForNode(id, ({ status }) => status === 'COMPLETED');
    const progress = { status: 'IN_PROGRESS', externalRunId: 'x1', links: ['https://x.internal'] };
    expect((await send('PATCH', path, progress)).body).toEqual({ ok: true });
    await send('POST', `${path}/logs`, { logs: [{ level: 'INFO', message: 'one' }] });
    await send('PATCH', path, { logs: [{ logLevel: 'WARN', log: 'two', tags: {} }] });
    const found = await send('GET', '/v1/workflows/nodes/runs?external_run_id=x1');
    expect(found.body.nodeRuns.map(({ identifier }: { identifier: string }) => identifier)).toEqual([id]);
    expect(found.body.nodeRuns[0]).not.toHaveProperty('config');
    const detailed = await send('GET', '/v1/workflows/nodes/runs?external_run_id=x1&include=nodeConfig');
    expect(detailed.body.nodeRuns[0].config.url).toBe(CONFIG.url);
    expect((await send('GET', '/v1/workflows/nodes/runs?external_run_id=x2')).body.nodeRuns).toEqual([]);

    const output = { response: { status: 200, data: { a: 1 } } };
    await send('PATCH', path, { status: 'COMPLETED', result: 'SUCCESS', output });
    expect((await done).result).toBe('SUCCESS');
    expect(node().output).toEqual(output);
    expect(node().logs.map(({ level, message }) => `${level} ${message}`)).toEqual(['INFO one', 'WARN two']);
    const seen = await send('GET', path);
    expect([seen.body.nodeRun.status, seen.body.nodeRun.result]).toEqual(['COMPLETED', 'SUCCESS']);

    const late = await send('PATCH', path, { result: 'FAILED' });
    expect([late.status, late.body.error]).toEqual([422, 'run_exhausted']);
    expect(node().result).toBe('SUCCESS');
  });

  test.each([
    ['PATCH', '', { status: 'SUCCESS' }],
    ['PATCH', '', { result: 'FAILURE' }],
    ['PATCH', '', { surprise: 1 }],
    ['PATCH', '', { logs: [{ level: 'LOUD', message: 'x' }] }],
    ['POST', '/logs', { logs: [{ level: 'INFO', message: 1 }] }],
    ['POST', '/logs', { message: 'x' }],
  ])('%s %s %j is a 422 that changes nothing', async (method, suffix, body) => {
    const { send, path, node } = await start();
    const answer = await send(method, path + suffix, body);
    expect([answer.status, answer.body.error]).toEqual([422, 'invalid_request']);
    expect([node().status, node().result, node().logs.length]).toEqual(['IN_PROGRESS', null, 0]);
  });

  test('that nobody knows are a 404', async () => {
    const { send } = await start();
    for (const method of ['GET', 'PATCH']) {
      const body = method === 'PATCH' ? { result: 'FAILED' } : undefined;
      expect((await send(method, '/v1/workflows/nodes/runs/wfnr_none', body)).status).toBe(404);
    }
    const ack = await send('PATCH', '/v1/workflows/runs/ack', { nodeRunIdentifier: 'wfnr_none' });
    expect([ack.status, ack.body.error]).toEqual([404, 'not_found']);
  });
});
