/**
 * What GitLab documents of the calls that the agent makes: checked against the simulator on every run,
 * and against a real GitLab, unchanged, when gitlab.test.ts is given one. It starts a dozen pipelines.
 */

export interface ContractTarget {
  /** Without a trailing slash. */
  baseUrl: string;
  /** A project in a group, whose CI configuration lets triggers through. */
  projectPath: string;
  /** Its owner is a maintainer of the project. */
  triggerToken: string;
  /** An access token of a maintainer, with `read_api`. */
  readToken?: string;
  /** A branch. */
  ref: string;
}

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

const TERMINAL_OR_NOT =
  /^(created|waiting_for_resource|preparing|pending|running|success|failed|skipped|manual)$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}/;

/** Defines the suite; `hasReadToken` decides whether what needs one is checked too. */
export function describeGitlabContract(hasReadToken: boolean, target: () => ContractTarget): void {
  const api = (path: string): string => `${target().baseUrl}/api/v4${path}`;
  const project = (): string => `/projects/${encodeURIComponent(target().projectPath)}`;
  const unique = (): string => `contract-${Date.now()}-${Math.random().toString(36).slice(2)}`;

  async function call(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(api(path), { redirect: 'manual', ...init });
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  }

  function trigger(body: object, headers: Record<string, string> = {}, path = project()): Promise<Answer> {
    return call(`${path}/trigger/pipeline`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  const good = (): { token: string; ref: string } => ({ token: target().triggerToken, ref: target().ref });
  const get = (path: string): Promise<Answer> =>
    call(path, { headers: { 'private-token': target().readToken ?? '' } });

  describe('a trigger that is accepted', () => {
    test('is answered 201 with the pipeline', async () => {
      const { status, body } = await trigger(good());
      expect(status).toBe(201);
      expect(body).toMatchObject({
        id: expect.any(Number),
        iid: expect.any(Number),
        project_id: expect.any(Number),
        ref: target().ref,
        source: 'trigger',
        tag: false,
        yaml_errors: null,
        before_sha: expect.stringMatching(/^[0-9a-f]{40}$/),
        sha: expect.stringMatching(/^[0-9a-f]{40}$/),
        status: expect.stringMatching(TERMINAL_OR_NOT),
        created_at: expect.stringMatching(ISO_TIME),
        updated_at: expect.stringMatching(ISO_TIME),
        user: { id: expect.any(Number), username: expect.any(String), name: expect.any(String) },
        detailed_status: { icon: expect.any(String), text: expect.any(String), group: expect.any(String) },
      });
      expect(body['web_url']).toBe(
        `${target().baseUrl}/${target().projectPath}/-/pipelines/${body['id'] as number}`,
      );
    });

    test('carries the headers that find it in GitLab’s logs', async () => {
      const { headers } = await trigger(good());
      expect(headers.get('content-type')).toMatch(/^application\/json/);
      const requestId = headers.get('x-request-id');
      expect(requestId).toMatch(/^[\w-]{16,}$/);
      expect(JSON.parse(headers.get('x-gitlab-meta') ?? '{}')).toMatchObject({ correlation_id: requestId });
    });

    test('may name the project by its numeric id', async () => {
      const { body: first } = await trigger(good());
      const id = first['project_id'] as number;
      const { status, body } = await trigger(good(), {}, `/projects/${id}`);
      expect(status).toBe(201);
      expect(body['project_id']).toBe(id);
    });

    test('may have the ref in the address, which wins over the body', async () => {
      const { token, ref } = good();
      const { status, body } = await call(`${project()}/ref/${encodeURIComponent(ref)}/trigger/pipeline`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token, ref: unique() }),
      });
      expect(status).toBe(201);
      expect(body['ref']).toBe(ref);
    });

    test.each([
      ['urlencoded', (fields: [string, string][]): RequestInit => ({ body: new URLSearchParams(fields) })],
      ['multipart', (fields: [string, string][]): RequestInit => ({ body: formOf(fields) })],
    ])('may be %s', async (_, bodyOf) => {
      const { token, ref } = good();
      const fields: [string, string][] = [
        ['token', token],
        ['ref', ref],
        ['variables[CONTRACT]', 'yes'],
      ];
      const { status } = await call(`${project()}/trigger/pipeline`, { method: 'POST', ...bodyOf(fields) });
      expect(status).toBe(201);
    });

    test('may have its parameters in the query', async () => {
      const query = new URLSearchParams(good());
      const { status } = await call(`${project()}/trigger/pipeline?${query}`, { method: 'POST' });
      expect(status).toBe(201);
    });

    test('sent twice starts two pipelines', async () => {
      const body = { ...good(), variables: { CONTRACT: unique() } };
      const [first, second] = [await trigger(body), await trigger(body)];
      expect([first.status, second.status]).toEqual([201, 201]);
      expect(second.body['id']).not.toBe(first.body['id']);
      expect(second.body['iid']).not.toBe(first.body['iid']);
    });
  });

  describe('a trigger that is refused', () => {
    test.each<[string, (good: { token: string; ref: string }) => object, string]>([
      ['has no token', ({ ref }) => ({ ref }), 'token is missing'],
      ['has no ref', ({ token }) => ({ token }), 'ref is missing, ref is empty'],
      ['has an empty ref', ({ token }) => ({ token, ref: '' }), 'ref is empty'],
      ['has a null ref', ({ token }) => ({ token, ref: null }), 'ref is empty'],
      ['has a string for variables', (it) => ({ ...it, variables: 'A=1' }), 'variables is invalid'],
      ['has an array for variables', (it) => ({ ...it, variables: [] }), 'variables is invalid'],
    ])('400: %s', async (_, body, error) => {
      const answer = await trigger(body(good()));
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ error });
    });

    test.each([1, true, null, ['a'], { a: 'b' }])('400: the variable %j is no string', async (value) => {
      const answer = await trigger({ ...good(), variables: { A: 'a', B: value } });
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ message: 'variables needs to be a map of key-valued strings' });
    });

    test('400: there is no such ref', async () => {
      const answer = await trigger({ ...good(), ref: unique() });
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ message: { base: ['Reference not found'] } });
    });

    test('403: it comes from a pipeline hook, whatever its token', async () => {
      const answer = await trigger({ ...good(), token: 'nonsense' }, { 'X-Gitlab-Event': 'Pipeline Hook' });
      expect(answer.status).toBe(403);
      expect(answer.body).toEqual({ message: '403 Forbidden' });
    });

    test('404: an unknown token cannot be told from an unknown project', async () => {
      const badToken = await trigger({ ...good(), token: 'nonsense' });
      const badProject = await trigger(good(), {}, `/projects/${encodeURIComponent(`no/such/${unique()}`)}`);
      const badId = await trigger(good(), {}, '/projects/0');
      expect(badToken.body).toEqual({ message: '404 Not Found' });
      expect(badProject.body).toEqual(badToken.body);
      expect(badId.body).toEqual(badToken.body);
      expect([badToken.status, badProject.status, badId.status]).toEqual([404, 404, 404]);
    });

    test('404: the slashes of the path are not encoded', async () => {
      const answer = await trigger(good(), {}, `/projects/${target().projectPath}`);
      expect(answer.status).toBe(404);
    });

    test('404: it is a GET', async () => {
      const { status } = await call(`${project()}/trigger/pipeline?${new URLSearchParams(good())}`);
      expect(status).toBe(404);
    });

    test('its content type is unknown', async () => {
      const answer = await trigger(good(), { 'content-type': 'application/x-unknown' });
      expect([400, 406, 415]).toContain(answer.status); // by the version of GitLab's API framework
      expect(answer.body['error']).toContain("content-type 'application/x-unknown' is not supported");
    });

    test('its form is judged before its token', async () => {
      expect((await trigger({ token: 'nonsense' })).status).toBe(400);
      expect((await trigger({ ...good(), token: 'nonsense', variables: { A: 1 } })).status).toBe(400);
      expect((await trigger({ ...good(), token: 'nonsense', ref: unique() })).status).toBe(404);
    });
  });

  describe('without an access token', () => {
    test('a project is not found, a version unauthorized', async () => {
      const missing = await call(`/projects/${encodeURIComponent(`no/such/${unique()}`)}`);
      expect(missing.status).toBe(404);
      expect(missing.body).toEqual({ message: '404 Project Not Found' });
      const version = await call('/version');
      expect(version.status).toBe(401);
      expect(version.body).toEqual({ message: '401 Unauthorized' });
    });

    test('the trigger token reads nothing', async () => {
      const answer = await call(project(), { headers: { 'private-token': target().triggerToken } });
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({ message: '401 Unauthorized' });
    });
  });

  (hasReadToken ? describe : describe.skip)('with an access token', () => {
    test('which is no trigger token', async () => {
      const answer = await trigger({ ...good(), token: target().readToken });
      expect(answer.status).toBe(404);
    });

    test('the pipeline is found by id and in the list', async () => {
      const { body } = await trigger(good());
      const id = body['id'] as number;
      const one = await get(`${project()}/pipelines/${id}`);
      expect(one.status).toBe(200);
      expect(one.body).toMatchObject({ id, iid: body['iid'], sha: body['sha'], web_url: body['web_url'] });

      const since = new Date(Date.parse(String(body['created_at'])) - 120_000).toISOString();
      const query = new URLSearchParams({
        source: 'trigger',
        ref: target().ref,
        created_after: since,
        order_by: 'id',
        sort: 'desc',
        per_page: '50',
        username: (body['user'] as { username: string }).username,
      });
      const list = await get(`${project()}/pipelines?${query}`);
      expect((list.body as unknown as { id: number }[]).map((each) => each.id)).toContain(id);
    });

    test('the list has pages', async () => {
      await trigger(good());
      await trigger(good());
      const { headers, body } = await get(`${project()}/pipelines?per_page=1`);
      expect(body).toHaveLength(1);
      expect(headers.get('x-page')).toBe('1');
      expect(headers.get('x-per-page')).toBe('1');
      expect(headers.get('x-next-page')).toBe('2');
      expect(headers.get('link')).toContain('rel="next"');
      const second = await get(`${project()}/pipelines?per_page=1&page=2`);
      expect(second.headers.get('x-prev-page')).toBe('1');
      expect(second.body).not.toEqual(body);
    });

    test('a filter with an unknown value is refused', async () => {
      const answer = await get(`${project()}/pipelines?status=sleeping`);
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ error: 'status does not have a valid value' });
    });

    test('the pipeline’s variables hold all of the call but the token', async () => {
      const marker = unique();
      const message = { context: { runId: marker }, deep: [{ a: null }] };
      const { body } = await trigger({
        ...good(),
        variables: { CONTRACT: marker },
        port_payload: message,
      });
      const answer = await get(`${project()}/pipelines/${body['id'] as number}/variables`);
      expect(answer.status).toBe(200);
      const variables = answer.body as unknown as { key: string; variable_type: string; value: string }[];
      expect(variables).toContainEqual(
        expect.objectContaining({ key: 'CONTRACT', variable_type: 'env_var', value: marker }),
      );
      const file = variables.find(({ key }) => key === 'TRIGGER_PAYLOAD');
      expect(file?.variable_type).toBe('file');
      expect(JSON.parse(file?.value ?? '{}')).toEqual({
        id: target().projectPath,
        ref: target().ref,
        variables: { CONTRACT: marker },
        port_payload: message,
      });
    });

    test('the jobs of a pipeline are listed', async () => {
      const { body } = await trigger(good());
      const jobs = await get(`${project()}/pipelines/${body['id'] as number}/jobs`);
      expect(jobs.status).toBe(200);
      expect((jobs.body as unknown as { pipeline: object }[])[0]?.pipeline).toMatchObject({ id: body['id'] });
    });

    test('the latest pipeline of a ref, and of none', async () => {
      const { body } = await trigger(good());
      const latest = await get(`${project()}/pipelines/latest?ref=${encodeURIComponent(target().ref)}`);
      expect(latest.status).toBe(200);
      expect(latest.body['id']).toBe(body['id']);
      const none = await get(`${project()}/pipelines/latest?ref=${unique()}`);
      expect(none.status).toBe(403);
    });

    test('an unknown pipeline is not found, in words of its own', async () => {
      const answer = await get(`${project()}/pipelines/999999999`);
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual({ message: '404 Not found' });
    });

    test('the project and the version are told', async () => {
      const answer = await get(project());
      expect(answer.body).toMatchObject({
        id: expect.any(Number),
        path_with_namespace: target().projectPath,
        default_branch: expect.any(String),
      });
      expect((await get('/version')).body).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+/) });
    });

    test('a token that GitLab does not know is unauthorized', async () => {
      const { status, body } = await call(project(), { headers: { authorization: 'Bearer glpat-nonsense' } });
      expect(status).toBe(401);
      expect(body['message'] ?? body['error']).toMatch(/401 Unauthorized|invalid_token/);
    });
  });
}

function formOf(fields: [string, string][]): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}
