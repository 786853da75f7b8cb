import { connect } from 'node:net';
import { ConfigurationError } from '../../config/config.js';
import { Health } from '../../telemetry/health.js';
import { type HealthServer, startHealthServer } from '../../telemetry/health-server.js';

const servers: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function setup() {
  let clock = Date.parse('2026-11-21T12:00:00Z');
  const health = new Health(() => clock);
  const server = await startHealthServer(health, 0);
  servers.push(server);
  return {
    health,
    server,
    advance: (ms: number): void => {
      clock += ms;
    },
    ask: (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method }),
  };
}

describe('/readyz', () => {
  test('answers 200 when everything is up', async () => {
    const { ask } = await setup();
    const answer = await ask('/readyz');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toEqual({ status: 'ready', reasons: [] });
  });

  test('answers 503 with the reasons, and with notes where there are any', async () => {
    const { ask, health } = await setup();
    health.part('temporal', 'start it');
    health.note('mapping file').down('mend it');
    const answer = await ask('/readyz');
    expect(answer.status).toBe(503);
    const since = '2026-11-21T12:00:00.000Z';
    expect(await answer.json()).toEqual({
      status: 'not ready',
      reasons: [{ part: 'temporal', reason: 'start it', since }],
      notes: [{ part: 'mapping file', reason: 'mend it', since }],
    });
  });
});

describe('/livez', () => {
  test('answers 200 although something is away', async () => {
    const { ask, health } = await setup();
    health.part('temporal', 'away');
    const answer = await ask('/livez');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'live', reasons: [] });
  });

  test('answers 503 when a loop stands still', async () => {
    const { ask, health, advance } = await setup();
    health.loop('kafka');
    advance(300_001);
    const answer = await ask('/livez');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ status: 'not live', reasons: [{ part: 'kafka' }] });
  });
});

test('HEAD gets the status without the body', async () => {
  const { ask, health } = await setup();
  health.part('temporal', 'away');
  const answer = await ask('/readyz', 'HEAD');
  expect(answer.status).toBe(503);
  expect(await answer.text()).toBe('');
});

test('a query does no harm', async () => {
  const { ask } = await setup();
  expect((await ask('/livez?verbose')).status).toBe(200);
});

test.each(['/', '/healthz', '/readyz/', '/metrics', '/livez/../livezz'])(
  '%s is answered 404 with the paths there are',
  async (path) => {
    const answer = await (await setup()).ask(path);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toMatch(/\/livez and \/readyz/);
  },
);

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is answered 405', async (method) => {
  const answer = await (await setup()).ask('/readyz', method);
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET, HEAD');
});

test('what is no HTTP is turned away, and does no harm', async () => {
  const { ask, server } = await setup();
  const socket = connect(server.port, '127.0.0.1').end('\u0016\u0003\u0001 no HTTP\r\n\r\n');
  const answered: string[] = [];
  for await (const chunk of socket) answered.push(String(chunk));
  expect(answered.join('')).toMatch(/^HTTP\/1\.1 400 /);
  expect((await ask('/livez')).status).toBe(200);
});

test('a close does not wait for connections that are kept', async () => {
  const { ask, server } = await setup();
  await ask('/livez');
  await server.close();
  await expect(ask('/livez')).rejects.toThrow();
});

test('a port that is taken is a mistake of the configuration, told by the name of its variable', async () => {
  const { server, health } = await setup();
  const second = startHealthServer(health, server.port);
  await expect(second).rejects.toThrow(ConfigurationError);
  await expect(second).rejects.toThrow(
    /HEALTH_PORT names a port that another process has; choose a free one/,
  );
});
