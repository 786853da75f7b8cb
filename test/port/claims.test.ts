import { createOutbound } from '../../http/outbound.js';
import type { PortSimulator } from '../../local/simulators/port.js';
import { PortClaims, UNREADABLE_CLAIM } from '../../port/claims.js';
import { PortClient } from '../../port/client.js';
import { CLIENT_SECRET, startPort, WEBHOOK } from '../local/simulators/port-fixtures.js';
import { testNetwork } from '../support/network.js';

const outbound = createOutbound({
  network: testNetwork(),
  verifyTls: true,
  keepAlive: true,
  followRedirects: false,
  userAgent: 'test',
});
afterAll(() => outbound.close());

async function setup(): Promise<{ port: PortSimulator; claims: PortClaims; runId: string; nodeId: string }> {
  const { port } = await startPort({ now: Date.now }, { kafka: false });
  const credentials = { apiUrl: port.url, clientId: 'client', clientSecret: CLIENT_SECRET };
  return {
    port,
    claims: new PortClaims(new PortClient(credentials, outbound)),
    runId: await port.trigger(WEBHOOK.identifier, { properties: { region: 'eu' } }),
    nodeId: await port.triggerNode({ url: 'https://node.internal' }),
  };
}

const OPTIONS = { limit: 7, visibilityTimeoutMs: 90_000 };

test("claims are the old agent's requests, and a lease of their own", async () => {
  const { port, claims, runId, nodeId } = await setup();
  expect(await claims.claimRuns(OPTIONS)).toMatchObject([{ id: runId, payload: { type: 'WEBHOOK' } }]);
  expect(await claims.claimNodeRuns({ ...OPTIONS, exclude: ['n'] })).toMatchObject([{ identifier: nodeId }]);
  expect(await claims.claimRuns(OPTIONS)).toEqual([]);
  const sent = port.journal.filter(({ path }) => path.endsWith('claim-pending'));
  expect(sent.map(({ headers }) => headers['x-port-reserved-usage'])).toEqual(['true', 'true', 'true']);
  expect(sent.map(({ path, rawBody }) => [path, JSON.parse(rawBody)]).slice(0, 2)).toEqual([
    [
      '/v1/actions/runs/claim-pending',
      { installationId: '_PORT_EXEC_AGENT', ...OPTIONS, invocationMethod: 'WEBHOOK' },
    ],
    ['/v1/workflows/runs/claim-pending', { installationId: '_PORT_EXEC_AGENT', ...OPTIONS, exclude: ['n'] }],
  ]);
});

test('an acknowledgement says whether it was ours to make', async () => {
  const { port, claims, runId, nodeId } = await setup();
  await claims.claimRuns(OPTIONS);
  await claims.claimNodeRuns(OPTIONS);
  expect([await claims.ackRun(runId), await claims.ackRun(runId)]).toEqual(['acknowledged', 'by another']);
  expect([await claims.ackNodeRun(nodeId), await claims.ackNodeRun(nodeId)]).toEqual([
    'acknowledged',
    'by another',
  ]);
  port.inject({
    kind: 'respond',
    path: /\/ack$/,
    response: { status: 200, body: { ok: true, ackedCount: 0 } },
  });
  expect(await claims.ackRun(runId)).toBe('by another');
});

test('an acknowledgement whose answer is lost is not repeated', async () => {
  const { port, claims, runId } = await setup();
  await claims.claimRuns(OPTIONS);
  port.inject({ kind: 'dropAfter', path: /\/ack$/ });
  await expect(claims.ackRun(runId)).rejects.toThrow();
  expect(port.journal.filter(({ path }) => path.endsWith('/ack'))).toHaveLength(1);
});

test.each([
  ['cut short', '{"ok":true,"runs":[{"id":"r_1"'],
  ['no JSON', '<html>'],
])('an answer that is %s is no empty claim', async (_, body) => {
  const { port, claims } = await setup();
  port.inject({ kind: 'respond', path: /claim-pending$/, response: { status: 200, body } });
  await expect(claims.claimRuns(OPTIONS)).rejects.toMatchObject({ code: UNREADABLE_CLAIM });
});

test('an answer without a list is an empty claim, and what is no object in a list is left out', async () => {
  const { port, claims } = await setup();
  port.inject({
    kind: 'respond',
    times: 1,
    path: /claim-pending$/,
    response: { status: 200, body: { ok: true } },
  });
  expect(await claims.claimRuns(OPTIONS)).toEqual([]);
  const body = { ok: true, runs: [null, 1, { id: 'r_1' }] };
  port.inject({ kind: 'respond', path: /claim-pending$/, response: { status: 200, body } });
  expect(await claims.claimRuns(OPTIONS)).toEqual([{ id: 'r_1' }]);
});
