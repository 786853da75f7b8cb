import {
  type GitlabProject,
  type GitlabSimulator,
  startGitlabSimulator,
} from '../../../local/simulators/gitlab.js';

const PATH = 'platform/infra';
const open: GitlabSimulator[] = [];
afterEach(async () => {
  for (const gitlab of open.splice(0)) await gitlab.close();
});

const tokens = (role: 'guest' | 'reporter' | 'developer' | 'maintainer' | 'owner', token = 'tt') => [
  { token, owner: 'alice', role },
];

async function start(
  project: Partial<GitlabProject> = {},
  options: Omit<Parameters<typeof startGitlabSimulator>[0], 'projects'> = {},
): Promise<GitlabSimulator> {
  const defaults = { path: PATH, refs: ['main', 'release'], triggerTokens: tokens('maintainer') };
  const gitlab = await startGitlabSimulator({ ...options, projects: [{ ...defaults, ...project }] });
  open.push(gitlab);
  return gitlab;
}

async function trigger(gitlab: GitlabSimulator, body: object = {}, path = PATH) {
  const response = await fetch(`${gitlab.url}/api/v4/projects/${encodeURIComponent(path)}/trigger/pipeline`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: 'tt', ref: 'main', ...body }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

describe('what the project forbids', () => {
  test.each<[string, Partial<GitlabProject>, string]>([
    ['CI is off', { ciEnabled: false }, 'Pipelines are disabled!'],
    [
      'the owner is a reporter',
      { triggerTokens: tokens('reporter') },
      'Insufficient permissions to create a new pipeline',
    ],
    [
      'the ref is protected from developers',
      { triggerTokens: tokens('developer'), protectedRefs: ['main'] },
      "You do not have sufficient permission to run a pipeline on 'main'. Please select a different branch or contact your administrator for assistance.",
    ],
    [
      'a developer may not set variables by default',
      { triggerTokens: tokens('developer') },
      'Insufficient permissions to set pipeline variables',
    ],
    [
      'nobody may set variables',
      { triggerTokens: tokens('owner'), minimumOverrideRole: 'no_one_allowed' },
      'Insufficient permissions to set pipeline variables',
    ],
    ['there is no configuration', { ciConfig: 'missing' }, 'Missing CI config file'],
  ])('%s', async (_, project, text) => {
    const gitlab = await start(project);
    const answer = await trigger(gitlab);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ message: { base: [text] } });
    expect(gitlab.pipelines()).toHaveLength(0);
  });

  test('a maintainer may run on a protected ref, a developer on another one', async () => {
    const project = { protectedRefs: ['main'], minimumOverrideRole: 'developer' as const };
    const gitlab = await start({
      ...project,
      triggerTokens: [...tokens('maintainer'), ...tokens('developer', 'dev')],
    });
    expect((await trigger(gitlab)).status).toBe(201);
    expect((await trigger(gitlab, { token: 'dev' })).status).toBe(400);
    expect((await trigger(gitlab, { token: 'dev', ref: 'release' })).status).toBe(201);
  });

  test.each([
    ['18.5.0', 'empty', /^The resulting pipeline would have been empty\. Review the rules configuration/],
    [
      '16.11.0',
      'empty',
      /^Pipeline will not run for the selected trigger\. The rules configuration prevented/,
    ],
    ['14.0.0', 'empty', /^No stages \/ jobs for this pipeline\.$/],
    ['18.5.0', 'filtered', /^The pipeline did not run\. Review the workflow:rules configuration/],
    ['16.11.0', 'filtered', /^Pipeline filtered out by workflow rules\.$/],
  ] as const)('GitLab %s words rules that leave it %s', async (version, rules, text) => {
    const answer = await trigger(await start({ rules }, { version }));
    expect(answer.status).toBe(400);
    expect(answer.body.message.base[0]).toMatch(text);
  });
});

