import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportSPKI } from 'jose';
import { createTestCa } from '../../local/parts/test-ca.js';
import { AUDIENCE, newSigningKey, type OidcIssuer, type SigningKey, startOidcIssuer } from './oidc-issuer.js';
import { CODEC_KEYS, startCodecServer, type TestCodecServer, TOKEN, written } from './server.js';

const ca = createTestCa('Issuer CA');
const folder = mkdtempSync(join(tmpdir(), 'issuer-'));
const bundle = join(folder, 'ca.pem');
writeFileSync(bundle, ca.caPem);
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const stop of undo.splice(0).reverse()) await stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

let first: SigningKey;
let second: SigningKey;
beforeAll(async () => {
  first = await newSigningKey('first');
  second = await newSigningKey('second');
});

async function startIssuer(): Promise<OidcIssuer> {
  const issuer = await startOidcIssuer(ca, first);
  undo.push(issuer.server.close);
  return issuer;
}

async function start(issuer: OidcIssuer, environment: Record<string, string> = {}): Promise<TestCodecServer> {
  const server = await startCodecServer({
    CODEC_SERVER_TOKEN: '',
    CODEC_SERVER_OIDC_ISSUER: issuer.url,
    CODEC_SERVER_OIDC_AUDIENCE: AUDIENCE,
    REQUESTS_CA_BUNDLE: bundle,
    ...environment,
  });
  undo.push(server.stop);
  return server;
}

async function ask(server: TestCodecServer, token: string): Promise<{ status: number; message?: string }> {
  const answer = await fetch(`${server.url}/decode`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-Namespace': 'default',
      Authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ payloads: [await written('plain', CODEC_KEYS)] }),
  });
  const { message } = (await answer.json()) as { message?: string };
  return { status: answer.status, ...(message !== undefined && { message }) };
}

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a token of the issuer may read, and the log has its subject', async () => {
  const issuer = await startIssuer();
  const server = await start(issuer);
  const token = await issuer.tokenOf();
  expect(await ask(server, token)).toEqual({ status: 200 });
  expect(JSON.parse(await server.logged('"decoded"'))).toMatchObject({ who: 'user ada' });
  expect(server.log.join('')).not.toContain(token);
  expect(await ask(server, token)).toEqual({ status: 200 });
  // Document and keys are fetched once.
  expect(issuer.server.journal.map(({ path }) => path)).toEqual([
    '/.well-known/openid-configuration',
    '/keys',
  ]);
});

test('a shared token counts beside the issuer', async () => {
  const issuer = await startIssuer();
  const server = await start(issuer, { CODEC_SERVER_TOKEN: TOKEN });
  expect((await ask(server, TOKEN)).status).toBe(200);
  expect((await ask(server, await issuer.tokenOf())).status).toBe(200);
  expect((await ask(server, `${TOKEN}x`)).status).toBe(401);
});

test('an issuer may be written with a slash at its end, and name itself so', async () => {
  const issuer = await startIssuer();
  issuer.document = { issuer: `${issuer.url}/` };
  const server = await start(issuer, { CODEC_SERVER_OIDC_ISSUER: `${issuer.url}/` });
  expect((await ask(server, await issuer.tokenOf({ claims: { iss: `${issuer.url}/` } }))).status).toBe(200);
  expect((await ask(server, await issuer.tokenOf())).status).toBe(401);
});

describe('refused with 401, and told apart in the log', () => {
  type Forge = (issuer: OidcIssuer) => Promise<string>;
  const claims =
    (changed: Record<string, unknown>): Forge =>
    (issuer) =>
      issuer.tokenOf({ claims: changed });
  const refused: [string, Forge, RegExp][] = [
    ['another audience', claims({ aud: 'temporal-ui' }), /"aud"/],
    ['no audience', claims({ aud: undefined }), /"aud"/],
    ['another issuer', claims({ iss: 'https://evil.corp' }), /"iss"/],
    ['one that has expired', claims({ exp: inSeconds(-60) }), /"exp"/],
    ['one without an end', claims({ exp: undefined }), /"exp"/],
    ['one that is not valid yet', claims({ nbf: inSeconds(600) }), /"nbf"/],
    [
      'a key of somebody else under the same id',
      (issuer) => issuer.tokenOf({ key: { ...second, kid: 'first' } }),
      /signature/,
    ],
    ['a key that the issuer does not have', (issuer) => issuer.tokenOf({ key: second }), /no applicable key/],
    [
      'no signature (alg none)',
      async (issuer) =>
        `${part({ alg: 'none' })}.${part({ iss: issuer.url, aud: AUDIENCE, sub: 'ada', exp: inSeconds(600) })}.`,
      /value not allowed/,
    ],
    [
      'a signature made with the public key as a secret (HS256)',
      async (issuer) => {
        const signed = `${part({ alg: 'HS256', kid: 'first' })}.${part({ iss: issuer.url, aud: AUDIENCE, sub: 'ada', exp: inSeconds(600) })}`;
        const secret = await exportSPKI(first.publicKey);
        return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      },
      /value not allowed/,
    ],
    [
      'changed claims',
      async (issuer) => {
        const [header, , signature] = (await issuer.tokenOf()).split('.');
        const changed = part({ iss: issuer.url, aud: AUDIENCE, sub: 'eve', exp: inSeconds(600) });
        return `${header}.${changed}.${signature}`;
      },
      /signature/,
    ],
    ['what is no token', async () => 'no-token-at-all', /Invalid/],
  ];
  test.each(refused)('%s', async (_, forge, why) => {
    const issuer = await startIssuer();
    const server = await start(issuer);
    const token = await forge(issuer);
    expect(await ask(server, token)).toEqual({ status: 401, message: 'this token is not accepted' });
    const line = await server.logged('refused');
    expect(JSON.parse(line)).toMatchObject({ status: 401, why: expect.stringMatching(why) as unknown });
    expect(line).not.toContain(token.split('.').at(-1) || token);
  });
});

