/** Three brokers on this machine, each of which may stop and come back. The first one is the controller, too. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import type { Child } from '../../../local/parts/child.js';
import { findJava } from '../../../local/parts/java.js';
import { startBroker } from '../../../local/parts/kafka-broker.js';
import { findKafka } from '../../../local/parts/kafka-libs.js';
import { newId, prepareBroker } from '../../../local/parts/kafka-prepared.js';
import { freePorts, isListening } from '../../../local/parts/ports.js';
import { until } from '../house.js';

const NODES = [1, 2, 3];
const TIMEOUT_MS = 90_000;
/** Three brokers and the tests share one small machine. */
const SMALL_HEAP = ['-Xms64m', '-Xmx160m'];

export interface KafkaCluster {
  /** Plain listeners, the one of node 1 first. */
  brokers: string[];
  /** `replicas`: the brokers that keep each partition, its leader first. Returns once every broker knows of it. */
  createTopic(topic: string, replicas: number[][], configuration?: Record<string, string>): Promise<void>;
  /** SIGTERM hands the broker's partitions over first; after SIGKILL the others have to notice. */
  take(node: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts a broker that was taken, and returns once the cluster has it again. */
  giveBack(node: number): Promise<void>;
  stop(): Promise<void>;
}

/** Returns once all three serve. Topics get three copies. */
export async function startKafkaCluster(): Promise<KafkaCluster> {
  const java = await findJava();
  const { libs, version } = await findKafka(undefined, java);
  const prepared = await prepareBroker(java, { libs, version }, () => {});
  const dir = await mkdtemp(join(tmpdir(), 'kafka-cluster-'));
  const [controller = 0, ...plaintext] = await freePorts(1 + NODES.length);
  const clusterId = newId();
  const topics: string[] = [];
  const children = new Map<number, Child>();
  const brokers = plaintext.map((port) => `127.0.0.1:${port}`);

  async function start(node: number): Promise<void> {
    const home = join(dir, String(node));
    await mkdir(home, { recursive: true });
    await prepared.ensureFormatted(join(home, 'data'), { id: node, clusterId });
    const port = plaintext[node - 1] ?? 0;
    const child = await startBroker({
      ...{ java, libs, dir: home, host: 'localhost' },
      ports: { saslSsl: 0, plaintext: port, controller },
      jvmFlags: [...prepared.jvmFlags, ...SMALL_HEAP],
      properties: propertiesOf(node, port, controller),
      ready: () => isListening(port),
    });
    children.set(node, child);
  }

  /** Every broker knows of the topics, and has all copies of every partition beside it. */
  async function untilWhole(topics: string[]): Promise<void> {
    const isWhole = async (): Promise<boolean> =>
      (await Promise.all(brokers.map((broker) => seesAll(broker, topics).catch(() => false)))).every(Boolean);
    await until('the cluster is whole', isWhole, TIMEOUT_MS);
  }

  async function stop(): Promise<void> {
    await Promise.all([...children.values()].map((child) => child.stop(0)));
    await rm(dir, { recursive: true, force: true });
  }

  try {
    await Promise.all(NODES.map(start));
    await untilWhole([]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers,
    async createTopic(topic, replicas, configuration = {}) {
      const replicaAssignment = replicas.map((each, partition) => ({ partition, replicas: each }));
      const configEntries = Object.entries(configuration).map(([name, value]) => ({ name, value }));
      await withAdmin(brokers, (admin) =>
        // kafkajs's own wait for leaders asks one broker, and fails when that is behind the controller.
        admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }], timeout: TIMEOUT_MS }),
      );
      topics.push(topic);
      await untilWhole([topic]);
    },
    async take(node, signal) {
      await children.get(node)?.stop(signal === 'SIGKILL' ? 0 : TIMEOUT_MS);
    },
    async giveBack(node) {
      await start(node);
      await untilWhole(topics);
    },
    stop,
  };
}

/** Asked on a connection of its own, since kafkajs asks whichever broker it is connected to. */
async function seesAll(broker: string, names: string[]): Promise<boolean> {
  return withAdmin([broker], async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    const partitions = topics.flatMap((topic) => topic.partitions);
    const { brokers } = await admin.describeCluster();
    return brokers.length === NODES.length && partitions.every(({ isr }) => isr.length === NODES.length);
  });
}

async function withAdmin<T>(brokers: string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** What differs from a single broker. */
function propertiesOf(node: number, port: number, controller: number): Record<string, string> {
  const isController = node === 1;
  const listener = `PLAINTEXT://127.0.0.1:${port}`;
  return {
    'node.id': String(node),
    'process.roles': isController ? 'broker,controller' : 'broker',
    listeners: isController ? `${listener},CONTROLLER://127.0.0.1:${controller}` : listener,
    'advertised.listeners': listener,
    'default.replication.factor': '3',
    'offsets.topic.replication.factor': '3',
    // A busy machine keeps a broker from its heartbeat for a second or two.
    'broker.session.timeout.ms': '6000',
  };
}
