import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCodecServerConfig } from '../../config/codec-server.js';
import { ConfigurationError } from '../../config/config.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { BASE, TOKEN, UI } from './server.js';

const folder = mkdtempSync(join(tmpdir(), 'codec-server-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ca = createTestCa('Test CA');
const [one, other] = ['one', 'other'].map((commonName) => ca.issue({ commonName, dnsNames: ['localhost'] }));
const expired = ca.issue({ commonName: 'expired', notAfter: new Date('2025-01-31T00:00:00Z') });

function file(name: string, content = ''): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const certFile = file('cert.pem', one?.certPem);
const keyFile = file('key.pem', one?.keyPem);
const tls = (cert: string, key: string) => ({
  CODEC_SERVER_TLS_CERT_PATH: cert,
  CODEC_SERVER_TLS_KEY_PATH: key,
});

function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadCodecServerConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

test('nothing of Port or Kafka is needed, and the rest has its defaults', () => {
  const { codecKeys, network: _, ...config } = loadCodecServerConfig({ ...BASE, CODEC_SERVER_PORT: '' });
  expect(codecKeys.map(({ id }) => id)).toEqual(['k1']);
  expect(config).toEqual({
    port: 8888,
    allowedOrigins: [UI],
    namespaces: ['default'],
    sharedToken: TOKEN,
    encodes: false,
    logLevel: 'info',
    notices: [],
    warnings: [expect.stringMatching(/speaks plain HTTP.*CODEC_SERVER_TLS_CERT_PATH/)],
  });
});

test("the namespace is the agent's, unless others are named", () => {
  const agent = { ...BASE, TEMPORAL_NAMESPACE: 'prod' };
  expect(loadCodecServerConfig(agent).namespaces).toEqual(['prod']);
  expect(loadCodecServerConfig({ ...agent, CODEC_SERVER_NAMESPACES: 'a, b' }).namespaces).toEqual(['a', 'b']);
});

test('with an issuer, the log says how it is reached', () => {
  const { issuer, notices } = loadCodecServerConfig({
    ...BASE,
    CODEC_SERVER_OIDC_ISSUER: 'https://login.corp',
    CODEC_SERVER_OIDC_AUDIENCE: 'codec',
    CODEC_SERVER_OIDC_CLAIM: 'groups=platform',
  });
  expect(issuer).toEqual({
    url: 'https://login.corp',
    audience: 'codec',
    claim: { name: 'groups', value: 'platform' },
  });
  expect(notices).toContainEqual(expect.stringMatching(/^proxies: /));
});

test('with a certificate there is no warning, unless it has expired', () => {
  expect(loadCodecServerConfig({ ...BASE, ...tls(certFile, keyFile) })).toMatchObject({
    tls: { certFile, keyFile },
    warnings: [],
  });
  const old = tls(file('old.pem', expired.certPem), file('old-key.pem', expired.keyPem));
  expect(loadCodecServerConfig({ ...BASE, ...old }).warnings).toEqual([
    expect.stringMatching(/CN=expired in .*old\.pem expired on 2025-01-31: renew it/),
  ]);
});

const mistakes: [string, Record<string, string>, RegExp][] = [
  ['no keys', { CODEC_KEYS: '' }, /^CODEC_KEYS is missing: give the codec server the same keys/],
  ['damaged keys', { CODEC_KEYS: 'k1:short' }, /^CODEC_KEYS has under "k1" no 32 bytes/],
  [
    'no origin',
    { CODEC_SERVER_ALLOWED_ORIGINS: '' },
    /^CODEC_SERVER_ALLOWED_ORIGINS is missing: give the origin/,
  ],
  [
    'nobody who may read',
    { CODEC_SERVER_TOKEN: '' },
    /^CODEC_SERVER_TOKEN or CODEC_SERVER_OIDC_ISSUER is missing/,
  ],
  [
    'an issuer without an audience',
    { CODEC_SERVER_OIDC_ISSUER: 'https://login.corp' },
    /^CODEC_SERVER_OIDC_AUDIENCE is missing: set it to the audience/,
  ],
  [
    'a claim without an issuer',
    { CODEC_SERVER_OIDC_CLAIM: 'groups=platform' },
    /^CODEC_SERVER_OIDC_ISSUER is missing: CODEC_SERVER_OIDC_CLAIM would have no effect$/,
  ],
  [
    'a certificate without a key',
    { CODEC_SERVER_TLS_CERT_PATH: certFile },
    /^CODEC_SERVER_TLS_KEY_PATH is missing: TLS needs/,
  ],
  [
    'a certificate that is not there',
    tls(join(folder, 'no.pem'), keyFile),
    /^CODEC_SERVER_TLS_CERT_PATH: .*no\.pem does not exist$/,
  ],
  [
    'a key in its place',
    tls(keyFile, keyFile),
    /^CODEC_SERVER_TLS_CERT_PATH: .* does not begin with a certificate in PEM form$/,
  ],
  [
    'a key of another certificate',
    tls(certFile, file('other.pem', other?.keyPem)),
    /^CODEC_SERVER_TLS_CERT_PATH: the first certificate in .* does not belong to the key in .*other\.pem$/,
  ],
  [
    'a key that is none',
    tls(certFile, file('none.pem', 'BEGIN')),
    /^CODEC_SERVER_TLS_CERT_PATH: .*none\.pem holds no private key/,
  ],
  ['a folder of secrets that is not there', { SECRETS_DIR: join(folder, 'none') }, /^SECRETS_DIR names /],
  [
    'a bundle that is not there',
    { REQUESTS_CA_BUNDLE: join(folder, 'none.crt') },
    /^REQUESTS_CA_BUNDLE names /,
  ],
];

test.each(mistakes)('%s is told, with a remedy', (_, environment, problem) => {
  expect(problemsOf({ ...BASE, ...environment })).toEqual([expect.stringMatching(problem)]);
});

test('all mistakes are told at once, and no value with them', () => {
  const problems = problemsOf({
    CODEC_KEYS: 'a-key-without-an-id',
    CODEC_SERVER_TOKEN: 'short-secret',
    CODEC_SERVER_ALLOWED_ORIGINS: '*',
    CODEC_SERVER_TLS_KEY_PATH: keyFile,
  });
  expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
    'CODEC_KEYS',
    'CODEC_SERVER_ALLOWED_ORIGINS',
    'CODEC_SERVER_TLS_CERT_PATH',
    'CODEC_SERVER_TOKEN',
  ]);
  expect(problems.join()).not.toMatch(/a-key-without-an-id|short-secret/);
});
