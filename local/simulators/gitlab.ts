/**
 * A self-hosted GitLab as far as an agent that triggers pipelines can see it.
 *
 * Its word is the documented contract, checked by a suite that runs against a real GitLab unchanged
 * (test/local/simulators/gitlab-contract.ts). Nothing runs by itself: `advance` moves a pipeline on.
 */
import { randomBytes } from 'node:crypto';
import type { Instance } from './gitlab-entities.js';
import { decodeSegment, json } from './gitlab-parameters.js';
import {
  advance,
  type GitlabProject,
  isForRun,
  type Pipeline,
  type PipelineStatus,
} from './gitlab-project.js';
import * as reads from './gitlab-reads.js';
import { GitlabStore } from './gitlab-store.js';
import { TOO_MANY_PIPELINES, triggerPipeline } from './gitlab-trigger.js';
import {
  type Route,
  type SimRequest,
  type SimResponse,
  type SimulatorServer,
  startSimulatorServer,
} from './http-server.js';

export type { GitlabProject, Pipeline, PipelineStatus, Role } from './gitlab-project.js';
export { triggerPayload } from './gitlab-project.js';

export interface GitlabOptions {
  projects: GitlabProject[];
  port?: number;
  host?: string;
  tls?: { key: string; cert: string };
  /** Decides wordings and defaults, for example `16.11.0`. */
  version?: string;
  /** The relative URL root of an instance that does not own its host, for example `/gitlab`. */
  basePath?: string;
  /** How many calls without an access token Rack::Attack lets through a minute; no limit by default. */
  requestsPerMinute?: number;
  /** A proxy in front that decodes `%2F`, so that no path of a project is ever found. */
  decodesSlashes?: boolean;
  now?: () => number;
}

export interface GitlabSimulator extends SimulatorServer {
  /** All pipelines, oldest first, those stored as failed included. */
  pipelines(filter?: { project?: string; ref?: string; status?: PipelineStatus }): Pipeline[];
  /** The oracle of "started once": the pipelines that a run of Port has led to. */
  pipelinesFor(runId: string): Pipeline[];
  /** Moves a pipeline through the given statuses, its jobs and times with it. */
  advance(pipelineId: number, ...statuses: PipelineStatus[]): Pipeline;
  /** Changes a project's settings from now on. */
  configure(path: string, changes: Partial<Omit<GitlabProject, 'path' | 'id'>>): void;
}

const SAMPLE_LIMIT = 500;

/** Answers of GitLab and of what stands before it, for `respond` and `respondAfter` faults. */
export const gitlabAnswers = {
  tooManyPipelines: (): SimResponse => json(400, { message: { base: [TOO_MANY_PIPELINES] } }),
  /** Rack::Attack: plain text, and headers in both forms. */
  retryLater: (seconds = 60, limit = SAMPLE_LIMIT, observed = limit + 1, now = Date.now()): SimResponse => ({
    status: 429,
    headers: {
      'content-type': 'text/plain',
      'retry-after': String(seconds),
      'ratelimit-name': 'throttle_unauthenticated_api',
      'ratelimit-limit': String(limit),
      'ratelimit-observed': String(observed),
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(Math.floor(now / 1000) + seconds),
      'ratelimit-resettime': new Date(now + seconds * 1000).toUTCString(),
    },
    body: 'Retry later\n',
  }),
  /** The page of a proxy or load balancer that could not reach GitLab. */
  html: (status: 500 | 502 | 503 | 504): SimResponse => ({
    status,
    headers: { 'content-type': 'text/html' },
    body: `<html>\r\n<head><title>GitLab is not responding (${status})</title></head>\r\n<body><center><h1>${status}</h1></center><hr><center>nginx</center></body>\r\n</html>\r\n`,
  }),
  moved: (location: string): SimResponse =>
    json(301, { message: `This resource has been moved permanently to ${location}` }, { location }),
};

