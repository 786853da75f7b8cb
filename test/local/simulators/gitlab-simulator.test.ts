import {
  type GitlabSimulator,
  gitlabAnswers,
  startGitlabSimulator,
  triggerPayload,
} from '../../../local/simulators/gitlab.js';
import { until } from '../../support/house.js';

const PATH = 'platform/sub-group/infra';
const open: GitlabSimulator[] = [];
afterEach(async () => {
  for (const gitlab of open.splice(0)) await gitlab.close();
});

async function start(
  options: Partial<Parameters<typeof startGitlabSimulator>[0]> = {},
): Promise<GitlabSimulator> {
  const gitlab = await startGitlabSimulator({
    projects: [
      {
        path: PATH,
        id: 42,
        refs: ['main'],
        tags: ['v1.0'],
        minimumOverrideRole: 'developer',
        triggerTokens: [{ token: 'tt', owner: 'dev', role: 'developer' }],
        accessTokens: [
          { token: 'maintainer', scopes: ['api'], role: 'maintainer' },
          { token: 'reader', scopes: ['read_api'], role: 'maintainer' },
          { token: 'creator', scopes: ['api'], role: 'developer', username: 'dev' },
          { token: 'developer', scopes: ['api'], role: 'developer', username: 'other' },
          { token: 'reporter', scopes: ['read_api'], role: 'reporter' },
          { token: 'guest', scopes: ['read_api'], role: 'guest' },
          { token: 'expired', scopes: ['api'], role: 'owner', expired: true },
          { token: 'userOnly', scopes: ['read_user'], role: 'owner' },
        ],
      },
    ],
    ...options,
  });
  open.push(gitlab);
  return gitlab;
}

const projectUrl = (gitlab: GitlabSimulator, id = encodeURIComponent(PATH)): string =>
  `${gitlab.url}/api/v4/projects/${id}`;

function trigger(gitlab: GitlabSimulator, body: object = {}): Promise<Response> {
  return fetch(`${projectUrl(gitlab)}/trigger/pipeline`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: 'tt', ref: 'main', ...body }),
  });
}

async function created(gitlab: GitlabSimulator, body: object = {}): Promise<number> {
  return ((await (await trigger(gitlab, body)).json()) as { id: number }).id;
}

async function call(gitlab: GitlabSimulator, method: string, path: string, token?: string) {
  const headers: Record<string, string> = token ? { 'private-token': token } : {};
  const response = await fetch(projectUrl(gitlab) + path, { method, headers });
  return { status: response.status, body: (await response.json()) as never };
}

/** The code of the socket's error, by which a client tells a reset from a refusal. */
const failure = (request: Promise<unknown>): Promise<string> =>
  request.then(
    () => 'answered',
    (error: { cause?: { code?: string } }) => error.cause?.code ?? 'no code',
  );

