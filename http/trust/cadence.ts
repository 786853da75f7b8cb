/** How often files are looked at for changes. */
export interface Cadence {
  /** Default: 60,000. 0 looks every time. */
  checkEveryMs?: number;
  /** Milliseconds of a clock that never goes back. Default: that of the process. */
  now?: () => number;
}

/** A question that is answered with yes at most every `checkEveryMs`, counted from here. */
export function dueEvery({ checkEveryMs = 60_000, now = () => performance.now() }: Cadence): () => boolean {
  let last = now();
  return () => {
    const time = now();
    if (time - last < checkEveryMs) return false;
    last = time;
    return true;
  };
}
