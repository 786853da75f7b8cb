/** Apache Kafka's jars. */
import { createWriteStream } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGunzip } from 'node:zlib';
import { cached, cachedOr } from './cache.js';
import { runCommand } from './child.js';
import type { Java } from './java.js';
import type { Progress } from './progress.js';
import { firstSource, onPath, type Source } from './sources.js';

const VERSION = '4.1.0';
const ARCHIVE = `kafka_2.13-${VERSION}`;
const ENTRY = `kafka-${VERSION}`;

/** The broker with what it needs to run; logging is not among its dependencies. */
const POM = `<project><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
`;

export interface KafkaLibs {
  /** The folder with the jars. */
  libs: string;
  version: string;
}

/** Finds Kafka's jars, and fetches them into the cache when there are none. `java` is what runs Maven. */
export async function findKafka(
  progress: Progress = () => {},
  java?: Java,
): Promise<KafkaLibs & { source: string }> {
  const sources: Source<KafkaLibs>[] = [
    {
      name: 'KAFKA_HOME',
      async find() {
        const home = process.env['KAFKA_HOME'];
        if (!home) throw new Error('not set');
        return check(home);
      },
    },
    {
      name: 'cache',
      async find() {
        const dir = await cached(ENTRY);
        if (!dir) throw new Error('not there');
        return check(dir);
      },
    },
    {
      name: 'Maven',
      async find() {
        const mvn = await onPath('mvn');
        progress(`Kafka ${VERSION}: fetching through Maven, once (43 MB)`);
        return check(await cachedOr(ENTRY, (dir) => fromMaven(mvn, dir, java)));
      },
    },
    {
      name: 'archive.apache.org',
      async find() {
        progress(`Kafka ${VERSION}: fetching from archive.apache.org, once (130 MB)`);
        return check(await cachedOr(ENTRY, fromArchive));
      },
    },
  ];
  const kafka = await firstSource(
    'Kafka',
    sources,
    `Install Maven, or unpack ${ARCHIVE}.tgz and set KAFKA_HOME to it.`,
  );
  progress(`Kafka ${kafka.version} (${kafka.source})`);
  return kafka;
}

async function check(home: string): Promise<KafkaLibs> {
  const libs = join(home, 'libs');
  const jars = await readdir(libs);
  const version = jars.map((jar) => /^kafka_2\.\d+-([\d.]+)\.jar$/.exec(jar)?.[1]).find(Boolean);
  if (!version) throw new Error(`no Kafka in ${libs}`);
  return { libs, version };
}

async function fromMaven(mvn: string, dir: string, java: Java | undefined): Promise<void> {
  const pom = join(dir, 'pom.xml');
  await writeFile(pom, POM);
  await runCommand({
    name: 'Download',
    command: mvn,
    args: ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${join(dir, 'libs')}`],
    ...(java && { env: { JAVA_HOME: java.home } }),
  });
}

async function fromArchive(dir: string): Promise<void> {
  const response = await fetch(`https://archive.apache.org/dist/kafka/${VERSION}/${ARCHIVE}.tgz`);
  if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
  const tar = join(dir, 'kafka.tar');
  // Unpacked here, since tar leaves that to a gzip command, which a fresh machine may lack.
  await pipeline(Readable.fromWeb(response.body as ReadableStream), createGunzip(), createWriteStream(tar));
  await runCommand({ name: 'Download', command: 'tar', args: ['-xf', tar, '-C', dir, `${ARCHIVE}/libs`] });
  await rename(join(dir, ARCHIVE, 'libs'), join(dir, 'libs'));
  await Promise.all([rm(tar), rm(join(dir, ARCHIVE), { recursive: true })]);
}
