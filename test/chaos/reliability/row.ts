/** One fault of docs/reliability.md: how it is brought about, and what its runs must come to. */
import type { ToldRun } from './judge.js';
import type { Site } from './site.js';

/** A run, and the workflow that carries it; another than the run's where its message was rejected. */
export interface PublishedRun {
  runId: string;
  workflowId: string;
}

export interface Happened {
  runs: PublishedRun[];
  /** The fault's end; where it has none, when the last run was published. In ms since 1970. */
  sinceMs: number;
}

export interface Row {
  fault: string;
  /** What port-agent made of it when it was measured. */
  before: string;
  /** Of the suite's scale, 1 when left out. */
  scale?: number;
  /** Brings about runs and fault, and ends the fault where a real one would end. */
  happen(site: Site, runs: number): Promise<Happened>;
  /** Why a run has not come to what it must under this fault; undefined when it has. */
  complaint(run: ToldRun): string | undefined;
}

/** Every run fails, with these words, after so many calls of its target. */
export function fails(says: RegExp, calls: 0 | 1): Row['complaint'] {
  return (run) => {
    if (run.ending !== 'failed') return `it should have failed, and is ${run.ending}`;
    if (!says.test(run.said)) return `it failed with other words: ${run.said}`;
    return run.calls === calls ? undefined : `its target was called ${run.calls} times`;
  };
}

/** Every run is carried out as if nothing had happened. */
export function isCarriedOut(run: ToldRun): string | undefined {
  if (run.ending !== 'succeeded' && run.ending !== 'handed over')
    return `it should have been carried out, and is ${run.ending}: ${run.said}`;
  return run.calls === 1 ? undefined : `its target was called ${run.calls} times`;
}
