/** What the proxies of the tests have in common: Debian's programs, each in a folder of its own while it runs. */
import { accessSync, constants } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { startChild } from '../../../local/parts/child.js';
import { isListening } from '../../../local/parts/ports.js';
import type { SystemPart } from '../system-part.js';

export interface RunningProxy {
  /** Without credentials: `http://127.0.0.1:20123`. */
  url: string;
  port: number;
  /** What it has logged so far. Some programs log a connection only when it ends: wait for the line. */
  log(): string[];
  stop(): Promise<void>;
}

export interface Credentials {
  user: string;
  password: string;
}

export interface ProxyProgram {
  /** What messages call it: `Squid`. */
  name: string;
  command: string;
  /** How long an orderly end may take; 0 kills at once. */
  graceMs?: number;
  /** All that it listens on. */
  ports: number[];
  args(folder: string): string[];
  /** Name to content of the files that it needs in its folder. */
  files?(folder: string): Record<string, string>;
}

const READY_TIMEOUT_MS = 120_000;

/** A program's path; daemons are in /usr/sbin, which a user's PATH may lack. Its name when it is missing. */
export function pathOf(command: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), '/usr/sbin', '/usr/bin'];
  return folders.map((folder) => join(folder, command)).find(isExecutable) ?? command;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A Debian package with a program, for `describeWith`. */
export function debianPart(name: string, command: string, debianPackage: string): SystemPart {
  return { name, isThere: isExecutable(pathOf(command)), remedy: `apt-get install ${debianPackage}` };
}

/**
 * Starts a proxy in a new folder, which is removed when it is stopped, and waits until it accepts connections.
 * Throws PartFailed with its last words.
 */
export async function startProgram(
  program: ProxyProgram,
): Promise<Omit<RunningProxy, 'url'> & { folder: string }> {
  const { name, command, ports } = program;
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'));
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const ready = async (): Promise<boolean> => (await Promise.all(ports.map(isListening))).every(Boolean);
  try {
    await fill(folder, program);
    const start = { name, command: pathOf(command), args: program.args(folder) };
    const child = await startChild({ ...start, ready, readyTimeoutMs: READY_TIMEOUT_MS });
    return {
      folder,
      port: ports[0] ?? 0,
      log: () => child.lines(1000),
      async stop() {
        await child.stop(program.graceMs);
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/** Usable for the user that a program started by root turns into. */
async function fill(folder: string, program: ProxyProgram): Promise<void> {
  await chmod(folder, 0o777);
  for (const [name, content] of Object.entries(program.files?.(folder) ?? {})) {
    await writeFile(join(folder, name), content);
    await chmod(join(folder, name), 0o644);
  }
}