describe('tokens', () => {
  test('an expired one and one of another project are as unknown as any', async () => {
    const gitlab = await startGitlabSimulator({
      projects: [
        {
          path: PATH,
          refs: ['main'],
          triggerTokens: [{ token: 'old', owner: 'alice', role: 'owner', expired: true }],
        },
        { path: 'platform/other', refs: ['main'], triggerTokens: tokens('owner', 'foreign') },
      ],
    });
    open.push(gitlab);
    for (const token of ['old', 'foreign', 'unknown']) {
      const answer = await trigger(gitlab, { token });
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual({ message: '404 Not Found' });
    }
    expect((await trigger(gitlab, { token: 'foreign' }, 'platform/other')).status).toBe(201);
  });

  test('are nowhere in what is kept of a pipeline', async () => {
    const token = 'glptt-secret-token';
    const gitlab = await start({ triggerTokens: tokens('maintainer', token) });
    await trigger(gitlab, { token, variables: { A: '1' }, port_payload: {} });
    expect(gitlab.pipelines()).toHaveLength(1);
    expect(JSON.stringify(gitlab.pipelines())).not.toContain(token);
  });

  test('can be changed while it runs', async () => {
    const gitlab = await start();
    gitlab.configure(PATH, { triggerTokens: tokens('maintainer', 'rotated') });
    expect((await trigger(gitlab)).status).toBe(404);
    expect((await trigger(gitlab, { token: 'rotated' })).status).toBe(201);
  });
});

describe('a pipeline that is stored as failed', () => {
  test('of a configuration with an error: 422, and the errors are kept', async () => {
    const gitlab = await start({ invalidYaml: 'jobs:build config should implement a script' });
    const answer = await trigger(gitlab);
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({ message: { base: ['jobs:build config should implement a script'] } });
    expect(gitlab.pipelines({ status: 'failed' })[0]).toMatchObject({
      yamlErrors: 'jobs:build config should implement a script',
      jobs: [],
    });
  });

  test('of a variable named TRIGGER_PAYLOAD, which is taken', async () => {
    const gitlab = await start();
    const answer = await trigger(gitlab, { variables: { TRIGGER_PAYLOAD: 'mine' } });
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({ message: { base: ['Duplicate variable name: TRIGGER_PAYLOAD'] } });
    expect(gitlab.pipelines({ status: 'failed' })).toHaveLength(1);
  });

  test('of a limit: its reason is the message', async () => {
    const answer = await trigger(await start({ failureReason: 'size_limit_exceeded' }));
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({ message: 'size_limit_exceeded' });
  });

  test('is a 201 on an old GitLab', async () => {
    const answer = await trigger(await start({ invalidYaml: 'bad' }, { version: '14.0.0' }));
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ status: 'failed', yaml_errors: 'bad' });
  });
});

describe('limits', () => {
  test('too many pipelines a minute is a 400, until the minute is over', async () => {
    let now = Date.parse('2026-01-05T10:00:30Z');
    const gitlab = await start({ pipelinesPerMinute: 2 }, { now: () => now });
    expect([(await trigger(gitlab)).status, (await trigger(gitlab)).status]).toEqual([201, 201]);
    const refused = await trigger(gitlab);
    expect(refused.status).toBe(400);
    expect(refused.body).toEqual({
      message: { base: ['Too many pipelines created in the last minute. Try again later.'] },
    });
    expect((await trigger(gitlab, { ref: 'release' })).status).toBe(201);
    now += 61_000;
    expect((await trigger(gitlab)).status).toBe(201);
  });

  test('Rack::Attack answers plain text, and says when to come back', async () => {
    let now = Date.parse('2026-01-05T10:00:20Z');
    const gitlab = await start({}, { requestsPerMinute: 1, now: () => now });
    const first = await trigger(gitlab);
    expect(first.status).toBe(201);
    expect(first.headers.get('ratelimit-remaining')).toBe('0');
    const refused = await trigger(gitlab);
    expect(refused.status).toBe(429);
    expect(refused.text).toBe('Retry later\n');
    expect(refused.headers.get('content-type')).toBe('text/plain');
    expect(refused.headers.get('retry-after')).toBe('40');
    expect(refused.headers.get('ratelimit-observed')).toBe('2');
    expect(refused.headers.get('ratelimit-reset')).toBe(String(Date.parse('2026-01-05T10:01:00Z') / 1000));
    expect(refused.headers.get('ratelimit-resettime')).toBe('Mon, 05 Jan 2026 10:01:00 GMT');
    expect(gitlab.pipelines()).toHaveLength(1);
    now += 40_000;
    expect((await trigger(gitlab)).status).toBe(201);
  });
});
