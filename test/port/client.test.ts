import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { createOutbound } from '../../http/outbound.js';
import {
  type PortSimulator,
  type PortSimulatorOptions,
  startPortSimulator,
} from '../../local/simulators/port.js';
import { forLog, PortClient, PortError } from '../../port/client.js';
import { WEBHOOK } from '../local/simulators/port-fixtures.js';
import { testNetwork } from '../support/network.js';

const CLIENT_ID = 'planted-client-id';
const CLIENT_SECRET = 'planted-client-secret-of-some-length';
const KAFKA = { brokers: ['a:9196', 'b:9196'], username: 'user', password: 'password' };
const TOKEN_PATH = '/v1/auth/access_token';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Setup {
  port: PortSimulator;
  client: PortClient;
  /** How many tokens were asked for. */
  tokens(): number;
  openRun(): Promise<string>;
}

async function setup(options: Partial<PortSimulatorOptions> = {}, now?: () => number): Promise<Setup> {
  const port = await startPortSimulator({
    orgId: 'org_1',
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    kafka: KAFKA,
    actions: [WEBHOOK],
    ...options,
  });
  closers.push(() => port.close());
  return {
    port,
    client: clientOf(port.url, {}, now),
    tokens: () => port.journal.filter(({ path }) => path === TOKEN_PATH).length,
    openRun: () => port.trigger(WEBHOOK.identifier, { properties: { region: 'eu' } }),
  };
}

function clientOf(apiUrl: string, changes: { clientSecret?: string } = {}, now?: () => number): PortClient {
  const outbound = createOutbound({
    network: testNetwork(),
    verifyTls: true,
    keepAlive: true,
    followRedirects: false,
    userAgent: 'test',
  });
  closers.push(() => outbound.close());
  return new PortClient(
    { apiUrl, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, ...changes },
    outbound,
    now,
  );
}

async function refusal(call: Promise<unknown>): Promise<PortError> {
  const error = await call.then(
    () => new Error('it was not refused'),
    (e) => e,
  );
  expect(error).toBeInstanceOf(PortError);
  return error;
}

describe('the token', () => {
  test('is fetched once for many calls at the same time, and kept', async () => {
    const { client, openRun, tokens } = await setup();
    const runId = await openRun();
    await Promise.all(Array.from({ length: 20 }, () => client.isOpen(runId)));
    expect(tokens()).toBe(1);
    await client.isOpen(runId);
    expect(tokens()).toBe(1);
  });

  test('is renewed once when Port no longer takes it, however many calls learn of that', async () => {
    const { client, port, openRun, tokens } = await setup();
    const runId = await openRun();
    await client.isOpen(runId);
    port.revokeTokens();
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.isOpen(runId)));
    expect(answers).toEqual(Array.from({ length: 20 }, () => true));
    expect(tokens()).toBe(2);
  });

  test('that was renewed is not thrown away by a call that was refused with the old one', async () => {
    const { client, port, openRun, tokens } = await setup();
    const runId = await openRun();
    await client.isOpen(runId);
    port.revokeTokens();
    // The late one is told of the old token only once another call has fetched the new one.
    let letGo = () => {};
    const until = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    port.inject({ kind: 'holdAfter', until, method: 'PATCH', times: 1 });
    const late = client.patchRun(runId, { summary: 'late' });
    await client.isOpen(runId);
    letGo();
    await late;
    expect(tokens()).toBe(2);
  });

  test('is renewed a minute before it expires', async () => {
    let now = Date.parse('2026-11-21T12:00:00Z');
    const { client, openRun, tokens } = await setup({ tokenTtlSeconds: 600 }, () => now);
    const runId = await openRun();
    await client.isOpen(runId);
    now += 539_000;
    await client.isOpen(runId);
    expect(tokens()).toBe(1);
    now += 2000;
    await client.isOpen(runId);
    expect(tokens()).toBe(2);
  });

  test('of a short life is used for more than one call', async () => {
    let now = Date.parse('2026-11-21T12:00:00Z');
    const { client, openRun, tokens } = await setup({ tokenTtlSeconds: 30, now: () => now }, () => now);
    const runId = await openRun();
    await client.isOpen(runId);
    now += 20_000;
    await client.isOpen(runId);
    expect(tokens()).toBe(1);
    now += 20_000; // expired: refused, renewed
    await expect(client.isOpen(runId)).resolves.toBe(true);
    expect(tokens()).toBe(2);
  });

  test('that could not be fetched is asked for again by the next call', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    const path = /access_token/;
    port.inject({ kind: 'respond', response: { status: 503, body: 'down' }, path, times: ATTEMPTS });
    expect((await refusal(client.isOpen(runId))).status).toBe(503);
    await expect(client.isOpen(runId)).resolves.toBe(true);
  });

  test('is missed where Port answers the credentials without one', async () => {
    const { client, port } = await setup();
    port.inject({ kind: 'respond', response: { status: 200, body: { ok: true } }, path: /access_token/ });
    expect((await refusal(client.isOpen('r_1'))).code).toBe('no_token');
  });
});

