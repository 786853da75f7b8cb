/** Child processes that say why they failed and never outlive us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { adopt, killGroup, release } from './orphans.js';

const KEPT_LINES = 1000;
const POLL_MS = 25;

export interface CommandOptions {
  /** What messages call it: `Kafka`. */
  name: string;
  command: string;
  args?: string[];
  /** Added to this process's environment. */
  env?: Record<string, string>;
  cwd?: string;
  onLine?: (line: string) => void;
  /** Ends it at once while it is starting, or while a command runs; later it means nothing. */
  signal?: AbortSignal;
}

export interface ChildOptions extends CommandOptions {
  /** A line of its log, or a question asked until it is true (an error counts as no). */
  ready?: RegExp | (() => Promise<boolean>);
  /** Default two minutes: a busy machine is slow, and waiting costs nothing where all is well. */
  readyTimeoutMs?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  name: string;
  pid: number;
  /** The last lines of its log, stdout and stderr together. */
  lines(count: number): string[];
  exited: Promise<Exit>;
  isRunning(): boolean;
  /** Signals the child and everything it has started. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs` (default 10 s; 0 kills at once). */
  stop(graceMs?: number): Promise<Exit>;
}

/** A real part that could not be found, started or kept running. */
export class PartFailed extends Error {
  override readonly name = 'PartFailed';
  readonly part: string;
  readonly reason: string;
  readonly lastLines: string[];

  constructor(part: string, reason: string, lastLines: string[] = []) {
    super([`${part} ${reason}`, ...lastLines.map((line) => `  ${line}`)].join('\n'));
    this.part = part;
    this.reason = reason;
    this.lastLines = lastLines;
  }
}

/** Starts a process and waits until it is ready; throws PartFailed, with nothing left running. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { ready, readyTimeoutMs = 120_000, signal } = options;
  let lineSeen = false;
  const child = await launch({
    ...options,
    onLine(line) {
      if (ready instanceof RegExp && ready.test(line)) lineSeen = true;
      options.onLine?.(line);
    },
  });
  if (ready === undefined) return child;
  const isReady = ready instanceof RegExp ? async () => lineSeen : ready;
  try {
    await unlessAborted(untilReady(child, isReady, readyTimeoutMs), signal);
    return child;
  } catch (error) {
    await child.stop(0);
    throw error;
  }
}

/** Runs a command to its end and returns its output's lines; throws PartFailed unless it ends with 0. */
export async function runCommand(options: CommandOptions & { timeoutMs?: number }): Promise<string[]> {
  const { timeoutMs = 600_000 } = options;
  const child = await launch(options);
  const kill = (): void => child.signal('SIGKILL');
  const timer = setTimeout(kill, timeoutMs);
  options.signal?.addEventListener('abort', kill);
  const exit = await child.exited;
  options.signal?.removeEventListener('abort', kill);
  clearTimeout(timer);
  if (exit.code === 0) return child.lines(KEPT_LINES);
  throw new PartFailed(options.name, `failed: ${options.command} ${ended(exit)}`, child.lines(20));
}

/** The outcome of the work; a rejection as soon as the signal is aborted, whatever becomes of the work. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const waiting = new AbortController();
  const aborted = once(signal, 'abort', { signal: waiting.signal }).then(() => signal.throwIfAborted());
  try {
    return (await Promise.race([work, aborted])) as T;
  } finally {
    waiting.abort();
  }
}

async function launch(options: CommandOptions): Promise<Child> {
  options.signal?.throwIfAborted();
  const { name, command, args = [], env, cwd } = options;
  const lines: string[] = [];
  // A process group of its own: Ctrl-C in the terminal reaches only us, and we decide the order of the end.
  const child = spawn(command, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  });
  const { pid } = child;
  if (pid === undefined) {
    const error = await new Promise<Error>((resolve) => child.once('error', resolve));
    throw new PartFailed(name, `could not be started: ${error.message}`);
  }
  adopt(pid);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      options.onLine?.(line);
    });
  }
  let running = true;
  const exited = end(child, pid).then((exit) => {
    running = false;
    return exit;
  });
  const signal = (which: NodeJS.Signals): void => {
    // Once the leader has been waited for, its pid may belong to somebody else.
    if (child.exitCode === null && child.signalCode === null) killGroup(pid, which);
  };
  return {
    name,
    pid,
    lines: (count) => lines.slice(-count),
    exited,
    isRunning: () => running,
    signal,
    async stop(graceMs = 10_000) {
      if (graceMs > 0) signal('SIGTERM');
      const timer = setTimeout(() => signal('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
}

/** Resolves once the process has ended and its last line was read. */
function end(child: ChildProcess, pid: number): Promise<Exit> {
  child.once('exit', () => {
    release(pid);
    // A grandchild in a session of its own may hold the pipes open: its output is not waited for.
    setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, 500).unref();
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

async function untilReady(child: Child, isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  const late = delay(timeoutMs, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
  let lastError = '';
  const ask = async (): Promise<'yes' | 'no'> => {
    try {
      if (await isReady()) return 'yes';
      lastError = '';
    } catch (error) {
      lastError = error instanceof Error ? error.message : String(error);
    }
    await delay(POLL_MS);
    return 'no';
  };
  try {
    for (;;) {
      const outcome = await Promise.race([child.exited, late, ask()]);
      if (outcome === 'yes') return;
      if (outcome === 'no') continue;
      const reason =
        outcome === 'late'
          ? `was not ready after ${timeoutMs / 1000} s${lastError && `: ${lastError}`}`
          : `${ended(outcome)} before it was ready`;
      throw new PartFailed(child.name, reason, child.lines(20));
    }
  } finally {
    timer.abort();
  }
}

function ended(exit: Exit): string {
  return exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code}`;
}
