/**
 * Turns at something of which there is little: so many at a time, the others in a row, and nobody waits for ever.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Turns {
  /** Does the work when its turn has come; undefined, without having begun, when that takes longer than `patienceMs`. */
  take<T>(work: () => Promise<T>, patienceMs: number): Promise<T | undefined>;
  /** The same, and undefined as well when the work itself is not done by then. */
  finish<T>(work: () => Promise<T>, withinMs: number): Promise<T | undefined>;
}

/** From `stopping` on, nobody waits any more. */
export function createTurns(sideBySide: number, stopping: AbortSignal): Turns {
  const row: (() => void)[] = [];
  const leave = new Set<() => void>();
  let free = sideBySide;
  stopping.addEventListener('abort', () => {
    for (const each of leave) each();
  });

  /** Whether the turn has come in time. */
  function comes(patienceMs: number): Promise<boolean> {
    if (free > 0) {
      free -= 1;
      return Promise.resolve(true);
    }
    if (stopping.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const begin = (): void => end(true);
      const giveUp = (): void => {
        row.splice(row.indexOf(begin), 1);
        end(false);
      };
      const timer = setTimeout(giveUp, patienceMs);
      const end = (hasCome: boolean): void => {
        clearTimeout(timer);
        leave.delete(giveUp);
        resolve(hasCome);
      };
      leave.add(giveUp);
      row.push(begin);
    });
  }

  function pass(): void {
    const next = row.shift();
    if (next) next();
    else free += 1;
  }

  async function take<T>(work: () => Promise<T>, patienceMs: number): Promise<T | undefined> {
    if (!(await comes(patienceMs))) return undefined;
    try {
      return await work();
    } finally {
      pass();
    }
  }

  return {
    take,
    async finish(work, withinMs) {
      const timer = new AbortController();
      const late = delay(withinMs, undefined, { signal: timer.signal }).catch(() => undefined);
      try {
        return await Promise.race([take(work, withinMs), late]);
      } finally {
        timer.abort();
      }
    },
  };
}
