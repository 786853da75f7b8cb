/** Waits until everything has come to an end, and gathers the journals of Kafka, Temporal, Port and the targets. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { triggerPayload } from '../../local/simulators/gitlab.js';
import type { JournalEntry } from '../../local/simulators/http-server.js';
import type { NodeRun, Run } from '../../local/simulators/port.js';
import type {
  Evidence,
  InjectedFault,
  PartitionOffsets,
  PublishedRecord,
  TargetCall,
  ToldRun,
} from './evidence.js';
import { type Ground, TRIGGER_TOKEN_VARIABLE } from './ground.js';
import { workflowsOf } from './histories.js';

const LOOK_EVERY_MS = 1000;

/**
 * Waits until no workflow is open and every offset is committed. Resolves with false when nothing has moved for
 * `stuckMs`: a slow machine is no broken promise.
 */
export async function settled(ground: Ground, stuckMs: number): Promise<boolean> {
  let least = Number.POSITIVE_INFINITY;
  for (let deadline = Date.now() + stuckMs; Date.now() < deadline; await delay(LOOK_EVERY_MS)) {
    const left = await leftOf(ground).catch(() => Number.POSITIVE_INFINITY);
    if (left === 0) return true;
    if (left < least) deadline = Date.now() + stuckMs;
    least = Math.min(least, left);
  }
  return false;
}

/** How many workflows are open, and records not committed. */
async function leftOf(ground: Ground): Promise<number> {
  const offsets = await offsetsOf(ground);
  const { count } = await ground.client.workflow.count('ExecutionStatus = "Running"');
  const behind = offsets.filter((each) => !isCommitted(each));
  // A record that is not committed may lead to a workflow: it weighs more, so that this is a step forward.
  return behind.reduce(
    (sum, { end, committed }) => sum + 2 * Math.abs(Number(end) - Number(committed)),
    count,
  );
}

/** Gathers what is left; everything must run again, and nothing be cut. */
export async function collect(ground: Ground, faults: InjectedFault[]): Promise<Evidence> {
  const { world, parts, logs, environment, kafka } = ground;
  const published = await publishedOn(ground);
  const { workflows, histories } = await workflowsOf(ground.client);
  const tokens = new Set(world.port.journal.flatMap(({ headers }) => headers.authorization ?? []));
  return {
    published,
    workflows,
    told: [
      ...[...world.port.runs.values()].map(toldOfRun),
      ...[...world.port.nodeRuns.values()].map(toldOfNode),
    ],
    calls: [
      ...world.service.journal.map((entry) => callOf('service', entry)),
      ...world.gitlab.journal.map((entry) => callOf('GitLab', entry)),
    ],
    pipelines: world.gitlab.pipelines().map((pipeline) => {
      const payload = triggerPayload(pipeline)['port_payload'] as
        | { context?: { runId?: string } }
        | undefined;
      return { id: `${pipeline.id}`, runId: payload?.context?.runId ?? '' };
    }),
    offsets: await offsetsOf(ground),
    faults,
    deaths: [...parts.values()].flatMap(({ deaths }) => deaths),
    texts: [
      ...logs.map(({ whom, line }) => ({ where: `a log line of the ${whom}`, text: line })),
      ...histories.map(({ id, text }) => ({ where: `the history of ${id}`, text })),
      ...world.port.journal
        .filter(({ path }) => !path.endsWith('/access_token'))
        .map(({ method, path, rawBody }) => ({ where: `${method} ${path} to Port`, text: rawBody })),
      ...world.service.journal.map(({ rawBody, headers }) => ({
        where: 'a call of the service',
        text: JSON.stringify(headers) + rawBody,
      })),
    ],
    secrets: [
      { name: 'the client secret', value: environment['PORT_CLIENT_SECRET'] ?? '' },
      { name: 'the trigger token', value: environment[TRIGGER_TOKEN_VARIABLE] ?? '' },
      { name: "Kafka's password", value: kafka.password },
      ...[...tokens].map((value) => ({
        name: "a token for Port's API",
        value: value.replace('Bearer ', ''),
      })),
    ],
  };
}

