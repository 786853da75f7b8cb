/**
 * `POST /projects/:id/trigger/pipeline`, in GitLab's order: the parameters' form, the loop guard,
 * the variables' types, the project, its token, and then the chain of checks that make a pipeline.
 *
 * After lib/api/ci/triggers.rb, app/services/ci/pipeline_trigger_service.rb and
 * lib/gitlab/ci/pipeline/chain of https://gitlab.com/gitlab-org/gitlab (17.x).
 */
import { minimumOverrideRole, pipeline as pipelineEntity } from './gitlab-entities.js';
import { isHash, json, type Parameters, readParameters } from './gitlab-parameters.js';
import { type GitlabProject, isAtLeast, type PipelineVariable, tipOf } from './gitlab-project.js';
import type { GitlabStore, StoredProject } from './gitlab-store.js';
import type { SimRequest, SimResponse } from './http-server.js';

export const TOO_MANY_PIPELINES = 'Too many pipelines created in the last minute. Try again later.';

type Owner = GitlabProject['triggerTokens'][number];
/** Why the chain ends; `persisted` when a failed pipeline is kept. */
interface Break {
  message: unknown;
  persisted?: boolean;
  yamlErrors?: string;
}

const notFound = (): SimResponse => json(404, { message: '404 Not Found' });
const base = (text: string): { base: string[] } => ({ base: [text] });

export function triggerPipeline(
  store: GitlabStore,
  request: SimRequest,
  path: { id: string; ref?: string },
): SimResponse {
  const read = readParameters(request, path);
  if ('refusal' in read) return read.refusal;
  const { parameters } = read;

  const errors = invalidParameters(parameters);
  if (errors.length > 0) return json(400, { error: errors.join(', ') });
  if (request.headers['x-gitlab-event'] === 'Pipeline Hook') return json(403, { message: '403 Forbidden' });

  const variables = isHash(parameters['variables']) ? parameters['variables'] : {};
  parameters['variables'] = variables;
  if (!areStrings(variables)) {
    return json(400, { message: 'variables needs to be a map of key-valued strings' });
  }
  const project = store.find(path.id);
  const token = String(parameters['token']);
  const owner = project?.settings.triggerTokens.find((each) => each.token === token && !each.expired);
  if (!project || !owner) return notFound();
  return runChain(store, project, owner, parameters, variables);
}

/** What Grape says of the parameters' presence and types, in the order of their declaration. */
function invalidParameters(parameters: Parameters): string[] {
  const errors: string[] = [];
  if (!('ref' in parameters)) errors.push('ref is missing');
  if (isHash(parameters['ref']) || Array.isArray(parameters['ref'])) errors.push('ref is invalid');
  else if (String(parameters['ref'] ?? '').trim() === '') errors.push('ref is empty');
  if (!('token' in parameters)) errors.push('token is missing');
  else if (isHash(parameters['token']) || Array.isArray(parameters['token'])) errors.push('token is invalid');
  for (const name of ['variables', 'inputs']) {
    const value = parameters[name] ?? '';
    if (value !== '' && !isHash(value)) errors.push(`${name} is invalid`);
  }
  return errors;
}

function areStrings(variables: Parameters): variables is Record<string, string> {
  return Object.values(variables).every((value) => typeof value === 'string');
}

