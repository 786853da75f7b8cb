/** Endings that Port brings about when it is told, and those of messages that are no run to carry out. */
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import type { Run } from '../../../local/simulators/port.js';
import { buildRunMessage, signMessage } from '../../../local/simulators/port-message.js';
import { until } from '../house.js';
import { closedPort, type Driver, type Ending, type Stage } from './stage.js';

export const portEndings: Record<string, Driver> = {
  'port-unknown-run': async (stage) => {
    const { run, letGo } = await stage.calling();
    stage.house.port.runs.delete(run.id);
    letGo();
    return [await stage.closed(run)];
  },
  'port-ended-run': async (stage) => {
    const { run, letGo } = await stage.calling('/status/507');
    await stage.portClient.patchRun(run.id, { status: 'SUCCESS' });
    letGo();
    const ending = await stage.closed(run);
    expect(run.endedTimes).toBe(1);
    return [ending];
  },
  'port-refused-status': async (stage) => {
    const run = await stage.unpublished(`http://127.0.0.1:${await closedPort()}/`);
    const body = { ok: false, error: 'run_synchronized_error', message: 'Cannot change status' };
    const path = new RegExp(`/${run.id}$`);
    stage.house.port.inject({ kind: 'respond', method: 'PATCH', path, response: { status: 422, body } });
    await stage.start(run, stage.mainQueue);
    const ending = await stage.closed(run);
    expect(run.logs.at(-1)).toMatchObject({
      message: expect.stringContaining('ECONNREFUSED'),
      terminationStatus: 'FAILURE',
    });
    expect(run.response).toContain('ECONNREFUSED');
    return [ending];
  },

  'bad-signature': async (stage) => {
    const run = await stage.unpublished(`${stage.house.service.url}/ok`);
    await publish(stage, signed(stage, messageOf(run), 'a-secret-that-is-not-the-organizations'));
    return [await rejection(stage, 'bad signature', run.id)];
  },
  'too-large': async (stage) => {
    const run = await stage.unpublished(`${stage.house.service.url}/ok`);
    await publish(stage, signed(stage, { ...messageOf(run), filling: 'x'.repeat(1_600_000) }));
    return [await rejection(stage, 'too large', run.id)];
  },
  'unusable-id': async (stage) => {
    const run = await stage.unpublished(`${stage.house.service.url}/ok`);
    const runId = 'r_../../organization?x=';
    await publish(stage, signed(stage, { ...messageOf(run), context: { runId } }));
    return [await rejection(stage, 'unusable run id', runId)];
  },
  'not-json': async (stage) => {
    await publish(stage, 'this is no JSON');
    return [await rejection(stage, 'not JSON', '')];
  },
  ignored: async (stage) => {
    const { url } = stage.house.service;
    const [ignored, next] = [await stage.unpublished(`${url}/ok`), await stage.unpublished(`${url}/ok`)];
    await publish(stage, signed(stage, messageOf(ignored, false)));
    await publish(stage, signed(stage, messageOf(next)));
    // It stands behind the first in the same partition.
    await stage.closed(next);
    return [await stage.endingOf(ignored.id)];
  },
};

/** To be made happen when all others have, one after the other: what they do is done to everybody. */
export const lastEndings: Record<string, Driver> = {
  'port-away': async (stage) => {
    const { run, letGo } = await stage.calling();
    await stage.house.port.refuse();
    letGo();
    await until('the report was tried twice', async () => (await stage.house.attemptOf(run.id)) >= 2);
    await stage.house.port.listen();
    return [await stage.closed(run)];
  },
  swept: async (stage) => {
    const { client } = stage.house;
    const { run, letGo } = await stage.calling();
    await client.workflow.getHandle(run.id).terminate('by a person');
    letGo();
    const query = `WorkflowId = "${run.id}" AND ExecutionStatus = "Terminated"`;
    await until('Temporal lists it', async () => (await client.workflow.count(query)).count === 1);
    const sweep = await stage.house.agent('sweep', {}, { waitUntilReady: false });
    expect(await sweep.exited).toMatchObject({ code: 0 });
    return [await stage.closed(run)];
  },
};

type Message = ReturnType<typeof buildRunMessage>;

function messageOf(run: Run, agent = true): Message {
  return buildRunMessage({ ...run.invocation, method: { ...run.invocation.method, agent } as never });
}

function signed(stage: Stage, message: Message, secret?: string): string {
  const ours = stage.house.environment['PORT_CLIENT_SECRET'] ?? '';
  return JSON.stringify(signMessage(message, secret ?? ours, Math.floor(Date.now() / 1000), 'WEBHOOK'));
}

/** Compressed, as a broker takes no larger batch than a megabyte; always into the same partition. */
async function publish(stage: Stage, value: string): Promise<void> {
  const brokers = stage.house.kafka.plaintextBrokers;
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await producer.send({
    topic: `${stage.house.orgId}.runs`,
    compression: CompressionTypes.GZIP,
    messages: [{ value, partition: 0 }],
  });
  await producer.disconnect();
}

/** How a run ended whose message was rejected; its workflow is found in the ingester's log. */
async function rejection(stage: Stage, reason: string, runId: string): Promise<Ending> {
  const line = () =>
    stage.ingester
      .lines(1000)
      .filter((text) => text.includes('"rejected"'))
      .map((text) => JSON.parse(text) as { reason: string; workflowId: string })
      .find((entry) => entry.reason === reason);
  await until(`a message is rejected: ${reason}`, () => line() !== undefined);
  const workflowId = line()?.workflowId ?? '';
  await stage.house.closed(workflowId);
  return stage.endingOf(runId, workflowId);
}
