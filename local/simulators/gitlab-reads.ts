/** The routes that want an access token: reading a project and its pipelines, cancelling, retrying. */
import * as entities from './gitlab-entities.js';
import { decodeSegment, json } from './gitlab-parameters.js';
import {
  type AccessToken,
  advance,
  isAtLeast,
  PIPELINE_STATUSES,
  type Pipeline,
  type Role,
  tipOf,
} from './gitlab-project.js';
import type { GitlabStore, StoredProject } from './gitlab-store.js';
import type { SimRequest, SimResponse } from './http-server.js';

/** Thrown by a check, caught by `guarded`: the answer that ends the request. */
class Refused extends Error {
  constructor(readonly response: SimResponse) {
    super('refused');
  }
}

const refuse = (status: number, body: unknown): never => {
  throw new Refused(json(status, body));
};
const forbid = (): never => refuse(403, { message: '403 Forbidden' });

interface Access {
  project: StoredProject;
  role: Role;
  username: string;
}

function guarded(handle: () => SimResponse): SimResponse {
  try {
    return handle();
  } catch (error) {
    if (error instanceof Refused) return error.response;
    throw error;
  }
}

/** Who asks; undefined without a token. */
function authenticate(store: GitlabStore, request: SimRequest, scopes: AccessToken['scopes']) {
  const header = request.headers['private-token'] ?? request.headers['authorization'];
  const sent = String(header ?? request.query.get('private_token') ?? '').replace(/^Bearer /i, '');
  if (sent === '') return undefined;
  const known = store.accessToken(sent) ?? refuse(401, { message: '401 Unauthorized' });
  if (known.token.expired) {
    refuse(401, {
      error: 'invalid_token',
      error_description: 'Token is expired. You can either do re-authorization or token refresh.',
    });
  }
  if (!known.token.scopes.some((scope) => scopes.includes(scope))) {
    refuse(403, {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges than provided by the access token.',
      scope: scopes.join(' '),
    });
  }
  return known;
}

/** The project, if the caller may see it: a stranger cannot tell it from one that does not exist. */
function authorize(store: GitlabStore, request: SimRequest, minimum: Role): Access {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const caller = authenticate(store, request, isRead ? ['api', 'read_api'] : ['api']);
  if (!caller && !isRead) return refuse(401, { message: '401 Unauthorized' });
  const project = store.find(decodeSegment(request.params[0]));
  if (!project || caller?.owner !== project) return refuse(404, { message: '404 Project Not Found' });
  const { role, username = `project_${project.id}_bot` } = caller.token;
  if (!isAtLeast(role, minimum)) forbid();
  return { project, role, username };
}

function pipelineOf(store: GitlabStore, project: StoredProject, id: string): Pipeline {
  if (!/^\d+$/.test(id)) refuse(400, { error: 'pipeline_id is invalid' });
  const found = store.pipelines.find((each) => each.projectId === project.id && each.id === Number(id));
  return found ?? refuse(404, { message: '404 Not found' });
}

export function readVersion(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const known = authenticate(store, request, ['api', 'read_api', 'read_user']);
    if (!known) refuse(401, { message: '401 Unauthorized' });
    return json(200, { version: store.instance.version.text, revision: '0badcafe' });
  });
}

export function readProject(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'guest');
    return json(200, entities.project(store.instance, project.id, project.settings));
  });
}

/** `GET …/pipelines`, with its filters, orders and pages. */
export function listPipelines(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'reporter');
    const { query } = request;
    const errors = [
      ...mustBeOneOf(query, 'status', PIPELINE_STATUSES),
      ...mustBeOneOf(query, 'scope', Object.keys(SCOPES)),
      ...mustBeOneOf(query, 'order_by', Object.keys(ORDERS)),
      ...mustBeOneOf(query, 'sort', ['asc', 'desc']),
      ...mustBeTimes(query, ['created_after', 'created_before', 'updated_after', 'updated_before']),
    ];
    if (errors.length > 0) refuse(400, { error: errors.join(', ') });
    const order = ORDERS[query.get('order_by') ?? 'id'] ?? ((it) => it.id);
    const direction = query.get('sort') === 'asc' ? 1 : -1;
    const found = store.pipelines
      .filter((pipeline) => pipeline.projectId === project.id && matches(pipeline, query))
      .sort((a, b) => direction * (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
    return page(store, request, found, (pipeline) => ({
      ...entities.pipelineBasic(store.instance, pipeline),
      name: pipeline.name,
    }));
  });
}

const SCOPES: Record<string, (pipeline: Pipeline) => boolean> = {
  running: ({ status }) => status === 'running',
  pending: ({ status }) => status === 'pending',
  finished: ({ status }) => ['success', 'failed', 'canceled'].includes(status),
  branches: ({ tag }) => !tag,
  tags: ({ tag }) => tag,
};
const ORDERS: Record<string, (pipeline: Pipeline) => string | number> = {
  id: ({ id }) => id,
  status: ({ status }) => status,
  ref: ({ ref }) => ref,
  updated_at: ({ updatedAt }) => updatedAt,
  user_id: ({ username }) => username,
};

