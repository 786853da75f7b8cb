/** One Kafka broker process: its properties, its certificate, its JVM. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './child.js';
import type { Java } from './java.js';
import { createTestCa } from './test-ca.js';

/** Tuned for a start in a second, not for load: one collector thread, the quick compiler, a small heap. */
const JVM_FLAGS = [
  '-Xms96m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

export interface KafkaPorts {
  /** What clients use: SASL_SSL. */
  saslSsl: number;
  /** Without password and TLS, on this machine only: for the launcher and for tests. */
  plaintext: number;
  controller: number;
}

export interface BrokerOptions {
  java: Java;
  libs: string;
  /** Holds `server.properties`, `tls/` and `data/`. */
  dir: string;
  ports: KafkaPorts;
  /** The name clients know it by; anything but `localhost` makes it listen on every interface. */
  host: string;
  jvmFlags?: string[];
  /** Added to what is set here, or in its place. */
  properties?: Record<string, string>;
  ready: () => Promise<boolean>;
  signal?: AbortSignal;
}

/** Starts the broker on a data folder that has been formatted. */
export async function startBroker(options: BrokerOptions): Promise<Child> {
  const { java, libs, dir, jvmFlags = [], ready, signal } = options;
  await writeProperties(options);
  return startChild({
    name: 'Kafka',
    command: java.path,
    args: [...(await javaArgs(libs)), ...jvmFlags, 'kafka.Kafka', join(dir, 'server.properties')],
    cwd: dir,
    ready,
    readyTimeoutMs: 180_000,
    ...(signal && { signal }),
  });
}

/** Class path and flags of every Kafka command: an archive of classes is valid for exactly these. */
export async function javaArgs(libs: string): Promise<string[]> {
  const jars = (await readdir(libs)).filter((file) => file.endsWith('.jar')).sort();
  return ['-cp', jars.map((jar) => join(libs, jar)).join(':'), ...JVM_FLAGS];
}

/** Makes `tls/` with a CA of its own, unless it is there: clients of a restarted broker keep their trust. */
export async function ensureCertificates(
  dir: string,
  host: string,
): Promise<{ caFile: string; caPem: string }> {
  const caFile = join(dir, 'tls', 'ca.pem');
  const present = await readFile(caFile, 'utf8').catch(() => undefined);
  if (present !== undefined) return { caFile, caPem: present };
  const ca = createTestCa('temporal-port-agent local Kafka CA');
  const dnsNames = [...new Set(['localhost', host])];
  const { certPem, keyPem } = ca.issue({ commonName: host, dnsNames, ipAddresses: ['127.0.0.1'] });
  await mkdir(join(dir, 'tls'), { recursive: true });
  await writeFile(join(dir, 'tls', 'server.pem'), keyPem + certPem + ca.caPem, { mode: 0o600 });
  await writeFile(caFile, ca.caPem);
  return { caFile, caPem: ca.caPem };
}

/** Writes `server.properties`: a single node that is broker and controller, unless the options say otherwise. */
export async function writeProperties(
  options: Pick<BrokerOptions, 'dir' | 'ports' | 'host' | 'properties'>,
): Promise<void> {
  const { dir, ports, host } = options;
  const bind = host === 'localhost' ? '127.0.0.1' : '0.0.0.0';
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: [
      `PLAINTEXT://127.0.0.1:${ports.plaintext}`,
      `SASL_SSL://${bind}:${ports.saslSsl}`,
      `CONTROLLER://127.0.0.1:${ports.controller}`,
    ].join(','),
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.plaintext},SASL_SSL://${host}:${ports.saslSsl}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL',
    'inter.broker.listener.name': 'PLAINTEXT',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(dir, 'tls', 'server.pem'),
    'ssl.client.auth': 'none',
    'log.dirs': join(dir, 'data'),
    // A single node cannot keep the three copies that are the default.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // The defaults make a test wait: 3 s for the first assignment, 6 s at least for a dead consumer.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // How long a broker that was killed stays registered, and keeps its successor out (default 9 s).
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'auto.create.topics.enable': false,
    'num.partitions': 3,
    // The default takes 128 MiB of heap.
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'num.network.threads': 2,
    'num.io.threads': 4,
    ...options.properties,
  };
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  await writeFile(join(dir, 'server.properties'), `${lines.join('\n')}\n`);
}
