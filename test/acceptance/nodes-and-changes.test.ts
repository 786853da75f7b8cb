import { type House, startHouse, until } from '../support/house.js';

let house: House;
beforeAll(async () => {
  house = await startHouse();
  await Promise.all([house.agent('worker'), house.agent('ingest')]);
});
afterAll(() => house?.close());

describe("a workflow's webhook node", () => {
  test('that waits for the answer is completed with it', async () => {
    const id = await house.port.triggerNode({ url: `${house.service.url}/ok`, synchronized: true });
    const { workflow } = await house.closed(id);
    const node = house.port.nodeRuns.get(id);
    expect(node).toMatchObject({ status: 'COMPLETED', result: 'SUCCESS' });
    expect(node?.output).toMatchObject({ response: { status: 200, data: { ok: true } } });
    expect(node?.logs).toHaveLength(1);
    expect(workflow.status.name).toBe('COMPLETED');
    expect(house.service.calls(id)).toHaveLength(1);
  });

  test('that does not wait stays in progress when it was accepted', async () => {
    const id = await house.port.triggerNode({ url: `${house.service.url}/accepted`, synchronized: false });
    await house.closed(id);
    expect(house.port.nodeRuns.get(id)).toMatchObject({ status: 'IN_PROGRESS', result: null });
  });

  test.each([true, false])(
    'that fails is completed as failed, whether it waits (%p) or not',
    async (synchronized) => {
      const id = await house.port.triggerNode({ url: `${house.service.url}/status/500`, synchronized });
      const { workflow } = await house.closed(id);
      const node = house.port.nodeRuns.get(id);
      expect(node).toMatchObject({ status: 'COMPLETED', result: 'FAILED' });
      expect(node?.logs[0]).toMatchObject({ level: 'ERROR', message: expect.stringContaining('500') });
      expect(workflow.status.name).toBe('FAILED');
    },
  );

  test('is told to Port again when Port was away, and once', async () => {
    house.port.inject({
      kind: 'respond',
      method: 'PATCH',
      path: /nodes\/runs/,
      times: 1,
      response: { status: 503 },
    });
    const id = await house.port.triggerNode({ url: `${house.service.url}/ok`, synchronized: true });
    await house.closed(id);
    const node = house.port.nodeRuns.get(id);
    expect(node).toMatchObject({ status: 'COMPLETED', result: 'SUCCESS' });
    expect(node?.logs).toHaveLength(1);
  });
});

describe('a change of the catalogue', () => {
  const publish = (destination: object, diff = {}) =>
    house.port.publishRaw(
      JSON.stringify({
        action: 'UPDATE',
        resourceType: 'entity',
        context: { entity: 'e1' },
        diff,
        changelogDestination: destination,
      }),
      `${house.orgId}.change.log`,
    );

  test('for an agent is sent on, signed, and nothing is reported to Port', async () => {
    const before = house.port.journal.length;
    await publish({ type: 'WEBHOOK', agent: true, url: `${house.service.url}/ok` }, { marker: 'sent-on' });
    const calls = () => house.service.journal.filter(({ rawBody }) => rawBody.includes('sent-on'));
    await until('it is sent on', () => calls().length > 0);
    const { workflow } = await house.closed(String(calls()[0]?.headers['idempotency-key']));
    expect(workflow.workflowId).toMatch(/^change\//);
    expect(workflow.status.name).toBe('COMPLETED');
    expect(calls()).toHaveLength(1);
    expect(house.port.journal.slice(before).filter(({ method }) => method !== 'GET')).toHaveLength(0);
  });

  test('that is refused is a failed workflow', async () => {
    await publish(
      { type: 'WEBHOOK', agent: true, url: `${house.service.url}/status/404` },
      { marker: 'refused' },
    );
    const calls = () => house.service.journal.filter(({ rawBody }) => rawBody.includes('refused'));
    await until('it is sent on', () => calls().length > 0);
    const { failure } = await house.closed(String(calls()[0]?.headers['idempotency-key']));
    expect(failure).toContain('404');
  });
});
