/**
 * What makes a start take one second instead of three, made once for a Java and a Kafka and kept in the cache:
 * a formatted data folder, and an archive of the classes the broker loads (AppCDS: 1.0 s and half the CPU).
 */
import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedOr, exists } from './cache.js';
import { runCommand } from './child.js';
import type { Java } from './java.js';
import {
  ensureCertificates,
  javaArgs,
  type KafkaPorts,
  startBroker,
  writeProperties,
} from './kafka-broker.js';
import type { KafkaLibs } from './kafka-libs.js';
import { freePorts, isListening } from './ports.js';
import type { Progress } from './progress.js';

export interface PreparedBroker {
  jvmFlags: string[];
  /** Makes a formatted data folder at `dataDir`, unless there is one: node 1 of a new cluster, if not told otherwise. */
  ensureFormatted(dataDir: string, node?: { id: number; clusterId: string }): Promise<void>;
}

/** Returns what was prepared for this Java and this Kafka, preparing it the first time (6 s). */
export async function prepareBroker(
  java: Java,
  kafka: KafkaLibs,
  progress: Progress,
  signal?: AbortSignal,
): Promise<PreparedBroker> {
  // An archive is tied to the runtime and the jars it was made with; elsewhere the JVM ignores it.
  const key = createHash('sha256').update([java.home, java.version, kafka.libs].join('\n')).digest('hex');
  const entry = `kafka-${kafka.version}-prepared-${key.slice(0, 12)}`;
  const dir = await cachedOr(entry, async (into) => {
    progress(`Kafka ${kafka.version}: preparing quick starts, once`);
    await train(java, kafka.libs, into, signal);
  });
  const archive = join(dir, 'classes.jsa');
  return {
    jvmFlags: (await exists(archive)) ? ['-Xshare:auto', `-XX:SharedArchiveFile=${archive}`] : [],
    async ensureFormatted(dataDir, { id, clusterId } = { id: 1, clusterId: newId() }) {
      const file = join(dataDir, 'meta.properties');
      if (await exists(file)) return;
      await cp(join(dir, 'data'), dataDir, { recursive: true });
      const properties = await readFile(file, 'utf8');
      const own = properties
        .replace(/^cluster\.id=.*$/m, `cluster.id=${clusterId}`)
        .replace(/^node\.id=.*$/m, `node.id=${id}`)
        // No two brokers of a cluster may have a folder of the same id.
        .replace(/^directory\.id=.*$/m, `directory.id=${newId()}`);
      await writeFile(file, own);
    },
  };
}

/** Formats a data folder, keeps a copy, and has one broker that runs on it note the classes it loads. */
async function train(java: Java, libs: string, into: string, signal?: AbortSignal): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'kafka-prepare-'));
  try {
    const ports = await freeKafkaPorts();
    const archive = join(dir, 'classes.jsa');
    await mkdir(join(dir, 'data'));
    await ensureCertificates(dir, 'localhost');
    await writeProperties({ dir, ports, host: 'localhost' });
    await runCommand({
      name: 'Kafka',
      command: java.path,
      args: [
        ...(await javaArgs(libs)),
        'kafka.tools.StorageTool',
        'format',
        `--cluster-id=${newId()}`,
        `--config=${join(dir, 'server.properties')}`,
      ],
      timeoutMs: 180_000,
      ...(signal && { signal }),
    });
    await cp(join(dir, 'data'), join(into, 'data'), { recursive: true });
    const broker = await startBroker({
      java,
      libs,
      dir,
      ports,
      host: 'localhost',
      jvmFlags: [`-XX:ArchiveClassesAtExit=${archive}`],
      ready: () => isListening(ports.saslSsl),
      ...(signal && { signal }),
    });
    await broker.stop(60_000);
    // Without the archive everything works, only slower.
    await cp(archive, join(into, 'classes.jsa')).catch(() => {});
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Three free ports, where none were asked for. */
export async function freeKafkaPorts(): Promise<KafkaPorts> {
  const [saslSsl = 0, plaintext = 0, controller = 0] = await freePorts(3);
  return { saslSsl, plaintext, controller };
}

/** An id for a cluster: 16 random bytes as Kafka writes them; its own generator, too, avoids a leading dash. */
export function newId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'k');
}
