/** When Port is asked again after a poll that failed, and since when none has succeeded. */

export interface PaceSettings {
  initialBackoffMs: number;
  backoffFactor: number;
  maxBackoffMs: number;
  /** Of a wait so much is added at random, at most. */
  jitterFactor: number;
  /** Failing for longer than this is unhealthy. */
  maxFailureMs: number;
}

/** A wait of nothing would ask a failing Port without end. */
const LEAST_BACKOFF_MS = 100;

export class PollPace {
  private backoffMs = 0;
  private failingSinceMs: number | undefined;

  constructor(
    private readonly settings: PaceSettings,
    private readonly now: () => number,
    private readonly random: () => number,
  ) {}

  /** Returns for how long polls had failed before; 0 when they had not. */
  succeeded(): number {
    const failedForMs = this.failingForMs();
    this.backoffMs = 0;
    this.failingSinceMs = undefined;
    return failedForMs;
  }

  /** Returns the wait before the next poll: `askedForMs` at least, as far as the longest wait allows. */
  failed(askedForMs = 0): number {
    const { initialBackoffMs, backoffFactor, maxBackoffMs, jitterFactor } = this.settings;
    this.failingSinceMs ??= this.now();
    const next = this.backoffMs === 0 ? initialBackoffMs : this.backoffMs * backoffFactor;
    this.backoffMs = Math.max(Math.min(next, maxBackoffMs), LEAST_BACKOFF_MS);
    const waitMs = Math.max(this.backoffMs, Math.min(askedForMs, maxBackoffMs));
    return Math.round(waitMs * (1 + this.random() * jitterFactor));
  }

  failingForMs(): number {
    return this.failingSinceMs === undefined ? 0 : this.now() - this.failingSinceMs;
  }

  isHealthy(): boolean {
    return this.failingForMs() <= this.settings.maxFailureMs;
  }
}
