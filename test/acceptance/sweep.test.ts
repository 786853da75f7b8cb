import { type House, startHouse, until } from '../support/house.js';

/** Of a busy machine. */
const PATIENCE_MS = 60_000;

let house: House;
beforeAll(async () => {
  house = await startHouse();
  await Promise.all([house.agent('worker'), house.agent('ingest')]);
});
afterAll(() => house?.close());

/** Runs the command to its end; what it logged. */
async function sweep(code = 0): Promise<string> {
  const child = await house.agent('sweep', {}, { waitUntilReady: false });
  expect(await child.exited).toMatchObject({ code });
  return child.lines(100).join('\n');
}

/** Runs whose workflows were terminated while their calls were under way; the targets answer after that. */
async function terminated(...starts: ((gate: string) => Promise<string>)[]): Promise<string[]> {
  let letGo = () => {};
  const hold = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  // The action `slow` calls it as well.
  const gate = '/slow/3000';
  const takeBack = house.service.inject({ kind: 'holdBefore', path: new RegExp(`^${gate}$`), until: hold });
  try {
    const runs = await Promise.all(starts.map((start) => start(gate)));
    const areCalled = () => runs.every((id) => house.service.calls(id).length > 0);
    await until('the targets are called', areCalled, PATIENCE_MS);
    for (const id of runs) await house.client.workflow.getHandle(id).terminate('test');
    const ids = runs.map((id) => `"${id}"`).join(', ');
    const query = `WorkflowId IN (${ids}) AND ExecutionStatus = "Terminated"`;
    const areListed = async () => (await house.client.workflow.count(query)).count === runs.length;
    await until('Temporal lists them', areListed, PATIENCE_MS);
    return runs;
  } finally {
    letGo();
    takeBack();
  }
}

const slow = () => house.port.trigger('slow');
const slowNode = (gate: string) => house.port.triggerNode({ url: `${house.service.url}${gate}` });

test('a run whose workflow was terminated is ended in Port, once, and the others are left alone', async () => {
  const [runId = '', node = ''] = await terminated(slow, slowNode);
  const { runId: succeeded } = await house.carryOut('sync');
  const { runId: failed } = await house.carryOut('broken');
  const { runId: handedOver } = await house.carryOut('async');

  const log = await sweep();
  expect(house.port.run(runId)).toMatchObject({
    status: 'FAILURE',
    summary: expect.stringContaining('may have been reached'),
  });
  expect(house.port.nodeRuns.get(node)).toMatchObject({ status: 'COMPLETED', result: 'FAILED' });
  expect(house.port.run(succeeded).patches).toHaveLength(1);
  expect(house.port.run(failed).patches).toHaveLength(1);
  expect(house.port.run(handedOver)).toMatchObject({ status: 'IN_PROGRESS', patches: [] });
  expect(log).toContain('"ended":2');

  expect(await sweep()).toContain('"ended":0');
  expect(house.port.run(runId).endedTimes).toBe(1);
}, 180_000);

test('a run that Port will not end makes the exit code 1, and the others are ended', async () => {
  const [one = '', refused = '', other = ''] = await terminated(slow, slow, slow);
  const body = { ok: false, error: 'invalid_request', message: 'No' };
  const takeBack = house.port.inject({
    ...{ kind: 'respond', method: 'PATCH', response: { status: 422, body } },
    path: new RegExp(`/${refused}$`),
  });
  const log = await sweep(1);
  expect(log).toContain('"ended":2,"failed":1');
  expect(log).toContain('1 run could not be ended in Port');
  expect([one, other].map((id) => house.port.run(id).status)).toEqual(['FAILURE', 'FAILURE']);
  expect(house.port.run(refused).status).toBe('IN_PROGRESS');

  takeBack();
  await sweep();
  expect(house.port.run(refused).status).toBe('FAILURE');
}, 180_000);
