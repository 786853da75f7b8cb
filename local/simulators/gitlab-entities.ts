/** The JSON of GitLab's entities, field by field as its API documentation shows them. */
import { createHash } from 'node:crypto';
import type { GitlabProject, Job, Pipeline, PipelineStatus } from './gitlab-project.js';

/** What every entity needs to know of the instance it lives on. */
export interface Instance {
  /** With the relative URL root, without a trailing slash. */
  url: string;
  version: { major: number; minor: number; text: string };
}

const BLANK_SHA = '0'.repeat(40);
/** The words of the UI, where they differ from the status. */
const TEXTS: Partial<Record<PipelineStatus, string>> = {
  success: 'passed',
  waiting_for_resource: 'waiting',
  manual: 'blocked',
  scheduled: 'delayed',
};

/** What a job shows of its user beyond the rest. */
const PROFILE = {
  created_at: '2015-12-21T13:14:24.077Z',
  bio: null,
  location: null,
  public_email: '',
  linkedin: '',
  twitter: '',
  website_url: '',
  organization: '',
};

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const seconds = (from: number | null, to: number | null): number | null =>
  from === null || to === null ? null : Math.round((to - from) / 1000);

export function user(instance: Instance, username: string): Record<string, unknown> {
  const digest = createHash('sha256').update(username).digest('hex');
  return {
    id: Number.parseInt(digest.slice(0, 6), 16) + 1,
    username,
    name: username,
    state: 'active',
    avatar_url: `https://www.gravatar.com/avatar/${digest}?s=80&d=identicon`,
    web_url: `${instance.url}/${username}`,
  };
}

/** `Entities::Ci::PipelineBasic`: the lines of the list, which also has the name. */
export function pipelineBasic(instance: Instance, pipeline: Pipeline): Record<string, unknown> {
  return {
    id: pipeline.id,
    iid: pipeline.iid,
    project_id: pipeline.projectId,
    sha: pipeline.sha,
    ref: pipeline.ref,
    status: pipeline.status,
    source: pipeline.source,
    created_at: time(pipeline.createdAt),
    updated_at: time(pipeline.updatedAt),
    web_url: `${instance.url}/${pipeline.projectPath}/-/pipelines/${pipeline.id}`,
  };
}

/** `Entities::Ci::Pipeline`: what trigger, cancel and retry answer. */
export function pipeline(instance: Instance, it: Pipeline): Record<string, unknown> {
  return {
    ...pipelineBasic(instance, it),
    before_sha: BLANK_SHA,
    tag: it.tag,
    yaml_errors: it.yamlErrors,
    user: user(instance, it.username),
    started_at: time(it.startedAt),
    finished_at: time(it.finishedAt),
    committed_at: null,
    duration: seconds(it.startedAt, it.finishedAt),
    queued_duration: seconds(it.createdAt, it.startedAt),
    coverage: null,
    detailed_status: detailedStatus(it),
    ...(instance.version.major >= 18 && { archived: false }),
  };
}

/** `PipelineWithMetadata`: what reading one pipeline answers. */
export function pipelineWithName(instance: Instance, it: Pipeline): Record<string, unknown> {
  return { ...pipeline(instance, it), name: it.name };
}

function detailedStatus(it: Pipeline): Record<string, unknown> {
  const text = TEXTS[it.status] ?? it.status;
  return {
    icon: `status_${it.status}`,
    text,
    label: text,
    group: it.status.replaceAll('_', '-'),
    tooltip: text,
    has_details: true,
    details_path: `/${it.projectPath}/-/pipelines/${it.id}`,
    illustration: null,
    favicon: `/assets/ci_favicons/favicon_status_${it.status}.png`,
  };
}

/** `Entities::Ci::Job`. */
export function job(instance: Instance, of: Pipeline, it: Job): Record<string, unknown> {
  const isDone = ['success', 'failed', 'canceled'].includes(it.status);
  const title = `The tip of ${of.ref}`;
  return {
    id: it.id,
    status: it.status,
    stage: it.name,
    name: it.name,
    ref: of.ref,
    tag: of.tag,
    coverage: null,
    archived: false,
    source: of.source,
    allow_failure: false,
    created_at: time(of.createdAt),
    started_at: isDone || it.status === 'running' ? time(of.startedAt ?? of.updatedAt) : null,
    finished_at: isDone ? time(of.updatedAt) : null,
    erased_at: null,
    duration: isDone ? (seconds(of.startedAt, of.updatedAt) ?? 0) : null,
    queued_duration: seconds(of.createdAt, of.startedAt),
    ...(it.status === 'failed' && { failure_reason: 'script_failure' }),
    user: { ...user(instance, of.username), ...PROFILE },
    commit: {
      id: of.sha,
      short_id: of.sha.slice(0, 8),
      title,
      message: title,
      author_name: of.username,
      author_email: `${of.username}@example.com`,
      created_at: time(of.createdAt),
    },
    pipeline: { id: of.id, project_id: of.projectId, ref: of.ref, sha: of.sha, status: of.status },
    project: { ci_job_token_scope_enabled: false },
    web_url: `${instance.url}/${of.projectPath}/-/jobs/${it.id}`,
    artifacts: [],
    runner: null,
    runner_manager: null,
    artifacts_expire_at: null,
    tag_list: [],
  };
}

/** `Entities::Project`, cut to what a reader of pipelines asks for. */
export function project(instance: Instance, id: number, it: GitlabProject): Record<string, unknown> {
  const names = it.path.split('/');
  const name = names.at(-1);
  return {
    id,
    description: null,
    name,
    name_with_namespace: names.join(' / '),
    path: name,
    path_with_namespace: it.path,
    default_branch: it.refs[0] ?? null,
    visibility: 'private',
    archived: false,
    web_url: `${instance.url}/${it.path}`,
    jobs_enabled: it.ciEnabled !== false,
    builds_access_level: it.ciEnabled === false ? 'disabled' : 'enabled',
    ci_pipeline_variables_minimum_override_role: minimumOverrideRole(instance, it),
  };
}

export function minimumOverrideRole(
  instance: Instance,
  it: GitlabProject,
): NonNullable<GitlabProject['minimumOverrideRole']> {
  return it.minimumOverrideRole ?? (instance.version.major >= 18 ? 'maintainer' : 'developer');
}