function toldOfRun(run: Run): ToldRun {
  const { id, synchronized, status, endedTimes, summary, logs, externalRunId } = run;
  return {
    ...{ id, synchronized, ended: endedTimes, logs: logs.length },
    status: status === 'SUCCESS' || status === 'FAILURE' ? status : 'IN_PROGRESS',
    said: [summary ?? '', ...logs.map(({ message }) => message)].join('\n'),
    ...(externalRunId !== null && { externalRunId }),
  };
}

function toldOfNode({ id, status, result, logs, config }: NodeRun): ToldRun {
  const isOpen = status === 'IN_PROGRESS';
  return {
    ...{ id, synchronized: config['synchronized'] === true, ended: isOpen ? 0 : 1, logs: logs.length },
    status: isOpen ? 'IN_PROGRESS' : result === 'SUCCESS' ? 'SUCCESS' : 'FAILURE',
    said: logs.map(({ message }) => message).join('\n'),
  };
}

function callOf(target: TargetCall['target'], { headers, at, status }: JournalEntry): TargetCall {
  const runId = String(headers['idempotency-key'] ?? '');
  return { runId, target, atMs: at, ...(status !== undefined && { status }) };
}

/** Everything on both topics, from the first record to the last. */
async function publishedOn(ground: Ground): Promise<PublishedRecord[]> {
  const offsets = await offsetsOf(ground);
  const missing = new Map(
    offsets
      .filter(({ end }) => end !== '0')
      .map(({ topic, partition, end }) => [`${topic}/${partition}`, end]),
  );
  const records: PublishedRecord[] = [];
  if (missing.size === 0) return records;
  const consumer = clientOf(ground).consumer({ groupId: `chaos-${randomUUID()}` });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: topicsOf(ground), fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const eachMessage: Parameters<typeof consumer.run>[0] = {
        eachMessage: async ({ topic, partition, message: { offset, timestamp, value } }) => {
          const origin = topic.endsWith('.change.log') ? 'change log' : 'runs';
          const text = value?.toString() ?? '';
          records.push({ origin, topic, partition, offset, timestampMs: Number(timestamp), value: text });
          const place = `${topic}/${partition}`;
          if (BigInt(offset) + 1n === BigInt(missing.get(place) ?? '0')) missing.delete(place);
          if (missing.size === 0) resolve();
        },
      };
      consumer.run(eachMessage).catch(reject);
    });
    return records;
  } finally {
    await consumer.disconnect();
  }
}

/** How far the agent's group has committed, of every partition. */
export async function offsetsOf(ground: Ground): Promise<PartitionOffsets[]> {
  const topics = topicsOf(ground);
  const groupId = ground.environment['KAFKA_CONSUMER_GROUP_ID'] ?? '';
  return withAdmin(ground, async (admin) => {
    const committed = await admin.fetchOffsets({ groupId, topics });
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return topics.flatMap((topic, at) =>
      (ends[at] ?? []).map(({ partition, high }) => ({
        ...{ topic, partition, end: high },
        committed: offsetOf(committed.find((each) => each.topic === topic)?.partitions ?? [], partition),
      })),
    );
  });
}

function offsetOf(partitions: { partition: number; offset: string }[], partition: number): string {
  return partitions.find((each) => each.partition === partition)?.offset ?? '-1';
}

export function isCommitted({ committed, end }: PartitionOffsets): boolean {
  return committed === end || (end === '0' && committed === '-1');
}

function topicsOf({ orgId }: Ground): string[] {
  return [`${orgId}.runs`, `${orgId}.change.log`];
}

function clientOf({ kafka }: Ground): Kafka {
  return new Kafka({ brokers: kafka.plaintextBrokers, logLevel: logLevel.NOTHING });
}

async function withAdmin<T>(ground: Ground, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = clientOf(ground).admin();
  try {
    await admin.connect();
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}
