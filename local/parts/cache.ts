/** Where fetched parts are kept: outside the working tree, shared by every run on the machine. */
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `TEMPORAL_PORT_AGENT_CACHE`, else a folder in the user's cache folder. */
export function cacheDir(): string {
  const { TEMPORAL_PORT_AGENT_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return own || join(xdg || join(homedir(), '.cache'), 'temporal-port-agent');
}

/** The entry's folder when it is there. */
export async function cached(entry: string): Promise<string | undefined> {
  const dir = join(cacheDir(), entry);
  return (await exists(dir)) ? dir : undefined;
}

const underWay = new Map<string, Promise<string>>();

/**
 * Returns the entry's folder; when it is missing, has `fill` make it in a folder beside it first.
 * It appears whole or not at all. Two processes may both fill it: the first one's is kept.
 */
export async function cachedOr(entry: string, fill: (dir: string) => Promise<void>): Promise<string> {
  const target = join(cacheDir(), entry);
  const made = underWay.get(target) ?? make(target, fill).finally(() => underWay.delete(target));
  underWay.set(target, made);
  return made;
}

async function make(target: string, fill: (dir: string) => Promise<void>): Promise<string> {
  if (await exists(target)) return target;
  await mkdir(cacheDir(), { recursive: true });
  const dir = await mkdtemp(`${target}.part-`);
  try {
    await fill(dir);
    await rename(dir, target).catch(async (error: unknown) => {
      // Another process was faster: a rename onto a folder with content is refused.
      if (!(await exists(target))) throw error;
    });
    return target;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