function matches(pipeline: Pipeline, query: URLSearchParams): boolean {
  const is = (name: string, value: string | null) => !query.has(name) || query.get(name) === value;
  const from = (name: string, at: number) => !query.get(name) || at >= Date.parse(query.get(name) ?? '');
  const to = (name: string, at: number) => !query.get(name) || at <= Date.parse(query.get(name) ?? '');
  return (
    is('status', pipeline.status) &&
    is('ref', pipeline.ref) &&
    is('sha', pipeline.sha) &&
    is('source', pipeline.source) &&
    is('name', pipeline.name) &&
    is('username', pipeline.username) &&
    is('yaml_errors', String(pipeline.yamlErrors !== null)) &&
    (SCOPES[query.get('scope') ?? '']?.(pipeline) ?? true) &&
    from('created_after', pipeline.createdAt) &&
    to('created_before', pipeline.createdAt) &&
    from('updated_after', pipeline.updatedAt) &&
    to('updated_before', pipeline.updatedAt)
  );
}

function mustBeOneOf(query: URLSearchParams, name: string, values: readonly string[]): string[] {
  const value = query.get(name);
  return value === null || values.includes(value) ? [] : [`${name} does not have a valid value`];
}

function mustBeTimes(query: URLSearchParams, names: string[]): string[] {
  return names
    .filter((name) => Number.isNaN(Date.parse(query.get(name) || '2000-01-01')))
    .map((name) => `${name} is invalid`);
}

function page<T>(
  store: GitlabStore,
  request: SimRequest,
  all: T[],
  present: (item: T) => unknown,
): SimResponse {
  const perPage = Math.min(Number(request.query.get('per_page') ?? 20) || 20, 100);
  const at = Number(request.query.get('page') ?? 1) || 1;
  const pages = Math.max(Math.ceil(all.length / perPage), 1);
  const link = (rel: string, number: number): string => {
    const query = new URLSearchParams(request.query);
    query.set('page', String(number));
    query.set('per_page', String(perPage));
    return `<${new URL(store.instance.url).origin}${request.path}?${query}>; rel="${rel}"`;
  };
  const previous = at > 1 ? [link('prev', at - 1)] : [];
  const next = at < pages ? [link('next', at + 1)] : [];
  return json(200, all.slice((at - 1) * perPage, at * perPage).map(present), {
    link: [...previous, ...next, link('first', 1), link('last', pages)].join(', '),
    'x-page': String(at),
    'x-per-page': String(perPage),
    'x-prev-page': at > 1 ? String(at - 1) : '',
    'x-next-page': at < pages ? String(at + 1) : '',
    'x-total': String(all.length),
    'x-total-pages': String(pages),
  });
}

/** The newest pipeline of the tip of a ref; GitLab says 403 when there is none. */
export function latestPipeline(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'reporter');
    const sha = tipOf(project.settings.path, request.query.get('ref') ?? project.settings.refs[0] ?? '');
    const latest = store.pipelines.findLast((each) => each.projectId === project.id && each.sha === sha);
    return json(200, entities.pipelineWithName(store.instance, latest ?? forbid()));
  });
}

export function readPipeline(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'reporter');
    const pipeline = pipelineOf(store, project, request.params[1] ?? '');
    return json(200, entities.pipelineWithName(store.instance, pipeline));
  });
}

/** For maintainers, and for the developer whose trigger token made the pipeline. */
export function readVariables(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project, role, username } = authorize(store, request, 'guest');
    const pipeline = pipelineOf(store, project, request.params[1] ?? '');
    const isCreator = isAtLeast(role, 'developer') && pipeline.username === username;
    if (!isAtLeast(role, 'maintainer') && !isCreator) forbid();
    return json(200, pipeline.variables);
  });
}

/** Newest first, without the jobs that were retried. */
export function readJobs(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'reporter');
    const pipeline = pipelineOf(store, project, request.params[1] ?? '');
    const scope = [...request.query.getAll('scope[]'), ...request.query.getAll('scope')];
    const withRetried = request.query.get('include_retried') === 'true';
    const jobs = pipeline.jobs
      .filter((job) => (withRetried || !job.retried) && (scope.length === 0 || scope.includes(job.status)))
      .sort((a, b) => b.id - a.id);
    return page(store, request, jobs, (job) => entities.job(store.instance, pipeline, job));
  });
}

/** 200 whatever the state; only what is not over is cancelled. */
export function cancelPipeline(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'developer');
    const pipeline = pipelineOf(store, project, request.params[1] ?? '');
    if (pipeline.finishedAt === null) advance(pipeline, 'canceled', store.now());
    return json(200, entities.pipeline(store.instance, pipeline));
  });
}

/** Starts the failed and cancelled jobs again; without any it changes nothing. */
export function retryPipeline(store: GitlabStore, request: SimRequest): SimResponse {
  return guarded(() => {
    const { project } = authorize(store, request, 'developer');
    const pipeline = pipelineOf(store, project, request.params[1] ?? '');
    const over = pipeline.jobs.filter((job) => !job.retried && ['failed', 'canceled'].includes(job.status));
    for (const job of over) {
      job.retried = true;
      pipeline.jobs.push({ ...store.job(job.name), status: 'pending' });
    }
    if (over.length > 0) {
      Object.assign(pipeline, { status: 'pending', finishedAt: null, updatedAt: store.now() });
    }
    return json(201, entities.pipeline(store.instance, pipeline));
  });
}
