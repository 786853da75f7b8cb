/**
 * A Docker engine for tests: the one that `docker` reaches, else one of our own, which on Debian root can start
 * from packages alone. Its images stay in the cache, so that the next run builds only what has changed.
 */
import { execFile, execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from '../../../local/parts/cache.js';
import { PartFailed, startChild } from '../../../local/parts/child.js';
import type { SystemPart } from '../../support/system-part.js';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** What an engine of our own is made of. */
const COMMANDS = ['docker', 'dockerd', 'iptables', 'debootstrap'];
/** The user's PATH need not have the system's commands, which the engine calls too. */
const PATH = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter);

export interface Engine {
  /** Whether it is ours alone, and may be tidied up. */
  isOwn: boolean;
  /** What a program needs in its environment to reach it. */
  environment: Record<string, string>;
  /** Runs `docker` and returns what it printed; on failure an error with all of its output. */
  docker(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

export const dockerEngine: SystemPart = {
  name: 'a Docker engine',
  isThere: isReachable() || canStart(),
  remedy:
    'let `docker version` reach one; or, on Debian as root, apt-get install --no-install-recommends docker.io iptables debootstrap',
};

export async function startEngine(): Promise<Engine> {
  if (isReachable()) return engineAt({}, async () => {});
  // The same place each time, so that a start finds what a killed one has left behind, and ends it.
  const dir = join(tmpdir(), 'temporal-port-agent-docker');
  const host = `unix://${join(dir, 'socket')}`;
  const root = join(cacheDir(), 'docker');
  await Promise.all([mkdir(dir, { recursive: true }), mkdir(root, { recursive: true })]);
  const engine = engineAt({ DOCKER_HOST: host }, async () => void (await daemon.stop(60_000)));
  const daemon = await startChild({
    name: 'Docker',
    command: find('dockerd') ?? 'dockerd',
    args: [
      ...['--data-root', root, '--exec-root', join(dir, 'run'), '--pidfile', join(dir, 'pid')],
      // Without a word it falls back to one that is 30 times slower.
      ...['--storage-driver', 'overlay2', '--host', host],
    ],
    env: { PATH },
    ready: async () => (await engine.docker('version')) !== '',
  });
  return { ...engine, isOwn: true };
}

function engineAt(environment: Record<string, string>, stop: () => Promise<void>): Engine {
  return {
    isOwn: false,
    environment,
    stop,
    docker: (...args) => output('docker', args, environment),
  };
}

/** Runs a command to its end and returns its standard output; PartFailed with both streams if it fails. */
export async function output(
  command: string,
  args: string[],
  environment: Record<string, string | undefined> = {},
  cwd?: string,
): Promise<string> {
  const env = { ...process.env, PATH, ...environment };
  const options = { env, maxBuffer: MAX_OUTPUT_BYTES, ...(cwd !== undefined && { cwd }) };
  try {
    return (await run(command, args, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    const lines = `${stdout}${stderr}`.trimEnd().split('\n').slice(-40);
    throw new PartFailed(`${command} ${args.join(' ')}`, 'failed', lines[0] ? lines : [message]);
  }
}

function isReachable(): boolean {
  try {
    execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], {
      stdio: 'pipe',
      timeout: 20_000,
    });
    return true;
  } catch {
    return false;
  }
}

function canStart(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && COMMANDS.every(find);
}

function find(command: string): string | undefined {
  return PATH.split(delimiter)
    .map((dir) => join(dir, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