function runChain(
  store: GitlabStore,
  project: StoredProject,
  owner: Owner,
  parameters: Parameters,
  given: Record<string, string>,
): SimResponse {
  const { token: _, ...payload } = parameters;
  const variables: PipelineVariable[] = [
    ...Object.entries(given).map(([key, value]) => ({ variable_type: 'env_var' as const, key, value })),
    { variable_type: 'file', key: 'TRIGGER_PAYLOAD', value: JSON.stringify(payload) },
  ];
  const ref = String(parameters['ref']).replace(/^refs\/(heads|tags)\//, '');
  const stop =
    checkAbilities(project.settings, owner, ref) ??
    checkRef(project.settings, ref) ??
    checkVariables(store, project.settings, owner, variables) ??
    checkRate(store, project, owner, ref) ??
    checkConfig(store, project.settings);
  if (stop && !stop.persisted) return json(400, { message: stop.message });

  const tag = !project.settings.refs.includes(ref);
  const inputs = isHash(parameters['inputs']) ? parameters['inputs'] : {};
  const pipeline = store.create(project, { ref, tag, username: owner.owner, variables, inputs });
  if (!stop) return json(201, pipelineEntity(store.instance, pipeline));

  pipeline.status = 'failed';
  pipeline.finishedAt = pipeline.createdAt;
  pipeline.yamlErrors = stop.yamlErrors ?? null;
  pipeline.jobs = [];
  // Older versions answer with the failed pipeline. The boundary is approximate.
  if (store.instance.version.major < 15) return json(201, pipelineEntity(store.instance, pipeline));
  return json(422, { message: stop.message });
}

function checkAbilities(settings: GitlabProject, owner: Owner, ref: string): Break | undefined {
  if (settings.ciEnabled === false) return { message: base('Pipelines are disabled!') };
  if (!isAtLeast(owner.role, 'developer')) {
    return { message: base('Insufficient permissions to create a new pipeline') };
  }
  if (settings.protectedRefs?.includes(ref) && !isAtLeast(owner.role, 'maintainer')) {
    const text = `You do not have sufficient permission to run a pipeline on '${ref}'. Please select a different branch or contact your administrator for assistance.`;
    return { message: base(text) };
  }
  return undefined;
}

function checkRef(settings: GitlabProject, ref: string): Break | undefined {
  const isKnown = settings.refs.includes(ref) || settings.tags?.includes(ref);
  return isKnown ? undefined : { message: base('Reference not found') };
}

/** TRIGGER_PAYLOAD is a pipeline variable too: the minimum role binds calls without any variable. */
function checkVariables(
  store: GitlabStore,
  settings: GitlabProject,
  owner: Owner,
  variables: PipelineVariable[],
): Break | undefined {
  const minimum = minimumOverrideRole(store.instance, settings);
  if (minimum === 'no_one_allowed' || !isAtLeast(owner.role, minimum)) {
    return { message: base('Insufficient permissions to set pipeline variables') };
  }
  if (variables.filter(({ key }) => key === 'TRIGGER_PAYLOAD').length > 1) {
    const text = 'Duplicate variable name: TRIGGER_PAYLOAD';
    return { message: base(text), persisted: true, yamlErrors: text };
  }
  return undefined;
}

/** A 400, not a 429. GitLab counts for one project, user and commit. */
function checkRate(
  store: GitlabStore,
  { id, settings }: StoredProject,
  owner: Owner,
  ref: string,
): Break | undefined {
  const since = store.now() - 60_000;
  const sha = tipOf(settings.path, ref);
  const recent = store.pipelines.filter(
    (pipeline) =>
      pipeline.projectId === id &&
      pipeline.username === owner.owner &&
      pipeline.sha === sha &&
      pipeline.createdAt > since,
  );
  const limit = settings.pipelinesPerMinute ?? Number.POSITIVE_INFINITY;
  return recent.length < limit ? undefined : { message: base(TOO_MANY_PIPELINES) };
}

function checkConfig(store: GitlabStore, settings: GitlabProject): Break | undefined {
  const { major, minor } = store.instance.version;
  // Where the wording changed is known to the major version only.
  const wording = major < 15 ? 'oldest' : major < 17 || (major === 17 && minor < 5) ? 'older' : 'current';
  if (settings.ciConfig === 'missing') return { message: base('Missing CI config file') };
  if (settings.invalidYaml !== undefined) {
    return { message: base(settings.invalidYaml), persisted: true, yamlErrors: settings.invalidYaml };
  }
  if (settings.rules === 'filtered') {
    return {
      message: base(
        wording === 'current'
          ? 'The pipeline did not run. Review the workflow:rules configuration for the pipeline.'
          : 'Pipeline filtered out by workflow rules.',
      ),
    };
  }
  if (settings.rules === 'empty') return { message: base(EMPTY[wording]) };
  if (settings.failureReason) return { message: settings.failureReason, persisted: true };
  return undefined;
}

const EMPTY = {
  oldest: 'No stages / jobs for this pipeline.',
  older:
    'Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline.',
  current:
    'The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs.',
};
