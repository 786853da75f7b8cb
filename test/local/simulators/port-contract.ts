/**
 * What Port's API promises to whoever reports on a run: one suite, for the simulator and for the real thing.
 *
 * It needs a run in progress, not synchronized and without an approval, and ends it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface ContractTarget {
  url: string;
  clientId: string;
  clientSecret: string;
  runId: string;
  close?: () => Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a body is whatever came; the assertions say what it must be.
  body: any;
}

/** Asks Port; an object goes out as JSON, a string as it is. */
export async function ask(
  url: string,
  method: string,
  pathAndQuery: string,
  options: { token?: string | undefined; body?: unknown } = {},
): Promise<Answer> {
  const { token, body } = options;
  const response = await fetch(`${url}${pathAndQuery}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

interface Recorded {
  source: string;
  /** The top level holds these keys and no others. */
  exact?: boolean;
  body: unknown;
}

export function recorded(name: string): Recorded {
  return JSON.parse(readFileSync(path.join(__dirname, 'recorded', 'port', `${name}.json`), 'utf8'));
}

/** How `actual` departs from a recorded body: keys it lacks, values of another type. A recorded null is any. */
export function departures(name: string, actual: unknown): string[] {
  const { body, exact } = recorded(name);
  const strange = exact ? Object.keys(Object(actual)).filter((key) => !Object.hasOwn(Object(body), key)) : [];
  return [...strange.map((key) => `${key}: not in the recorded body`), ...compare('', body, actual)];
}

function compare(at: string, expected: unknown, actual: unknown): string[] {
  if (expected === null) return actual === undefined ? [`${at}: missing`] : [];
  if (actual === undefined) return [`${at}: missing`];
  if (typeOf(expected) !== typeOf(actual)) return [`${at}: ${typeOf(actual)}, not ${typeOf(expected)}`];
  if (Array.isArray(expected)) {
    return expected.flatMap((item, index) => compare(`${at}[${index}]`, item, (actual as unknown[])[index]));
  }
  if (typeof expected !== 'object') return [];
  return Object.entries(expected).flatMap(([key, value]) =>
    compare(`${at}.${key}`, value, (actual as Record<string, unknown>)[key]),
  );
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

export function portContract(title: string, start: () => Promise<ContractTarget>): void {
  describe(`${title}: the contract`, () => {
    let target: ContractTarget;
    let token: string;
    const send = (method: string, pathAndQuery: string, body?: unknown): Promise<Answer> =>
      ask(target.url, method, pathAndQuery, { token, body });
    const run = (suffix = ''): string => `/v1/actions/runs/${encodeURIComponent(target.runId)}${suffix}`;
    const login = (body: unknown): Promise<Answer> =>
      ask(target.url, 'POST', '/v1/auth/access_token', { body });

    beforeAll(async () => {
      target = await start();
      const { clientId, clientSecret } = target;
      token = (await login({ clientId, clientSecret })).body.accessToken;
    });
    afterAll(async () => target.close?.());

    function expectRefusal(answer: Answer, status: number, error: string): void {
      expect(answer.status).toBe(status);
      expect(departures('error', answer.body)).toEqual([]);
      expect(answer.body.ok).toBe(false);
      expect(answer.body.error).toBe(error);
    }

    test('the right credentials get a token with its life in seconds', async () => {
      const { clientId, clientSecret } = target;
      const answer = await login({ clientId, clientSecret });
      expect(answer.status).toBe(200);
      expect(departures('access-token', answer.body)).toEqual([]);
      expect(answer.body.expiresIn).toBeGreaterThan(0);
    });

    test('wrong credentials are a 401', async () => {
      const answer = await login({ clientId: target.clientId, clientSecret: 'wrong' });
      expect(answer.status).toBe(401);
      expect(answer.body.ok).toBe(false);
    });

    test('a key more than the credentials is a 422', async () => {
      const { clientId, clientSecret } = target;
      expectRefusal(await login({ clientId, clientSecret, more: 1 }), 422, 'invalid_request');
    });

    test.each([undefined, 'made-up'])('the bearer token %s is a 401, with a trace id', async (wrong) => {
      const answer = await ask(target.url, 'GET', run(), { token: wrong });
      expect(answer.status).toBe(401);
      expect(answer.body.ok).toBe(false);
      expect(typeof answer.body.error).toBe('string');
      expect(answer.headers.get('x-trace-id')).toBeTruthy();
    });

    test('every answer says how much of the rate limit is left', async () => {
      const { headers } = await send('GET', run());
      for (const name of ['period', 'limit', 'remaining', 'reset']) {
        expect(headers.get(`x-ratelimit-${name}`)).toMatch(/^\d+$/);
      }
    });

    test.each(['r_doesNotExist0000', 'r_..%2F..%2Forganization'])('the run %s is a 404', async (id) => {
      expectRefusal(await send('GET', `/v1/actions/runs/${id}`), 404, 'not_found');
      expectRefusal(await send('PATCH', `/v1/actions/runs/${id}`, { statusLabel: 'x' }), 404, 'not_found');
      expectRefusal(await send('POST', `/v1/actions/runs/${id}/logs`, { message: 'x' }), 404, 'not_found');
    });

    test.each(['v1', 'v2'])('a run can be looked up, version %s', async (version) => {
      const answer = await send('GET', run(`?version=${version}`));
      expect(answer.status).toBe(200);
      expect(departures(`run-${version}`, answer.body)).toEqual([]);
      expect(answer.body.run.id).toBe(target.runId);
      expect(answer.body.run.status).toBe('IN_PROGRESS');
    });

    test.each([
      [{ surprise: 1 }],
      [{ status: 'IN_PROGRESS' }],
      [{ status: 'DONE' }],
      [{ statusLabel: 1 }],
      [{ link: [1] }],
    ])('the update %j is a 422', async (body) => {
      expectRefusal(await send('PATCH', run(), body), 422, 'invalid_request');
    });

    test('an update without a status leaves the run in progress', async () => {
      const externalRunId = `contract-${target.runId}`;
      const body = {
        statusLabel: 'half way',
        link: ['https://example.com/1'],
        summary: 'so far',
        externalRunId,
      };
      const answer = await send('PATCH', run('?version=v2'), body);
      expect(answer.status).toBe(200);
      expect(departures('run-v2', answer.body)).toEqual([]);
      const { run: seen } = (await send('GET', run('?version=v2'))).body;
      expect(seen.status).toBe('IN_PROGRESS');
      expect(seen.statusLabel).toBe('half way');
      expect(seen.link).toEqual(['https://example.com/1']);
      const found = await send('GET', `/v1/actions/runs?external_run_id=${externalRunId}&version=v2`);
      expect(found.body.runs.map(({ id }: { id: string }) => id)).toEqual([target.runId]);
    });

    test('a log line is a 201 and shows what was stored', async () => {
      const answer = await send('POST', run('/logs'), { message: 'one line' });
      expect(answer.status).toBe(201);
      expect(departures('run-log', answer.body)).toEqual([]);
      expect(answer.body.runLog.message).toBe('one line');
      expect(answer.body.runLog.runId).toBe(target.runId);
    });

    test.each([
      [{}],
      [{ message: 'x', level: 'INFO' }],
      [{ message: 'x', terminationStatus: 'IN_PROGRESS' }],
    ])('the log line %j is a 422', async (body) => {
      expectRefusal(await send('POST', run('/logs'), body), 422, 'invalid_request');
    });

    test('more than 1 MiB is a 413', async () => {
      const answer = await send('POST', run('/logs'), { message: 'x'.repeat(1024 * 1024) });
      expect(answer.status).toBe(413);
      expect(answer.body.ok).toBe(false);
    });

    test('a run that waits for no approval cannot be approved', async () => {
      const answer = await send('PATCH', run('/approval'), { status: 'APPROVE' });
      expectRefusal(answer, 422, 'run_not_waiting_for_approval');
    });

    test('a log line with a termination status ends the run; after that nothing changes it', async () => {
      const last = { message: 'done', terminationStatus: 'SUCCESS', statusLabel: 'Done' };
      expect((await send('POST', run('/logs'), last)).status).toBe(201);
      const { run: ended } = (await send('GET', run())).body;
      expect(ended.status).toBe('SUCCESS');
      expect(Date.parse(ended.endedAt)).not.toBeNaN();

      expectRefusal(await send('POST', run('/logs'), last), 422, 'run_exhausted');
      expectRefusal(await send('POST', run('/logs'), { message: 'late' }), 422, 'run_exhausted');
      expectRefusal(await send('PATCH', run(), { status: 'FAILURE' }), 422, 'run_exhausted');
      expect((await send('GET', run())).body.run.status).toBe('SUCCESS');
    });
  });
}
