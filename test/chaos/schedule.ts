/**
 * Which fault is injected when: the same for the same seed.
 *
 * A process is hit every so often; in between, networks are cut and servers misbehave. Both are drawn from
 * shuffled decks, so that a run which is long enough has seen every fault before it sees one again.
 */
import { createRandom, type Random } from './random.js';

export type PartName = 'worker' | 'ingester' | 'Temporal' | 'Kafka';
export type LinkName = 'Temporal' | 'Port' | 'GitLab' | 'service';
export type ServerName = 'Port' | 'GitLab' | 'service';
export type PartFault = 'kill -9' | 'SIGTERM' | 'freeze';
export type LinkFault = 'latency' | 'black hole' | 'reset' | 'refuse';
export type ServerFault = '503' | '429' | 'hang' | 'drop before' | 'drop after';

export type Fault =
  | { on: 'process'; whom: PartName; how: PartFault }
  | { on: 'network'; whom: LinkName; how: LinkFault }
  | { on: 'server'; whom: ServerName; how: ServerFault };

export type PlannedFault = Fault & {
  /** Since the start. */
  atMs: number;
  /** A process stays dead or frozen, anything else lasts, so long. */
  forMs: number;
};

export interface ScheduleOptions {
  seed: number;
  seconds: number;
  /** Between two processes that are hit; default 15. */
  processEverySeconds?: number;
}

const DEFAULT_EVERY_SECONDS = 15;
/** In so many equal steps between two processes, the first being the process itself. */
const STEPS = 3;

const PROCESSES: Fault[] = (['worker', 'ingester', 'Temporal', 'Kafka'] as const).flatMap((whom) =>
  (['kill -9', 'SIGTERM'] as const).map((how) => ({ on: 'process', whom, how }) as const),
);

/** Clients of Kafka go where the broker says it is, past any proxy: its network is cut by freezing the broker. */
const CUTS: Fault[] = [
  ...(['Temporal', 'Port', 'GitLab', 'service'] as const).flatMap((whom) =>
    (['latency', 'black hole', 'reset', 'refuse'] as const).map(
      (how) => ({ on: 'network', whom, how }) as const,
    ),
  ),
  ...(['Port', 'GitLab', 'service'] as const).flatMap((whom) =>
    (['503', '429', 'hang', 'drop before', 'drop after'] as const).map(
      (how) => ({ on: 'server', whom, how }) as const,
    ),
  ),
  ...(['Kafka', 'ingester', 'worker', 'Temporal'] as const).map(
    (whom) => ({ on: 'process', whom, how: 'freeze' }) as const,
  ),
];

/** The faults of a run, in order; the last one ends before the run does. */
export function planFaults({ seed, seconds, processEverySeconds }: ScheduleOptions): PlannedFault[] {
  const random = createRandom(seed);
  const processes = deck(PROCESSES, random);
  const cuts = deck(CUTS, random);
  const stepMs = ((processEverySeconds ?? DEFAULT_EVERY_SECONDS) * 1000) / STEPS;
  const plan: PlannedFault[] = [];
  for (let step = 1; (step + 1) * stepMs < seconds * 1000; step++) {
    const isProcess = (step - 1) % STEPS === 0;
    const fault = isProcess ? processes() : cuts();
    const atMs = Math.round(step * stepMs) + (isProcess ? 0 : random.between(0, stepMs * 0.2));
    const forMs = random.between(200, Math.round(stepMs * 0.7));
    plan.push({ ...fault, atMs, forMs });
  }
  return plan;
}

export function nameOf({ whom, how, on }: Fault): string {
  return on === 'process' ? `${how} ${whom}` : `${whom}: ${how}`;
}

/** Deals every card once before it shuffles again. */
function deck<T>(cards: readonly T[], random: Random): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = random.shuffled(cards);
    return left.pop() as T;
  };
}