describe('reporting', () => {
  test('a patch changes the run and a status ends it', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    await client.patchRun(runId, { link: 'https://x', externalRunId: '97', summary: 'so far' });
    expect(port.run(runId)).toMatchObject({ status: 'IN_PROGRESS', link: 'https://x', externalRunId: '97' });
    await client.patchRun(runId, { status: 'FAILURE' });
    expect(port.run(runId)).toMatchObject({ status: 'FAILURE', summary: 'so far' });
  });

  test('a log line is added; with a termination status it ends the run', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    await client.addLog(runId, 'one\ntwo');
    expect(port.run(runId).logs.map(({ message }) => message)).toEqual(['one\ntwo']);
    expect(port.run(runId).status).toBe('IN_PROGRESS');
    await client.addLog(runId, 'end', 'SUCCESS');
    expect(port.run(runId).status).toBe('SUCCESS');
  });

  test.each([['text'], [{ a: 1 }], [['list']], [null]])(
    'the response %j is handed over',
    async (response) => {
      const { client, port, openRun } = await setup();
      const runId = await openRun();
      await client.sendResponse(runId, response);
      expect(port.run(runId).response).toEqual(response);
    },
  );

  test('a run that has ended is refused with the code by which that is known', async () => {
    const { client, openRun } = await setup();
    const runId = await openRun();
    await client.patchRun(runId, { status: 'SUCCESS' });
    expect(await refusal(client.addLog(runId, 'late'))).toMatchObject({ status: 422, code: 'run_exhausted' });
  });

  test.each(['r_../../organization?x=', 'a/b', 'r%2e%2e', 'ü#', 'r_1/logs'])(
    'the id %j reaches the route of runs, and no other',
    async (runId) => {
      const { client, port } = await setup();
      const errors = [
        await refusal(client.patchRun(runId, { status: 'FAILURE' })),
        await refusal(client.addLog(runId, 'x')),
        await refusal(client.sendResponse(runId, null)),
      ];
      expect(errors.map(({ status }) => status)).toEqual([404, 404, 404]);
      await expect(client.isOpen(runId)).resolves.toBe(false);
      const run = `/v1/actions/runs/${encodeURIComponent(runId)}`;
      expect(port.journal.filter(({ path }) => path !== TOKEN_PATH).map(({ path }) => path)).toEqual([
        run,
        `${run}/logs`,
        `${run}/response`,
        run,
      ]);
      expect(port.journal.every(({ query }) => query.size === 0)).toBe(true);
    },
  );
});

