/**
 * Broken records by the thousand, through a live ingester: each is started, ignored with a reason, or rejected
 * with a workflow, and the ingester is none the worse for it.
 *
 * `FUZZ_RECORDS` says how many (default 20000), `FUZZ_SEED` which.
 */
import { CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import type { Child } from '../../local/parts/child.js';
import type { Run } from '../../local/simulators/port.js';
import { buildNodeMessage, buildRunMessage } from '../../local/simulators/port-message.js';
import { type House, PROJECT, startHouse, until } from '../support/house.js';
import { type FuzzedRecord, fuzzedRecords, type Originals } from './fuzz/records.js';
import { startWatchedIngester, type WatchedIngester } from './fuzz/watched-ingester.js';

const RECORDS = Number(process.env['FUZZ_RECORDS'] ?? 20_000);
const TIMEOUT_MS = 3_600_000;
const BATCH = 100;
/** A batch of Kafka's, uncompressed, is a few megabytes at most. */
const LARGE_BYTES = 100_000;
/** Three times what an ingester holds under an ordinary load; the records that are too large are a part of it. */
const MOST_MEGABYTES = 600;

let house: House;
let kafka: Kafka;
let ingester: WatchedIngester;
let worker: Child;
beforeAll(async () => {
  house = await startHouse({
    CALL_RETRY_WINDOW_SECONDS: '2',
    WEBHOOK_INVOKER_TIMEOUT: '5',
    WORKER_LOST_AFTER_SECONDS: '30',
  });
  kafka = new Kafka({ brokers: house.kafka.plaintextBrokers, logLevel: logLevel.NOTHING });
  ingester = await startWatchedIngester(house.environment);
}, TIMEOUT_MS);
afterAll(async () => {
  await ingester?.child.stop();
  await house?.close();
}, TIMEOUT_MS);

test(
  `each of ${RECORDS} fuzzed records is started, ignored or rejected`,
  async () => {
    // As long as no signature was good, the ingester takes its own secret for the wrong one.
    const good = await house.port.trigger('async');
    const isAccepted = () => [...ingester.decisions.values()].some(({ workflowId }) => workflowId === good);
    await until('a good message is accepted', isAccepted);
    // A broker that is still starting is no matter of the records.
    ingester.troubles.length = 0;
    const startedAt = performance.now();
    await publish(fuzzedRecords(RECORDS, await originals()));
    const places = await allPlaces();
    expect(places).toHaveLength(RECORDS + 1);
    const undecided = () => places.filter((place) => !ingester.decisions.has(place));
    await until('every record is decided on', () => undecided().length === 0, RECORDS * 60 + 120_000).catch(
      () => expect({ undecided: undecided(), troubles: ingester.troubles.slice(-5) }).toEqual({}),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    process.stdout.write(`${summary()} in ${seconds.toFixed(0)} s\n`);
    expect(ingester.troubles).toEqual([]);
    expect(
      [...ingester.decisions.values()].filter(({ kind, reason }) => kind !== 'accepted' && !reason),
    ).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'everything is committed, and the ingester still runs, in bounded memory',
  async () => {
    await until('every offset is committed', async () => (await uncommitted()).length === 0, 60_000);
    expect(ingester.child.isRunning()).toBe(true);
    process.stdout.write(`the ingester held ${ingester.peakMegabytes().toFixed(0)} MB at most\n`);
    expect(ingester.peakMegabytes()).toBeLessThan(MOST_MEGABYTES);
  },
  TIMEOUT_MS,
);

test(
  'every record that was started or rejected has its workflow, and nothing else has one',
  async () => {
    const decided = [...ingester.decisions.values()];
    const idsOf = (kind: string) =>
      new Set(decided.filter((each) => each.kind === kind).map(({ workflowId }) => workflowId));
    const expected = { rejected: idsOf('rejected').size, runs: idsOf('accepted').size };
    const count = async (query: string) => (await house.client.workflow.count(query)).count;
    const found = async () => ({
      rejected: await count('WorkflowType = "rejectMessage"'),
      runs: await count('WorkflowType != "rejectMessage"'),
    });
    // Temporal lists a workflow a moment after it has started.
    await until('Temporal lists them', async () => {
      const { rejected, runs } = await found();
      return rejected + runs >= expected.rejected + expected.runs;
    }).catch(() => undefined);
    expect(await found()).toEqual(expected);
  },
  TIMEOUT_MS,
);

test(
  'a worker brings all of them to an end',
  async () => {
    const startedAt = performance.now();
    worker = await house.agent('worker');
    const running = async () => (await house.client.workflow.count('ExecutionStatus = "Running"')).count;
    await until('no workflow runs', async () => (await running()) === 0, RECORDS * 150 + 120_000);
    const seconds = (performance.now() - startedAt) / 1000;
    process.stdout.write(`the worker was through with them in ${seconds.toFixed(0)} s\n`);
    expect(worker.isRunning() && ingester.child.isRunning()).toBe(true);
  },
  TIMEOUT_MS,
);

/** A run of each kind; most that are made of them are unknown to Port. */
async function originals(): Promise<Originals> {
  const { port, service } = house;
  const url = `${service.url}/ok`;
  const ofRun = (run: Run) => (runId: string) => buildRunMessage({ ...run.invocation, runId });
  const runs = ['sync', 'async', 'pipeline'].map(async (action) => {
    const definition = port.actions.get(action);
    if (!definition) throw new Error(`there is no action ${action}`);
    const identifier = `${action}_original`;
    const inputs = { service: 'shop', replicas: 3, tags: ['a', 'b'], ref: PROJECT.refs[0] ?? 'main' };
    port.actions.set(identifier, { ...definition, identifier, requiredApproval: true });
    return ofRun(port.run(await port.trigger(identifier, { properties: inputs })));
  });
  const node = { type: 'WEBHOOK', agent: true, synchronized: true, method: 'POST', url };
  const change = {
    action: 'UPDATE',
    resourceType: 'entity',
    context: { entity: 'e1', blueprint: 'service' },
    diff: { before: null, after: { identifier: 'e1' } },
    changelogDestination: { type: 'WEBHOOK', agent: true, url },
  };
  return {
    messages: [...(await Promise.all(runs)), (runId) => buildNodeMessage(runId.replace('r_', 'wfnr_'), node)],
    change,
    clientSecret: house.environment['PORT_CLIENT_SECRET'] ?? '',
  };
}

async function publish(records: FuzzedRecord[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const waiting: FuzzedRecord[] = [];
  for (const record of records) {
    if ((record.value?.length ?? 0) > LARGE_BYTES) await send(producer, [record]);
    else waiting.push(record);
    if (waiting.length >= BATCH) await send(producer, waiting.splice(0));
  }
  await send(producer, waiting);
  await producer.disconnect();
}

/** Compressed, as a broker takes no larger batch than a megabyte. */
async function send(producer: Producer, records: FuzzedRecord[]): Promise<void> {
  const topicMessages = (['runs', 'change.log'] as const).map((name) => ({
    topic: `${house.orgId}.${name}`,
    messages: records.filter(({ topic }) => topic === name).map(({ value }) => ({ value })),
  }));
  await producer.sendBatch({
    compression: CompressionTypes.GZIP,
    topicMessages: topicMessages.filter(({ messages }) => messages.length > 0),
  });
}

/** `topic/partition/offset` of everything that is on the topics. */
async function allPlaces(): Promise<string[]> {
  const ends = await partitionEnds();
  return ends.flatMap(({ topic, partition, end }) =>
    Array.from({ length: end }, (_, offset) => `${topic}/${partition}/${offset}`),
  );
}

async function uncommitted(): Promise<string[]> {
  const ends = (await partitionEnds()).filter(({ end }) => end > 0);
  return ends
    .filter(({ committed, end }) => committed !== end)
    .map(({ topic, partition, committed, end }) => `${topic}/${partition}: ${committed} of ${end}`);
}

async function partitionEnds() {
  const topics = [`${house.orgId}.runs`, `${house.orgId}.change.log`];
  const groupId = house.environment['KAFKA_CONSUMER_GROUP_ID'] ?? '';
  const admin = kafka.admin();
  try {
    await admin.connect();
    const committed = await admin.fetchOffsets({ groupId, topics });
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return topics.flatMap((topic, at) =>
      (ends[at] ?? []).map(({ partition, high }) => {
        const { partitions = [] } = committed.find((each) => each.topic === topic) ?? {};
        const own = partitions.find((each) => each.partition === partition);
        return { topic, partition, end: Number(high), committed: Number(own?.offset ?? -1) };
      }),
    );
  } finally {
    await admin.disconnect();
  }
}

/** How many of each, by reason. */
function summary(): string {
  const counts = new Map<string, number>();
  for (const { kind, reason } of ingester.decisions.values()) {
    const what = reason === undefined ? kind : `${kind}: ${reason}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}