describe('what reaches the pipeline', () => {
  test('TRIGGER_PAYLOAD is the parameters in order, without the token, with the id as it was named', async () => {
    const gitlab = await start();
    await fetch(`${projectUrl(gitlab, '42')}/trigger/pipeline`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'tt', ref: 'main' }),
    });
    expect(gitlab.pipelines()[0]?.variables).toEqual([
      { variable_type: 'file', key: 'TRIGGER_PAYLOAD', value: '{"ref":"main","id":"42","variables":{}}' },
    ]);
  });

  test('query and body are merged, the body wins, and nested fields are read', async () => {
    const gitlab = await start();
    const form = new FormData();
    form.append('token', 'tt');
    form.append('variables[A]', 'two\r\nlines');
    form.append('list[]', '1');
    form.append('list[]', '2');
    form.append('port_payload[context][runId]', 'r_1');
    const query = 'token=wrong&ref=main&variables[A]=from-the-query';
    const response = await fetch(`${projectUrl(gitlab)}/trigger/pipeline?${query}`, {
      method: 'POST',
      body: form,
    });
    expect(response.status).toBe(201);
    const [pipeline] = gitlab.pipelinesFor('r_1');
    expect(pipeline && triggerPayload(pipeline)).toEqual({
      id: PATH,
      ref: 'main',
      variables: { A: 'two\r\nlines' },
      list: ['1', '2'],
      port_payload: { context: { runId: 'r_1' } },
    });
  });

  test('inputs are taken beside variables', async () => {
    const gitlab = await start();
    await created(gitlab, { inputs: { level: 3, dry: false } });
    expect(gitlab.pipelines()[0]?.inputs).toEqual({ level: 3, dry: false });
    expect((await trigger(gitlab, { inputs: 'level=3' })).status).toBe(400);
  });

  test('a run finds its pipelines by port_payload or by a variable, and no others', async () => {
    const gitlab = await start();
    await created(gitlab, { port_payload: { context: { runId: 'r_1' } } });
    await created(gitlab, { variables: { PORT_RUN_ID: 'r_1' } });
    await created(gitlab, { port_payload: { context: { runId: 'r_10' } } });
    expect(gitlab.pipelinesFor('r_1').map(({ iid }) => iid)).toEqual([1, 2]);
  });

  test('a tag and a full ref name are refs too', async () => {
    const gitlab = await start();
    await created(gitlab, { ref: 'v1.0' });
    await created(gitlab, { ref: 'refs/heads/main' });
    expect(gitlab.pipelines().map(({ ref, tag }) => [ref, tag])).toEqual([
      ['v1.0', true],
      ['main', false],
    ]);
  });

  test('the case of a path does not matter, and a path that is no encoding is not found', async () => {
    const gitlab = await start();
    const post = async (id: string) => {
      const body = new URLSearchParams({ token: 'tt', ref: 'main' });
      return (await fetch(`${projectUrl(gitlab, id)}/trigger/pipeline`, { method: 'POST', body })).status;
    };
    expect(await post(encodeURIComponent(PATH.toUpperCase()))).toBe(201);
    expect(await post('platform%zzinfra')).toBe(404);
  });

  test('JSON that is cut is refused', async () => {
    const gitlab = await start();
    const response = await fetch(`${projectUrl(gitlab)}/trigger/pipeline`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"token": "tt", ',
    });
    expect(response.status).toBe(400);
    expect(gitlab.pipelines()).toHaveLength(0);
  });
});

describe('a pipeline’s life', () => {
  test('is scripted: times and jobs follow the status', async () => {
    let now = Date.parse('2026-01-05T10:00:00Z');
    const gitlab = await start({ now: () => now });
    const id = await created(gitlab);
    now += 5000;
    gitlab.advance(id, 'pending', 'running');
    now += 34_000;
    gitlab.advance(id, 'failed');
    expect((await call(gitlab, 'GET', `/pipelines/${id}`, 'reader')).body).toMatchObject({
      status: 'failed',
      created_at: '2026-01-05T10:00:00.000Z',
      started_at: '2026-01-05T10:00:05.000Z',
      finished_at: '2026-01-05T10:00:39.000Z',
      queued_duration: 5,
      duration: 34,
      detailed_status: { icon: 'status_failed', text: 'failed' },
    });
    const failed = await call(gitlab, 'GET', `/pipelines/${id}/jobs?scope[]=failed`, 'reader');
    expect(failed.body).toMatchObject([{ name: 'deploy', failure_reason: 'script_failure' }]);
    expect(() => gitlab.advance(id, 'asleep' as never)).toThrow('asleep');
  });

  test('a retry starts the failed job again, beside the old one', async () => {
    const gitlab = await start();
    const id = await created(gitlab);
    gitlab.advance(id, 'running', 'failed');
    const retried = await call(gitlab, 'POST', `/pipelines/${id}/retry`, 'creator');
    expect(retried.status).toBe(201);
    expect(retried.body).toMatchObject({ status: 'pending', finished_at: null });
    gitlab.advance(id, 'success');
    expect((await call(gitlab, 'GET', `/pipelines/${id}/jobs`, 'reader')).body).toHaveLength(2);
    expect(
      (await call(gitlab, 'GET', `/pipelines/${id}/jobs?include_retried=true`, 'reader')).body,
    ).toHaveLength(3);
  });

  test('a cancel is 200 whatever the state, and changes only what is not over', async () => {
    const gitlab = await start();
    const [running, done] = [await created(gitlab), await created(gitlab)];
    gitlab.advance(running, 'running');
    gitlab.advance(done, 'running', 'success');
    const first = await call(gitlab, 'POST', `/pipelines/${running}/cancel`, 'maintainer');
    const second = await call(gitlab, 'POST', `/pipelines/${done}/cancel`, 'maintainer');
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.body).toMatchObject({ status: 'canceled' });
    expect(second.body).toMatchObject({ status: 'success' });
  });

  test('the list is filtered and ordered', async () => {
    const gitlab = await start();
    const [a, b] = [await created(gitlab), await created(gitlab, { ref: 'v1.0' })];
    gitlab.advance(a, 'running');
    const ids = async (query: string) => {
      const { body } = await call(gitlab, 'GET', `/pipelines?${query}`, 'reader');
      return (body as { id: number }[]).map(({ id }) => id);
    };
    expect(await ids('')).toEqual([b, a]);
    expect(await ids('sort=asc')).toEqual([a, b]);
    expect(await ids('status=running')).toEqual([a]);
    expect(await ids('scope=tags')).toEqual([b]);
    expect(await ids('username=nobody')).toEqual([]);
    expect(await ids('created_before=2001-01-01T00:00:00Z')).toEqual([]);
    expect((await call(gitlab, 'GET', '/pipelines?created_after=soon', 'reader')).status).toBe(400);
  });
});

