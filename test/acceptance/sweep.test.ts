import { type House, startHouse, until } from '../support/house.js';

let house: House;
beforeAll(async () => {
  house = await startHouse();
  await Promise.all([house.agent('worker'), house.agent('ingest')]);
});
afterAll(() => house?.close());

/** Runs the command to its end; what it logged. */
async function sweep(): Promise<string> {
  const child = await house.agent('sweep', {}, { waitUntilReady: false });
  expect(await child.exited).toMatchObject({ code: 0 });
  return child.lines(100).join('\n');
}

/** A run whose workflow was terminated while its call was under way. */
async function terminated(start: () => Promise<string>): Promise<string> {
  const runId = await start();
  await until('the target is called', () =>
    house.service.journal.some(
      ({ rawBody, headers }) => rawBody.includes(runId) || headers['idempotency-key'] === runId,
    ),
  );
  await house.client.workflow.getHandle(runId).terminate('test');
  return runId;
}

test('a run whose workflow was terminated is ended in Port, once, and the others are left alone', async () => {
  const runId = await terminated(() => house.port.trigger('slow'));
  const node = await terminated(() => house.port.triggerNode({ url: `${house.service.url}/slow/3000` }));
  const { runId: succeeded } = await house.carryOut('sync');
  const { runId: failed } = await house.carryOut('broken');
  const { runId: handedOver } = await house.carryOut('async');
  await until('Temporal lists them', async () => {
    const query = 'ExecutionStatus = "Terminated"';
    return (await house.client.workflow.count(query)).count === 2;
  });

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
});
