/**
 * The mapping file, loaded and watched: a changed file replaces the mappings whole, or not at all.
 *
 * Kubernetes changes a mounted ConfigMap by moving a symbolic link (`..data`) beside the file, so it is the
 * directory that is watched; a look at the file itself every two seconds is for the places where no such
 * event arrives. Nothing here keeps the process alive.
 */
import { createHash } from 'node:crypto';
import { type FSWatcher, unwatchFile, watch, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { type Compile, type Mapping, readMappings } from './mapping.js';

export interface LoadedMappings {
  mappings: readonly Mapping[];
  /** Of the file's content, short, to tell versions apart in logs. */
  version: string;
  warnings: string[];
}

export interface MappingWatch {
  /** The last version that was whole. */
  readonly current: LoadedMappings;
  close(): void;
}

export interface MappingWatchOptions {
  compile: Compile;
  onChange(loaded: LoadedMappings): void;
  /** A new version can't be used, and the old one stays; each only once. */
  onProblem(problems: string[]): void;
}

/** A mapping file that can't be used, with every reason. */
export class MappingFileError extends Error {
  override readonly name = 'MappingFileError';
  constructor(readonly problems: string[]) {
    super(`The mapping file can't be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

const LOOK_EVERY_MS = 2000;
/** After an event the file may still be in the middle of being written. */
const SETTLE_MS = 100;
/** Between two looks: the directory may hold files that change all the time. */
const MIN_GAP_MS = 1000;

/** @throws MappingFileError when the file is missing, unreadable, or what the old agent would have refused. */
export async function loadMappings(path: string, compile: Compile): Promise<LoadedMappings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new MappingFileError([
      `${path}: can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`,
    ]);
  }
  const version = versionOf(text);
  const { mappings, problems, warnings } = await readMappings(text, basename(path), compile);
  if (problems.length > 0) throw new MappingFileError(problems);
  return { mappings, version, warnings };
}

/**
 * Loads the file, and again whenever it changes.
 *
 * @throws MappingFileError when the first version can't be used.
 */
export async function watchMappings(path: string, options: MappingWatchOptions): Promise<MappingWatch> {
  const file = resolve(path);
  // Watched before it is read, so that no change falls between the two.
  const reload = new Reload(file, options);
  const stop = watchForChanges(file, () => reload.soon());
  let first: LoadedMappings;
  try {
    first = await reload.first();
  } catch (error) {
    stop();
    throw error;
  }
  return {
    get current() {
      return reload.current ?? first;
    },
    close() {
      stop();
      reload.close();
    },
  };
}

/** One look at a time, at most one a second. */
class Reload {
  current: LoadedMappings | undefined;
  private suspected = '';
  private told = '';
  private lookedAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private running = false;
  private again = false;
  private closed = false;

  constructor(
    private readonly file: string,
    private readonly options: MappingWatchOptions,
  ) {}

  async first(): Promise<LoadedMappings> {
    this.current = await loadMappings(this.file, this.options.compile);
    // What an event said meanwhile was not listened to.
    this.soon();
    return this.current;
  }

  soon(): void {
    if (this.closed || !this.current || this.timer) return;
    const delayMs = Math.max(SETTLE_MS, this.lookedAt + MIN_GAP_MS - Date.now());
    const look = () => {
      this.timer = undefined;
      void this.lookNow();
    };
    this.timer = setTimeout(look, Math.min(delayMs, MIN_GAP_MS)).unref();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async lookNow(): Promise<void> {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    this.lookedAt = Date.now();
    try {
      await this.look();
    } finally {
      this.running = false;
    }
    if (!this.again) return;
    this.again = false;
    this.soon();
  }

  private async look(): Promise<void> {
    const loaded = await loadMappings(this.file, this.options.compile).catch((error: unknown) => error);
    if (this.closed) return;
    if (!(loaded instanceof Error)) return this.take(loaded as LoadedMappings);
    const problems = loaded instanceof MappingFileError ? loaded.problems : [`${this.file}: ${loaded.name}`];
    const problem = problems.join('\n');
    const suspected = this.suspected;
    this.suspected = problem;
    // A file in the middle of being written looks broken once; what is broken looks so twice.
    if (problem !== suspected) return this.soon();
    if (problem === this.told) return;
    this.told = problem;
    this.options.onProblem(problems);
  }

  private take(loaded: LoadedMappings): void {
    this.suspected = this.told = '';
    if (loaded.version === this.current?.version) return;
    this.current = loaded;
    this.options.onChange(loaded);
  }
}

function watchForChanges(file: string, onEvent: () => void): () => void {
  watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, onEvent);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(file), { persistent: false }, onEvent);
    // The directory went away, or there are too many watches: the look every two seconds is left.
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  return () => {
    watcher?.close();
    unwatchFile(file, onEvent);
  };
}

function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
