/** Processes that are killed, frozen, told to stop, and started again; what ends unasked is started again as well. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Child, Exit } from '../../local/parts/child.js';
import type { Death } from './evidence.js';

/** So that a process which can't start does not start without a pause. */
const RESTART_MS = 1000;
const MOST_TRIES = 3;
const KEPT_LINES = 5;

export interface Part {
  /** Sends the signal, and SIGKILL after `graceMs`; resolves once it has ended. It stays down until `start`. */
  end(signal: 'SIGKILL' | 'SIGTERM', graceMs: number): Promise<Exit>;
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  deaths: Death[];
}

/** Starts a process and keeps it running; `launch` resolves once it runs, and is tried again when it fails. */
export async function startPart(name: string, launch: () => Promise<Child>): Promise<Part> {
  const deaths: Death[] = [];
  let child: Child | undefined;
  let isWanted = true;
  let starting: Promise<void> = Promise.resolve();

  function start(): Promise<void> {
    isWanted = true;
    starting = launchPatiently();
    return starting;
  }

  async function launchPatiently(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const started = await launch();
        child = started;
        void started.exited.then((exit) => restartUnlessEnded(started, exit));
        return;
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
        await delay(RESTART_MS);
      }
    }
  }

  async function restartUnlessEnded(ended: Child, exit: Exit): Promise<void> {
    if (!isWanted || child !== ended) return;
    deaths.push({ whom: name, atMs: Date.now(), exit, lastLines: ended.lines(KEPT_LINES) });
    await delay(RESTART_MS);
    // What can't be started any more is noticed by whoever needs it.
    if (isWanted && child === ended) await start().catch(() => {});
  }

  await start();
  return {
    deaths,
    start,
    async end(signal, graceMs) {
      isWanted = false;
      await starting.catch(() => {});
      if (!child) throw new Error(`${name} does not run`);
      if (signal === 'SIGTERM') return child.stop(graceMs);
      child.signal('SIGKILL');
      return child.exited;
    },
    freeze: () => child?.signal('SIGSTOP'),
    thaw: () => child?.signal('SIGCONT'),
  };
}
