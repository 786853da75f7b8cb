/** What runs and what is only starting, so that everything can be stopped at any moment. */
import { setTimeout as delay } from 'node:timers/promises';

/** What does not heed the signal, as a download, is killed when the process ends. */
const LONGEST_WAIT_MS = 5000;

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export class Started {
  readonly #stops: (() => Promise<unknown>)[] = [];
  readonly #ending = new AbortController();

  /** Starts something, which a signal tells of an end that comes first; what is up even so is stopped. @throws Interrupted */
  async add<T>(
    start: (signal: AbortSignal) => Promise<T>,
    stop: (started: T) => Promise<unknown>,
  ): Promise<T> {
    this.#goOn();
    const starting = start(this.#ending.signal);
    this.#stops.push(async () => {
      const patience = new AbortController();
      const late = delay(LONGEST_WAIT_MS, undefined, { signal: patience.signal }).catch(() => undefined);
      const started = await Promise.race([starting.catch(() => undefined), late]);
      patience.abort();
      if (started !== undefined) await stop(started);
    });
    const started = await starting;
    this.#goOn();
    return started;
  }

  /** Stops everything, the last first; a failure keeps nothing else from being stopped. */
  async stopAll(onFailure: (error: unknown) => void): Promise<void> {
    this.#ending.abort();
    for (const stop of this.#stops.splice(0).reverse()) await stop().catch(onFailure);
  }

  #goOn(): void {
    if (this.#ending.signal.aborted) throw new Interrupted();
  }
}