export async function startGitlabSimulator(options: GitlabOptions): Promise<GitlabSimulator> {
  const now = options.now ?? Date.now;
  const basePath = options.basePath ?? '';
  const instance: Instance = { url: '', version: parseVersion(options.version ?? '18.5.0') };
  const store = new GitlabStore(instance, now, options.projects);
  const throttle = createThrottle(options.requestsPerMinute, now);

  const wrap = (handle: Route['handle']) => (request: SimRequest) => {
    if (options.decodesSlashes && /%2f/i.test(request.path)) return unknownPath(request);
    return throttle.refusal(request) ?? handle(request);
  };
  const server = await startSimulatorServer({
    ...(options.port !== undefined && { port: options.port }),
    ...(options.host !== undefined && { host: options.host }),
    ...(options.tls && { tls: options.tls }),
    routes: routesOf(store, basePath).map((route) => ({ ...route, handle: wrap(route.handle) })),
    notFound: unknownPath,
    defaultHeaders: () => ({ ...correlationHeaders(), ...throttle.headers() }),
  });
  instance.url = server.url + basePath;

  return {
    ...server,
    url: instance.url,
    pipelines: ({ project, ref, status } = {}) =>
      store.pipelines.filter(
        (it) =>
          (project === undefined || it.projectPath === project) &&
          (ref === undefined || it.ref === ref) &&
          (status === undefined || it.status === status),
      ),
    pipelinesFor: (runId) => store.pipelines.filter((pipeline) => isForRun(pipeline, runId)),
    advance(pipelineId, ...statuses) {
      const pipeline = store.pipelines.find(({ id }) => id === pipelineId);
      if (!pipeline) throw new Error(`No pipeline ${pipelineId}`);
      for (const status of statuses) advance(pipeline, status, now());
      return pipeline;
    },
    configure(path, changes) {
      const project = store.find(path);
      if (!project) throw new Error(`No project ${path}`);
      Object.assign(project.settings, changes);
    },
  };
}

function routesOf(store: GitlabStore, basePath: string): Route[] {
  const route = (method: string, path: string, handle: Route['handle']): Route => ({
    method,
    path: new RegExp(`^${basePath}${path}$`),
    handle,
  });
  const project = '/api/v4/projects/([^/]+)';
  const decode = (request: SimRequest, at: number) => decodeSegment(request.params[at]);
  type Read = (store: GitlabStore, request: SimRequest) => SimResponse;
  const read = (method: string, path: string, handle: Read) =>
    route(method, path, (request) => handle(store, request));
  return [
    route('POST', `${project}/trigger/pipeline`, (request) =>
      triggerPipeline(store, request, { id: decode(request, 0) }),
    ),
    route('POST', `${project}/ref/(.+)/trigger/pipeline`, (request) =>
      triggerPipeline(store, request, { id: decode(request, 0), ref: decode(request, 1) }),
    ),
    read('GET', `${project}/pipelines`, reads.listPipelines),
    read('GET', `${project}/pipelines/latest`, reads.latestPipeline),
    read('GET', `${project}/pipelines/([^/]+)`, reads.readPipeline),
    read('GET', `${project}/pipelines/([^/]+)/variables`, reads.readVariables),
    read('GET', `${project}/pipelines/([^/]+)/jobs`, reads.readJobs),
    read('POST', `${project}/pipelines/([^/]+)/cancel`, reads.cancelPipeline),
    read('POST', `${project}/pipelines/([^/]+)/retry`, reads.retryPipeline),
    read('GET', project, reads.readProject),
    read('GET', '/api/v4/version', reads.readVersion),
    route('GET', '/-/readiness', () => json(200, { status: 'ok', master_check: [{ status: 'ok' }] })),
  ];
}

/** The API's catch-all says `error`, where a route that found nothing says `message`. */
function unknownPath(request: SimRequest): SimResponse {
  if (request.path.includes('/api/v4/')) return json(404, { error: '404 Not Found' });
  const body = '<!DOCTYPE html>\n<html><head><title>Not Found (404)</title></head><body></body></html>\n';
  return { status: 404, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

/** Rack::Attack's fixed windows of a minute, for calls that carry no access token. */
function createThrottle(requestsPerMinute: number | undefined, now: () => number) {
  const limit = requestsPerMinute ?? SAMPLE_LIMIT;
  let window = 0;
  let observed = 0;
  return {
    refusal(request: SimRequest): SimResponse | undefined {
      if (request.headers['private-token'] || request.headers['authorization']) return undefined;
      const current = Math.floor(now() / 60_000);
      observed = current === window ? observed + 1 : 1;
      window = current;
      if (requestsPerMinute === undefined || observed <= requestsPerMinute) return undefined;
      const retryAfter = 60 - (Math.floor(now() / 1000) % 60);
      return gitlabAnswers.retryLater(retryAfter, limit, observed, now());
    },
    headers: (): Record<string, string> => ({
      'ratelimit-name': 'throttle_unauthenticated_api',
      'ratelimit-limit': String(limit),
      'ratelimit-observed': String(observed),
      'ratelimit-remaining': String(Math.max(limit - observed, 0)),
      'ratelimit-reset': String((Math.floor(now() / 60_000) + 1) * 60),
    }),
  };
}

function correlationHeaders(): Record<string, string> {
  const id = randomBytes(13).toString('hex').toUpperCase();
  return {
    server: 'nginx',
    'cache-control': 'max-age=0, private, must-revalidate',
    vary: 'Origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'SAMEORIGIN',
    'x-request-id': id,
    'x-gitlab-meta': JSON.stringify({ correlation_id: id, version: '1' }),
    'x-runtime': '0.050000',
  };
}

function parseVersion(text: string): Instance['version'] {
  const [major = 0, minor = 0] = text.split('.').map(Number);
  return { major, minor, text };
}