describe('asking', () => {
  test('a run is open until it has ended, and when Port does not know it, it is not', async () => {
    const { client, openRun } = await setup();
    const runId = await openRun();
    await expect(client.isOpen(runId)).resolves.toBe(true);
    await client.patchRun(runId, { status: 'FAILURE' });
    await expect(client.isOpen(runId)).resolves.toBe(false);
    await expect(client.isOpen('r_unknown')).resolves.toBe(false);
  });

  test('whether a run is open is not guessed when Port fails', async () => {
    const { client, port } = await setup();
    port.inject({ kind: 'respond', response: { status: 500, body: '' }, path: /runs/ });
    expect((await refusal(client.isOpen('r_1'))).status).toBe(500);
  });

  test('Kafka credentials are what Port hands out', async () => {
    const { client } = await setup();
    await expect(client.kafkaCredentials()).resolves.toEqual(KAFKA);
  });

  test.each([
    ['says nothing of Kafka', { ok: true }],
    ['names no brokers', { ok: true, credentials: { ...KAFKA, brokers: [] } }],
    ['names no user', { ok: true, credentials: { ...KAFKA, username: null } }],
    ['has no password', { ok: true, credentials: { ...KAFKA, password: '' } }],
    ['answers with a list', { ok: true, credentials: [KAFKA] }],
    ['answers with no JSON', '<html>'],
  ])('there are none when Port %s', async (_, body) => {
    const { client, port } = await setup();
    port.inject({ kind: 'respond', response: { status: 200, body }, path: /kafka-credentials/ });
    await expect(client.kafkaCredentials()).resolves.toBeUndefined();
  });

  test('an organization without Kafka has none', async () => {
    const port = await startPortSimulator({ orgId: 'o', clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
    closers.push(() => port.close());
    await expect(clientOf(port.url).kafkaCredentials()).resolves.toBeUndefined();
  });

  test('the base URL may have a path of its own', async () => {
    const paths: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      paths.push(request.url);
      response.end(JSON.stringify({ accessToken: 'token', expiresIn: 600, run: { status: 'IN_PROGRESS' } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const client = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/gateway/port`);
    await expect(client.isOpen('r_1')).resolves.toBe(true);
    expect(paths).toEqual(['/gateway/port/v1/auth/access_token', '/gateway/port/v1/actions/runs/r_1']);
  });
});

describe('refusals', () => {
  test('wrong credentials are refused with what to check', async () => {
    const { port } = await setup();
    const error = await refusal(clientOf(port.url, { clientSecret: 'wrong' }).isOpen('r_1'));
    expect(error).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(error.message).toBe(
      'Port answered 401 unauthorized to POST /v1/auth/access_token: Invalid client credentials. ' +
        'Check PORT_CLIENT_ID and PORT_CLIENT_SECRET, and that PORT_API_BASE_URL is of your region',
    );
  });

  test('a token that is refused twice is not renewed for ever', async () => {
    const { client, port, tokens } = await setup();
    port.inject({ kind: 'respond', response: { status: 401, body: { ok: false } }, path: /runs/ });
    const error = await refusal(client.isOpen('r_1'));
    expect(error).toMatchObject({ status: 401, code: 'http_401' });
    expect(tokens()).toBe(2);
  });

  test('a forbidden call says which credentials are needed', async () => {
    const { client, port } = await setup();
    const body = { ok: false, error: 'forbidden', message: 'IP not whitelisted' };
    port.inject({ kind: 'respond', response: { status: 403, body }, path: /runs/ });
    expect((await refusal(client.isOpen('r_1'))).message).toBe(
      'Port answered 403 forbidden to GET /v1/actions/runs/r_1: IP not whitelisted. ' +
        "Use the credentials of the organization, not of a person, and check Port's list of allowed IP addresses",
    );
  });

  test('for the log, it says all of that but what Port said', async () => {
    const { port } = await setup();
    const error = await refusal(clientOf(port.url, { clientSecret: 'wrong' }).isOpen('r_1'));
    expect(forLog(error)).toBe(
      'Port answered 401 unauthorized to POST /v1/auth/access_token. ' +
        'Check PORT_CLIENT_ID and PORT_CLIENT_SECRET, and that PORT_API_BASE_URL is of your region',
    );
    expect(forLog(new Error('connecting failed'))).toBe('connecting failed');
  });

  test('too many calls are refused with the headers that say when to come back', async () => {
    const { client, openRun } = await setup({ rateLimit: { limit: 1, periodSeconds: 60 } });
    const error = await refusal(client.isOpen(await openRun()));
    expect(error.status).toBe(429);
    expect(Number(error.response.headers['retry-after'])).toBeGreaterThan(0);
  });

  test.each([
    ['no JSON', '<html>bad gateway</html>'],
    ['a list', [1]],
    ['other types', { error: 7, message: { a: 1 } }],
    ['nothing', ''],
  ])('an answer of %s has its status for a code', async (_, body) => {
    const { client, port } = await setup();
    port.inject({ kind: 'respond', response: { status: 502, body }, path: /runs/ });
    const error = await refusal(client.isOpen('r_1'));
    expect(error.code).toBe('http_502');
    expect(error.message).toBe('Port answered 502 http_502 to GET /v1/actions/runs/r_1');
  });

  test('long words of Port are cut', async () => {
    const { client, port } = await setup();
    const body = { error: 'x', message: 'y'.repeat(100_000) };
    port.inject({ kind: 'respond', response: { status: 400, body }, path: /runs/ });
    expect((await refusal(client.isOpen('r_1'))).message.length).toBeLessThan(1000);
  });

  test('no error shows a credential, a token or what was sent, even if all of it is echoed', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    await client.isOpen(runId);
    const token = port.journal.at(-1)?.headers.authorization?.split(' ')[1] ?? 'no token';
    expect(token).toMatch(/\S{40}/);
    const echo = `${CLIENT_SECRET} ${token} planted-summary`;
    const failures = [
      () => port.inject({ kind: 'respond', response: { status: 400, body: { echo } } }),
      () => port.inject({ kind: 'respond', response: { status: 400, body: echo } }),
      () => port.inject({ kind: 'respond', response: { status: 401, body: { error: 'e', echo } } }),
      () => port.inject({ kind: 'dropAfter' }),
    ];
    for (const fail of failures) {
      const heal = fail();
      for (const asking of [client, clientOf(port.url)]) {
        const error = await asking.patchRun(runId, { summary: 'planted-summary' }).catch((e) => e);
        expect(error).toBeInstanceOf(Error);
        const shown = inspect(error, { depth: 10, showHidden: true });
        expect(shown).not.toMatch(/planted/);
        expect(shown).not.toContain(token);
      }
      heal();
    }
  });
});

/** A call is made so often before it is left to Temporal. */
const ATTEMPTS = 3;

describe('a hiccup', () => {
  const RUNS = /actions.runs/;

  test.each([
    ['an error of Port', { kind: 'respond', response: { status: 500 } } as const],
    [
      'a limit that passes soon',
      { kind: 'respond', response: { status: 429, headers: { 'retry-after': '0' } } } as const,
    ],
    ['a lost connection', { kind: 'dropBefore' } as const],
  ])('is smoothed over: %s', async (_, fault) => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    port.inject({ ...fault, path: RUNS, times: ATTEMPTS - 1 });
    await expect(client.isOpen(runId)).resolves.toBe(true);
  });

  test('that lasts is left to whoever called', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    port.inject({ kind: 'respond', response: { status: 500 }, path: RUNS });
    expect((await refusal(client.isOpen(runId))).status).toBe(500);
    expect(port.journal.filter(({ path }) => path.includes(runId))).toHaveLength(ATTEMPTS);
  });

  test('that asks for a long wait is left to whoever called, at once', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    port.inject({ kind: 'respond', response: { status: 429, headers: { 'retry-after': '60' } }, path: RUNS });
    expect((await refusal(client.isOpen(runId))).status).toBe(429);
    expect(port.journal.filter(({ path }) => path.includes(runId))).toHaveLength(1);
  });

  test('after which a log may have been written does not write it twice', async () => {
    const { client, port, openRun } = await setup();
    const runId = await openRun();
    port.inject({ kind: 'dropAfter', method: 'POST', path: /logs$/, times: 1 });
    await expect(client.addLog(runId, 'once')).rejects.toThrow();
    expect(port.run(runId).logs).toHaveLength(1);
  });
});