describe('where a claim is asked for', () => {
  const cases: [string, Record<string, unknown>, number][] = [
    ['groups=platform', { groups: ['dev', 'platform'] }, 200],
    ['groups=platform', { groups: 'platform' }, 200],
    ['groups=platform', { groups: ['platforms', 'dev'] }, 403],
    ['groups=platform', {}, 403],
    ['groups=platform', { groups: { platform: true } }, 403],
    ['realm_access.roles=reader', { realm_access: { roles: ['reader'] } }, 200],
    ['realm_access.roles=reader', { realm_access: { roles: [] } }, 403],
    ['https://corp/role=reader', { 'https://corp/role': 'reader' }, 200],
    ['admin=true', { admin: true }, 200],
    ['constructor.name=Object', {}, 403],
  ];
  test.each(cases)('%s: %j gets %i', async (claim, claims, status) => {
    const issuer = await startIssuer();
    const server = await start(issuer, { CODEC_SERVER_OIDC_CLAIM: claim });
    expect((await ask(server, await issuer.tokenOf({ claims }))).status).toBe(status);
  });
});

describe('when the issuer is away', () => {
  test('a token can not be checked: 503, and neither accepted nor called wrong', async () => {
    const issuer = await startIssuer();
    await issuer.server.refuse();
    const server = await start(issuer);
    const token = await issuer.tokenOf();
    const { status, message } = await ask(server, token);
    expect([status, message]).toEqual([503, expect.stringMatching(/issuer is away; try again later/)]);
    expect(JSON.parse(await server.logged('refused'))).toMatchObject({
      why: expect.stringMatching(/127\.0\.0\.1.*ECONNREFUSED/) as unknown,
    });
    expect(server.health.readiness()).toMatchObject({ isGood: true, notes: [{ part: 'issuer of tokens' }] });
    await issuer.server.listen();
    expect(await ask(server, token)).toEqual({ status: 200 });
    expect(server.health.readiness().notes).toEqual([]);
  });

  test('the keys last seen count, also when they would be fetched anew', async () => {
    const issuer = await startIssuer();
    const server = await start(issuer);
    expect((await ask(server, await issuer.tokenOf())).status).toBe(200);
    await issuer.server.refuse();
    inAnHour();
    expect((await ask(server, await issuer.tokenOf())).status).toBe(200);
    // Who signed with a key never seen may be the issuer.
    expect((await ask(server, await issuer.tokenOf({ key: second }))).status).toBe(503);
    // A wrong signature is wrong all the same.
    const forged = await issuer.tokenOf({ key: { ...second, kid: 'first' } });
    expect((await ask(server, forged)).status).toBe(401);
  });

  test.each([
    ['answers with an error', { status: 500, body: 'no' }],
    ['answers with a page', { status: 200, body: '<html>' }],
    ['answers with something else', { status: 200, body: 'null' }],
  ])('%s', async (_, response) => {
    const issuer = await startIssuer();
    const server = await start(issuer);
    const undoFault = issuer.server.inject({ kind: 'respond', response });
    expect((await ask(server, await issuer.tokenOf())).status).toBe(503);
    undoFault();
    expect((await ask(server, await issuer.tokenOf())).status).toBe(200);
  });
});

test.each([
  ['names another issuer', { issuer: 'https://evil.corp' }],
  ['has its keys on plain HTTP', { jwks_uri: 'http://127.0.0.1/keys' }],
  ['has no keys', { jwks_uri: undefined }],
])('an issuer whose document %s is not believed', async (_, document) => {
  const issuer = await startIssuer();
  issuer.document = document;
  const server = await start(issuer);
  expect((await ask(server, await issuer.tokenOf())).status).toBe(503);
  expect(await server.logged("the issuer of tokens can't be used")).toContain('CODEC_SERVER_OIDC_ISSUER');
});

test('an issuer whose certificate is not trusted is not believed', async () => {
  const issuer = await startIssuer();
  const server = await start(issuer, { REQUESTS_CA_BUNDLE: '' });
  expect((await ask(server, await issuer.tokenOf())).status).toBe(503);
  expect(await server.logged('refused')).toContain('TLS');
});

test('a key that the issuer has replaced counts no more, and the new one does, without a restart', async () => {
  const issuer = await startIssuer();
  const server = await start(issuer);
  expect((await ask(server, await issuer.tokenOf())).status).toBe(200);
  issuer.keys = [second];
  inAnHour();
  expect((await ask(server, await issuer.tokenOf({ key: second }))).status).toBe(200);
  expect((await ask(server, await issuer.tokenOf())).status).toBe(401);
});

/** Later than the keys are kept without a look at the issuer's; only the date changes, and no timer. */
function inAnHour(): void {
  jest.useFakeTimers({
    now: Date.now() + 3_600_000,
    doNotFake: [
      ...(['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'] as const),
      ...(['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] as const),
    ],
  });
}
