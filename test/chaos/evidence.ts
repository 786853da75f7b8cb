/** What is left when the chaos is over: journals, and nothing that was remembered while it happened but the faults. */
import type { Exit } from '../../local/parts/child.js';
import type { PlannedFault } from './schedule.js';

/** A record as Kafka keeps it. */
export interface PublishedRecord {
  origin: 'runs' | 'change log';
  topic: string;
  partition: number;
  offset: string;
  /** When it was published, in ms since 1970. */
  timestampMs: number;
  value: string;
}

/** A workflow as Temporal tells of it. */
export interface WorkflowEvidence {
  id: string;
  status: 'running' | 'completed' | 'failed' | 'canceled' | 'terminated' | 'timed out';
  startedMs?: number;
  closedMs?: number;
  /** What it failed with. */
  failure?: string;
  /** The last attempt of its call, from the worker's taking it to its end in Temporal. */
  call?: { fromMs: number; toMs: number };
}

/** A run, or a node run, as Port holds it. */
export interface ToldRun {
  id: string;
  synchronized: boolean;
  status: 'SUCCESS' | 'FAILURE' | 'IN_PROGRESS';
  /** How often it was ended. */
  ended: number;
  /** Summary and logs. */
  said: string;
  logs: number;
  externalRunId?: string;
}

/** A request that a target has received. */
export interface TargetCall {
  runId: string;
  target: 'service' | 'GitLab';
  atMs: number;
  /** What it answered; undefined when it did not. */
  status?: number;
}

export interface Pipeline {
  id: string;
  runId: string;
}

export interface PartitionOffsets {
  topic: string;
  partition: number;
  committed: string;
  end: string;
}

/** A fault that was injected, and the time from its beginning until everything stood again. */
export type InjectedFault = PlannedFault & {
  fromMs: number;
  toMs: number;
  /** How a process that was told to stop has ended. */
  exit?: Exit;
};

/** A process that ended unasked. */
export interface Death {
  whom: string;
  atMs: number;
  exit: Exit;
  lastLines: string[];
}

export interface Evidence {
  published: PublishedRecord[];
  workflows: WorkflowEvidence[];
  told: ToldRun[];
  calls: TargetCall[];
  pipelines: Pipeline[];
  offsets: PartitionOffsets[];
  faults: InjectedFault[];
  deaths: Death[];
  /** Everything in which no secret may stand: logs, histories, what Port and the targets were told. */
  texts: { where: string; text: string }[];
  secrets: { name: string; value: string }[];
}
