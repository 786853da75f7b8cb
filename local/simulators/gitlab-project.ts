/** A GitLab project as the simulator is told of it, and the pipelines that it keeps. */
import { createHash } from 'node:crypto';

export const ROLES = ['guest', 'reporter', 'developer', 'maintainer', 'owner'] as const;
export type Role = (typeof ROLES)[number];

export function isAtLeast(role: Role, minimum: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(minimum);
}

export interface GitlabProject {
  /** Groups and name, for example `platform/sub-group/infra`. */
  path: string;
  id?: number;
  /** Branches; the first one is the default branch. */
  refs: string[];
  tags?: string[];
  /** Refs on which only maintainers may run pipelines. */
  protectedRefs?: string[];
  triggerTokens: { token: string; owner: string; role: Role; expired?: boolean }[];
  accessTokens?: AccessToken[];
  /** `ci_pipeline_variables_minimum_override_role`. Default: maintainer from 18.0, else developer. */
  minimumOverrideRole?: 'developer' | 'maintainer' | 'owner' | 'no_one_allowed';
  ciEnabled?: boolean;
  /** What the CI configuration makes of a trigger: no job left, or filtered by `workflow:rules`. */
  rules?: 'empty' | 'filtered';
  ciConfig?: 'missing';
  /** The error that reading `.gitlab-ci.yml` gives. */
  invalidYaml?: string;
  /** A limit that drops the pipeline once it is stored, for example `size_limit_exceeded`. */
  failureReason?: string;
  /** The `pipelines_create` limit: for one user and commit. */
  pipelinesPerMinute?: number;
  /** Names of the jobs of a pipeline, in order. */
  jobs?: string[];
  /** What `workflow:name` gives. */
  pipelineName?: string;
}

export interface AccessToken {
  token: string;
  scopes: ('api' | 'read_api' | 'read_user')[];
  role: Role;
  /** The user it acts as; a bot of its own when left out. */
  username?: string;
  expired?: boolean;
}

export const PIPELINE_STATUSES = [
  'created',
  'waiting_for_resource',
  'preparing',
  'waiting_for_callback',
  'pending',
  'running',
  'success',
  'failed',
  'canceling',
  'canceled',
  'skipped',
  'manual',
  'scheduled',
] as const;
export type PipelineStatus = (typeof PIPELINE_STATUSES)[number];

const TERMINAL = new Set<PipelineStatus>(['success', 'failed', 'canceled', 'skipped']);

export interface PipelineVariable {
  variable_type: 'env_var' | 'file';
  key: string;
  value: string;
}

export interface Job {
  id: number;
  name: string;
  status: PipelineStatus;
  retried: boolean;
}

/** What is stored of a pipeline: everything but the token that started it. */
export interface Pipeline {
  id: number;
  iid: number;
  projectId: number;
  projectPath: string;
  ref: string;
  tag: boolean;
  sha: string;
  status: PipelineStatus;
  source: 'trigger';
  name: string | null;
  /** The owner of the trigger token. */
  username: string;
  createdAt: number;
  updatedAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  yamlErrors: string | null;
  variables: PipelineVariable[];
  inputs: Record<string, unknown>;
  jobs: Job[];
}

/** The commit at the tip of a ref. */
export function tipOf(projectPath: string, ref: string): string {
  return createHash('sha1').update(`${projectPath}@${ref}`).digest('hex');
}

/** The parameters of the trigger call, as the pipeline sees them in the file `$TRIGGER_PAYLOAD`. */
export function triggerPayload(pipeline: Pipeline): Record<string, unknown> {
  const file = pipeline.variables.find((variable) => variable.key === 'TRIGGER_PAYLOAD');
  return file ? (JSON.parse(file.value) as Record<string, unknown>) : {};
}

/** Whether a pipeline was started for a run of Port: by `port_payload`, or by any variable. */
export function isForRun(pipeline: Pipeline, runId: string): boolean {
  const payload = triggerPayload(pipeline)['port_payload'] as { context?: { runId?: string } } | undefined;
  return payload?.context?.runId === runId || pipeline.variables.some(({ value }) => value === runId);
}

/** Moves a pipeline and its jobs on to `status`. */
export function advance(pipeline: Pipeline, status: PipelineStatus, now: number): void {
  if (!PIPELINE_STATUSES.includes(status)) throw new Error(`GitLab has no pipeline status ${status}`);
  pipeline.status = status;
  pipeline.updatedAt = now;
  if (status === 'running') pipeline.startedAt ??= now;
  pipeline.finishedAt = TERMINAL.has(status) ? now : null;
  const jobs = pipeline.jobs.filter((job) => !job.retried);
  jobs.forEach((job, at) => {
    job.status = jobStatus(status, at, jobs.length);
  });
}

function jobStatus(pipeline: PipelineStatus, at: number, count: number): PipelineStatus {
  switch (pipeline) {
    case 'pending':
    case 'running':
    case 'preparing':
    case 'waiting_for_callback':
    case 'canceling':
      return at === 0 ? pipeline : 'created';
    case 'failed':
    case 'manual':
    case 'scheduled':
    case 'waiting_for_resource': // all went well until the last job
      return at === count - 1 ? pipeline : 'success';
    default:
      return pipeline;
  }
}