describe('who may read', () => {
  test.each([
    ['maintainer', 200],
    ['creator', 200],
    ['developer', 403],
    ['reporter', 403],
    ['guest', 403],
  ])('variables: %s %i', async (token, status) => {
    const gitlab = await start();
    const id = await created(gitlab);
    expect((await call(gitlab, 'GET', `/pipelines/${id}/variables`, token)).status).toBe(status);
  });

  test('pipelines: reporters may, guests may not, strangers find no project', async () => {
    const gitlab = await start();
    expect((await call(gitlab, 'GET', '/pipelines', 'reporter')).status).toBe(200);
    expect((await call(gitlab, 'GET', '/pipelines', 'guest')).status).toBe(403);
    expect((await call(gitlab, 'GET', '/pipelines')).body).toEqual({ message: '404 Project Not Found' });
  });

  test('an expired token and a missing scope say what they are', async () => {
    const gitlab = await start();
    const id = await created(gitlab);
    const expired = await call(gitlab, 'GET', '', 'expired');
    expect(expired.status).toBe(401);
    expect(expired.body).toMatchObject({ error: 'invalid_token' });
    const userOnly = await call(gitlab, 'GET', '', 'userOnly');
    expect(userOnly.status).toBe(403);
    expect(userOnly.body).toMatchObject({ error: 'insufficient_scope', scope: 'api read_api' });
    expect((await call(gitlab, 'POST', `/pipelines/${id}/cancel`, 'reader')).status).toBe(403);
    expect((await call(gitlab, 'POST', `/pipelines/${id}/cancel`)).status).toBe(401);
  });
});

