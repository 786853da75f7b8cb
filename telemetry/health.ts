/**
 * What a process knows of its own health.
 *
 * Ready: it can do its work, for which it needs Temporal, and Kafka or Port. Live: its own loops still turn. A
 * restart brings nothing back that is away, so nothing outside counts for liveness.
 *
 * Whoever may reach the port can read the reasons: no secret, no message, no run id belongs into them.
 */

export interface Reason {
  part: string;
  /** What is wrong, and what to do about it. */
  reason: string;
  /** Since when, in ISO 8601. */
  since: string;
}

export interface Report {
  isGood: boolean;
  reasons: Reason[];
  /** Worth knowing, and no reason to be called not ready. */
  notes: Reason[];
}

/** Something the process needs: it is there, or it is not. */
export interface HealthPart {
  up(): void;
  /** `forMs`: after so long this no longer counts, unless it was told again. */
  down(reason: string, forMs?: number): void;
}

/** Something that must not stand still. */
export interface HealthLoop {
  /** It turns. `waitMs`: it is about to wait for so long, on purpose. */
  tick(waitMs?: number): void;
  /** It is over, and no tick is expected any more. */
  end(): void;
}

/** Every step of a loop has a deadline of its own, and the longest of them is shorter than this. */
const STUCK_AFTER_MS = 5 * 60_000;
const STUCK =
  'its loop stands still: a fault of the agent, which a restart mends. Please report it with the log';

interface PartState {
  name: string;
  isNote: boolean;
  down?: { reason: string; sinceMs: number; untilMs: number } | undefined;
}

interface LoopState {
  name: string;
  tickedMs: number;
  /** Later it is stuck. */
  dueMs: number;
}

export class Health {
  private readonly parts: PartState[] = [];
  private readonly loops = new Set<LoopState>();

  /** `now`: milliseconds since 1970. */
  constructor(private readonly now: () => number = steadyNow) {}

  /** With a reason, it is down until told otherwise. Parts may share a name. */
  part(name: string, reason?: string): HealthPart {
    const part = this.add({ name, isNote: false });
    if (reason !== undefined) part.down(reason);
    return part;
  }

  /** A part that is told of in the notes, and does not count. */
  note(name: string): HealthPart {
    return this.add({ name, isNote: true });
  }

  /** A loop that starts now; stuck when it does not tick for `stuckAfterMs`. */
  loop(name: string, stuckAfterMs = STUCK_AFTER_MS): HealthLoop {
    const loop: LoopState = { name, tickedMs: 0, dueMs: 0 };
    const tick = (waitMs = 0): void => {
      loop.tickedMs = this.now();
      loop.dueMs = loop.tickedMs + waitMs + stuckAfterMs;
    };
    tick();
    this.loops.add(loop);
    return { tick, end: () => void this.loops.delete(loop) };
  }

  readiness(): Report {
    const reasons = [...this.reasonsOf(false), ...this.stuckLoops()];
    return { isGood: reasons.length === 0, reasons, notes: this.reasonsOf(true) };
  }

  liveness(): Report {
    const reasons = this.stuckLoops();
    return { isGood: reasons.length === 0, reasons, notes: [] };
  }

  private add(state: PartState): HealthPart {
    this.parts.push(state);
    return {
      up: () => {
        state.down = undefined;
      },
      down: (reason, forMs = Number.POSITIVE_INFINITY) => {
        const nowMs = this.now();
        const before = state.down && state.down.untilMs > nowMs ? state.down : undefined;
        const sinceMs = before?.sinceMs ?? nowMs;
        state.down = { reason, sinceMs, untilMs: nowMs + forMs };
      },
    };
  }

  /** The oldest first. What two parts say in the same words is said once. */
  private reasonsOf(isNote: boolean): Reason[] {
    const nowMs = this.now();
    const found = this.parts
      .flatMap(({ name, down, ...part }) =>
        part.isNote === isNote && down && down.untilMs > nowMs ? [{ part: name, ...down }] : [],
      )
      .sort((a, b) => a.sinceMs - b.sinceMs);
    return found
      .filter(({ part, reason }, at) => found.findIndex((o) => o.part === part && o.reason === reason) === at)
      .map(({ part, reason, sinceMs }) => ({ part, reason, since: isoTime(sinceMs) }));
  }

  private stuckLoops(): Reason[] {
    const nowMs = this.now();
    return [...this.loops]
      .filter(({ dueMs }) => dueMs < nowMs)
      .map(({ name, tickedMs }) => ({ part: name, reason: STUCK, since: isoTime(tickedMs) }));
  }
}

/** A clock that is set forwards must not make every loop look stuck. */
function steadyNow(): number {
  return performance.timeOrigin + performance.now();
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
