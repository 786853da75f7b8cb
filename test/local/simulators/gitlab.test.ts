import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GitlabSimulator, startGitlabSimulator } from '../../../local/simulators/gitlab.js';
import { describeGitlabContract } from './gitlab-contract.js';

const PROJECT = 'platform/sub-group/infra';
const TRIGGER_TOKEN = 'glptt-0123456789abcdef';
const READ_TOKEN = 'glpat-reader';

const start = (version?: string): Promise<GitlabSimulator> =>
  startGitlabSimulator({
    ...(version && { version }),
    projects: [
      {
        path: PROJECT,
        refs: ['main'],
        triggerTokens: [{ token: TRIGGER_TOKEN, owner: 'root', role: 'maintainer' }],
        accessTokens: [{ token: READ_TOKEN, scopes: ['read_api'], role: 'maintainer' }],
      },
    ],
  });

describe('the simulator keeps GitLab’s contract', () => {
  let gitlab: GitlabSimulator;
  beforeAll(async () => {
    gitlab = await start();
  });
  afterAll(() => gitlab.close());

  describeGitlabContract(true, () => ({
    baseUrl: gitlab.url,
    projectPath: PROJECT,
    triggerToken: TRIGGER_TOKEN,
    readToken: READ_TOKEN,
    ref: 'main',
  }));
});

describe('a real GitLab keeps the contract', () => {
  const given = process.env;
  const baseUrl = given['CONTRACT_GITLAB_URL']?.replace(/\/$/, '');
  if (baseUrl === undefined) {
    test.skip('needs CONTRACT_GITLAB_URL, _PROJECT, _TRIGGER_TOKEN, and if wanted _READ_TOKEN and _REF', () => {});
    return;
  }
  const readToken = given['CONTRACT_GITLAB_READ_TOKEN'];
  describeGitlabContract(readToken !== undefined, () => ({
    baseUrl,
    projectPath: given['CONTRACT_GITLAB_PROJECT'] ?? '',
    triggerToken: given['CONTRACT_GITLAB_TRIGGER_TOKEN'] ?? '',
    ...(readToken !== undefined && { readToken }),
    ref: given['CONTRACT_GITLAB_REF'] ?? 'main',
  }));
});

describe('the simulator’s bodies have the fields that GitLab’s documentation shows', () => {
  const recorded = (name: string): { status: number; body: unknown } =>
    JSON.parse(readFileSync(join('test/local/simulators/recorded/gitlab', `${name}.json`), 'utf8'));
  const open: GitlabSimulator[] = [];
  afterEach(async () => {
    for (const gitlab of open.splice(0)) await gitlab.close();
  });

  /** Starts an instance, triggers a pipeline with one variable, and lets it fail. */
  async function withPipeline(version?: string) {
    const gitlab = await start(version);
    open.push(gitlab);
    const api = `${gitlab.url}/api/v4/projects/${encodeURIComponent(PROJECT)}`;
    const triggered = await fetch(`${api}/trigger/pipeline`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: TRIGGER_TOKEN, ref: 'main', variables: { A: '1' } }),
    });
    const created = (await triggered.json()) as { id: number };
    gitlab.advance(created.id, 'pending', 'running', 'failed');
    const get = async (url: string): Promise<{ status: number; body: unknown }> => {
      const response = await fetch(url, { headers: { 'private-token': READ_TOKEN } });
      return { status: response.status, body: await response.json() };
    };
    return { gitlab, api, created, status: triggered.status, get };
  }

  test('trigger', async () => {
    const { status, created } = await withPipeline();
    const documented = recorded('trigger-201');
    expect(status).toBe(documented.status);
    expect(shapeOf(created, documented.body)).toEqual(shapeOf(documented.body, created));
  });

  test('one pipeline, as of 17', async () => {
    const { api, created, get } = await withPipeline('17.11.0');
    const documented = recorded('pipeline-200');
    const answer = await get(`${api}/pipelines/${created.id}`);
    expect(answer.status).toBe(documented.status);
    expect(shapeOf(answer.body, documented.body)).toEqual(shapeOf(documented.body, answer.body));
  });

  test.each([
    ['the list of pipelines', 'pipelines-200', (_: number) => '/pipelines'],
    ['variables', 'variables-200', (id: number) => `/pipelines/${id}/variables`],
    ['jobs', 'jobs-200', (id: number) => `/pipelines/${id}/jobs?scope[]=failed`],
  ])('%s', async (_, name, path) => {
    const { api, created, get } = await withPipeline();
    const documented = recorded(name).body as unknown[];
    const answer = (await get(api + path(created.id))).body as unknown[];
    expect(shapeOf(answer[0], documented[0])).toEqual(shapeOf(documented[0], answer[0]));
  });

  test('the version', async () => {
    const { gitlab, get } = await withPipeline();
    const answer = await get(`${gitlab.url}/api/v4/version`);
    const documented = recorded('version-200').body;
    expect(shapeOf(answer.body, documented)).toEqual(shapeOf(documented, answer.body));
  });
});

/** Each field's path and type; a field that is null on either side counts as null. */
function shapeOf(value: unknown, other: unknown, path = ''): Record<string, string> {
  if (value === null || other === null) return { [path]: 'nullable' };
  if (Array.isArray(value)) return { [path]: 'array' };
  if (typeof value !== 'object') return { [path]: typeof value };
  const theirs = (other ?? {}) as Record<string, unknown>;
  return Object.assign(
    {},
    ...Object.entries(value as object).map(([key, child]) => shapeOf(child, theirs[key], `${path}.${key}`)),
  ) as Record<string, string>;
}