describe('faults', () => {
  test('dropped after: the client sees a reset, and the pipeline is there', async () => {
    const gitlab = await start();
    gitlab.inject({ kind: 'dropAfter', method: 'POST', times: 1 });
    expect(await failure(trigger(gitlab))).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
    expect(gitlab.pipelines()).toHaveLength(1);
    expect((await trigger(gitlab)).status).toBe(201);
  });

  test('dropped before: the client sees the same, and no pipeline is there', async () => {
    const gitlab = await start();
    gitlab.inject({ kind: 'dropBefore' });
    expect(await failure(trigger(gitlab))).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
    expect(gitlab.pipelines()).toHaveLength(0);
  });

  test.each([
    ['respond', 0],
    ['respondAfter', 1],
  ] as const)('%s: a proxy’s page stands for the answer, and there are %i pipelines', async (kind, count) => {
    const gitlab = await start();
    gitlab.inject({ kind, response: gitlabAnswers.html(502) });
    const response = await trigger(gitlab);
    expect(response.status).toBe(502);
    expect(response.headers.get('content-type')).toBe('text/html');
    expect(await response.text()).toContain('<h1>502</h1>');
    expect(gitlab.pipelines()).toHaveLength(count);
  });

  test('a client that gives up during a delay has started the pipeline', async () => {
    const gitlab = await start();
    gitlab.inject({ kind: 'holdAfter', until: new Promise(() => {}) });
    const patience = new AbortController();
    const answer = fetch(`${projectUrl(gitlab)}/trigger/pipeline`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'tt', ref: 'main' }),
      signal: patience.signal,
    }).catch((reason: Error) => reason);
    await until('the pipeline is there', () => gitlab.pipelines().length === 1);
    patience.abort();
    expect(await answer).toMatchObject({ name: 'AbortError' });
    expect(gitlab.pipelines()).toHaveLength(1);
  });

  test('a body that is cut cannot be read to its end', async () => {
    const gitlab = await start();
    gitlab.inject({ kind: 'truncate', bytes: 20 });
    const response = await trigger(gitlab);
    expect(response.status).toBe(201);
    await expect(response.text()).rejects.toThrow();
    expect(gitlab.pipelines()).toHaveLength(1);
  });

  test('a refusing instance refuses until it listens again, on the same port', async () => {
    const gitlab = await start();
    await gitlab.refuse();
    expect(await failure(trigger(gitlab))).toBe('ECONNREFUSED');
    await gitlab.listen();
    expect((await trigger(gitlab)).status).toBe(201);
  });

  test('a fault is taken back, and ready answers are GitLab’s', async () => {
    const gitlab = await start();
    const takeBack = gitlab.inject({ kind: 'respond', response: gitlabAnswers.tooManyPipelines() });
    expect((await trigger(gitlab)).status).toBe(400);
    takeBack();
    gitlab.inject({ kind: 'respond', times: 1, response: gitlabAnswers.retryLater(1) });
    const later = await trigger(gitlab);
    expect([later.status, later.headers.get('retry-after')]).toEqual([429, '1']);
    expect((await trigger(gitlab)).status).toBe(201);
  });

  test('a moved project answers with its new address', async () => {
    const gitlab = await start();
    gitlab.inject({ kind: 'respond', response: gitlabAnswers.moved(`${gitlab.url}/new`) });
    const response = await fetch(projectUrl(gitlab), { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([301, `${gitlab.url}/new`]);
  });
});

describe('what stands around it', () => {
  test('the journal has the request as it came, and what was answered', async () => {
    const gitlab = await start();
    await trigger(gitlab, { token: 'wrong' });
    expect(gitlab.journal).toHaveLength(1);
    expect(gitlab.journal[0]).toMatchObject({
      method: 'POST',
      path: '/api/v4/projects/platform%2Fsub-group%2Finfra/trigger/pipeline',
      rawBody: '{"token":"wrong","ref":"main"}',
      status: 404,
    });
  });

  test('a proxy that decodes the path hides every project', async () => {
    const gitlab = await start({ decodesSlashes: true });
    expect((await trigger(gitlab)).status).toBe(404);
    const byId = await fetch(`${projectUrl(gitlab, '42')}/trigger/pipeline`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'tt', ref: 'main' }),
    });
    expect(byId.status).toBe(201);
  });

  test('an instance under a sub-path answers there, and nowhere else', async () => {
    const gitlab = await start({ basePath: '/gitlab' });
    const response = await trigger(gitlab);
    expect(response.status).toBe(201);
    expect(((await response.json()) as { web_url: string }).web_url).toMatch(
      `${gitlab.url}/${PATH}/-/pipelines/`,
    );
    const root = new URL(gitlab.url).origin;
    expect((await fetch(`${root}/-/readiness`)).status).toBe(404);
    const ready = await fetch(`${gitlab.url}/-/readiness`);
    expect(((await ready.json()) as { status: string }).status).toBe('ok');
  });
});
