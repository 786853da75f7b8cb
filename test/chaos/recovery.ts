/**
 * How long it took, after a process was hit, until a new run had been carried out: one whose workflow was started
 * after that, and for Kafka one that was published after that, since the ingester has some in hand.
 */
import type { Evidence, InjectedFault } from './evidence.js';
import { nameOf } from './schedule.js';

export interface Recovery {
  /** `kill -9 worker`. */
  fault: string;
  /** The slowest of its kind. */
  ms: number;
}

interface Carried {
  publishedMs: number;
  startedMs: number;
  closedMs: number;
}

/** The slowest recovery of each kind of process fault, slowest first; a fault after which nothing came is left out. */
export function slowestRecoveries({ faults, published, workflows }: Evidence): Recovery[] {
  const byId = new Map(workflows.map((workflow) => [workflow.id, workflow]));
  const carried = published.flatMap(({ value, timestampMs: publishedMs }): Carried[] => {
    const { startedMs, closedMs } = byId.get(/"runId":"([^"]+)"/.exec(value)?.[1] ?? '') ?? {};
    return startedMs === undefined || closedMs === undefined ? [] : [{ publishedMs, startedMs, closedMs }];
  });
  const slowest = new Map<string, number>();
  for (const fault of faults) {
    if (fault.on !== 'process' || fault.how === 'freeze') continue;
    const ms = recoveryOf(fault, carried);
    const name = nameOf(fault);
    if (ms !== undefined) slowest.set(name, Math.max(slowest.get(name) ?? 0, ms));
  }
  return [...slowest].map(([fault, ms]) => ({ fault, ms })).sort((a, b) => b.ms - a.ms);
}

function recoveryOf({ whom, fromMs }: InjectedFault, carried: Carried[]): number | undefined {
  const ends = carried
    .filter(({ publishedMs, startedMs }) => (whom === 'Kafka' ? publishedMs : startedMs) >= fromMs)
    .map(({ closedMs }) => closedMs);
  return ends.length === 0 ? undefined : Math.round(Math.min(...ends) - fromMs);
}
