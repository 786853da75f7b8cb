/** A real Apache Kafka on this machine, with SASL_SSL and SCRAM-SHA-512 as Port's has it. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { type Child, unlessAborted } from './child.js';
import { findJava } from './java.js';
import { ensureCertificates, type KafkaPorts, startBroker } from './kafka-broker.js';
import { findKafka } from './kafka-libs.js';
import { freeKafkaPorts, prepareBroker } from './kafka-prepared.js';
import { setScramPassword } from './kafka-scram.js';
import { assertPortFree } from './ports.js';
import type { Progress } from './progress.js';

/** Reached on a machine that is busy with other things; whatever is wrong is told before. */
const LONGEST_WAIT_MS = 60_000;

export interface Topic {
  name: string;
  partitions: number;
}

export interface KafkaOptions {
  /** Free ports where left out. */
  ports?: Partial<KafkaPorts>;
  username: string;
  password: string;
  topics: Topic[];
  /** Kept at stop, and continued when it holds data; a temporary folder when left out. */
  dataDir?: string;
  /** The name clients know it by; default `localhost`. Any other makes it listen on every interface. */
  host?: string;
  /** Added to the broker's own, or in their place. */
  properties?: Record<string, string>;
  progress?: Progress;
  /** Ends a start that is not through, with nothing left behind. */
  signal?: AbortSignal;
}

export interface RunningKafka {
  /** SASL_SSL, SCRAM-SHA-512. */
  brokers: string[];
  /** Neither password nor TLS; this machine only. */
  plaintextBrokers: string[];
  ports: KafkaPorts;
  username: string;
  password: string;
  caFile: string;
  caPem: string;
  source: string;
  child: Child;
  /** Creates the topics that are missing. */
  createTopics(topics: Topic[]): Promise<void>;
  /** Creates the user or changes its password; returns once the broker accepts it. */
  setPassword(username: string, password: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts Kafka and returns once it has its topics and accepts the password.
 * Called again with the same `dataDir` and `ports` after a stop, it is the same broker, restarted.
 */
export async function startKafka(options: KafkaOptions): Promise<RunningKafka> {
  const { username, password, dataDir, host = 'localhost', properties = {}, progress = () => {} } = options;
  const { signal } = options;
  const java = await findJava(progress);
  const kafka = await findKafka(progress, java);
  const prepared = await prepareBroker(java, kafka, progress, signal);
  const ports = await choosePorts(options.ports);
  signal?.throwIfAborted();

  const dir = dataDir ?? (await mkdtemp(join(tmpdir(), 'kafka-')));
  let child: Child | undefined;
  const stop = async (): Promise<void> => {
    // What nobody will read again need not be closed cleanly.
    await child?.stop(dataDir === undefined ? 0 : 15_000);
    if (dataDir === undefined) await rm(dir, { recursive: true, force: true });
  };
  try {
    await mkdir(dir, { recursive: true });
    const tls = await ensureCertificates(dir, host);
    await prepared.ensureFormatted(join(dir, 'data'));
    const createCredential = async (): Promise<boolean> => {
      await setScramPassword(ports.plaintext, username, password);
      return true;
    };
    const { libs } = kafka;
    const { jvmFlags } = prepared;
    child = await startBroker({
      ...{ java, libs, dir, ports, host, jvmFlags, properties, ready: createCredential },
      ...(signal && { signal }),
    });
    const plaintextBrokers = [`127.0.0.1:${ports.plaintext}`];
    const running: RunningKafka = {
      brokers: [`${host}:${ports.saslSsl}`],
      ...{ plaintextBrokers, ports, username, password, ...tls, source: kafka.source, child, stop },
      createTopics: (topics) => createTopics(plaintextBrokers, topics),
      async setPassword(user, secret) {
        await setScramPassword(ports.plaintext, user, secret);
        await untilAccepted(ports.saslSsl, tls.caPem, user, secret);
      },
    };
    const usable = Promise.all([
      createTopics(plaintextBrokers, options.topics, signal),
      untilAccepted(ports.saslSsl, tls.caPem, username, password, signal),
    ]);
    await unlessAborted(usable, signal);
    return running;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function choosePorts(given: Partial<KafkaPorts> = {}): Promise<KafkaPorts> {
  for (const [listener, port] of Object.entries(given)) await assertPortFree(port, `Kafka (${listener})`);
  return { ...(await freeKafkaPorts()), ...given };
}

async function createTopics(brokers: string[], topics: Topic[], signal?: AbortSignal): Promise<void> {
  if (topics.length === 0) return;
  const wanted = topics.map(({ name, partitions }) => ({ topic: name, numPartitions: partitions }));
  await withAdmin({ brokers, retry: { retries: 5 } }, async (admin) => {
    await admin.createTopics({ topics: wanted, waitForLeaders: false, timeout: LONGEST_WAIT_MS });
    // The broker learns what its controller has created a moment after that is confirmed: kafkajs's own wait
    // takes a topic that is not known yet for an error.
    await untilDone(() => admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) }), signal);
  });
}

/** The broker applies a new password a moment after it has confirmed it. */
async function untilAccepted(
  port: number,
  ca: string,
  username: string,
  password: string,
  signal?: AbortSignal,
): Promise<void> {
  const client: KafkaConfig = {
    brokers: [`localhost:${port}`],
    ssl: { ca: [ca] },
    sasl: { mechanism: 'scram-sha-512', username, password },
  };
  await untilDone(() => withAdmin(client, async () => {}), signal);
}

/** Tries again until it works; the last error when it does not. */
async function untilDone(attempt: () => Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  for (const deadline = Date.now() + LONGEST_WAIT_MS; ; await delay(20)) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline || signal?.aborted) throw error;
    }
  }
}

async function withAdmin(config: KafkaConfig, work: (admin: Admin) => Promise<void>): Promise<void> {
  const client = new Kafka({ logLevel: logLevel.NOTHING, retry: { retries: 0 }, ...config });
  const admin = client.admin();
  try {
    await admin.connect();
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}
