/**
 * Turns at something of which there is little: so many at a time, the others in a row, and nobody waits for ever.
 */
export interface Turns {
  /** Does the work when its turn has come; undefined, without having begun, when that takes longer than `patienceMs`. */
  take<T>(work: () => Promise<T>, patienceMs: number): Promise<T | undefined>;
}

export function createTurns(sideBySide: number): Turns {
  const row: (() => void)[] = [];
  let free = sideBySide;

  /** Whether the turn has come in time. */
  function comes(patienceMs: number): Promise<boolean> {
    if (free > 0) {
      free -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        row.splice(row.indexOf(begin), 1);
        resolve(false);
      }, patienceMs);
      row.push(begin);
    });
  }

  function pass(): void {
    const next = row.shift();
    if (next) next();
    else free += 1;
  }

  return {
    async take(work, patienceMs) {
      if (!(await comes(patienceMs))) return undefined;
      try {
        return await work();
      } finally {
        pass();
      }
    },
  };
}
