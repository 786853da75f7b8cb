/** Several sources: what variables name, and the sum of all. */
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { describeTrust, readTrust, type Trust } from '../../../http/trust/trust.js';
import type { TrustSources } from '../../../http/trust/trust-sources.js';
import { createTestCa } from '../../../local/parts/test-ca.js';
import { LOCAL, newDirectory, put, sources } from './stage.js';

const DAY_MS = 86_400_000;
const root = createTestCa('Corp Root CA');
const other = createTestCa('Other Root CA');
const leaf = root.issue(LOCAL);
const expired = createTestCa('Old CA', { notAfter: new Date('2024-01-31T12:00:00Z') });

const names = ({ extra }: Trust) => extra.map(({ subject }) => subject);

describe('what variables name', () => {
  const missing = '/no/such/file.pem';
  const directory = () => newDirectory();
  const bundle = (path: string) => ({ bundle: { variable: 'CURL_CA_BUNDLE', path } });

  test.each<[string, () => Partial<TrustSources>, 'problems' | 'warnings', RegExp[]]>([
    [
      'a bundle that is missing',
      () => bundle(missing),
      'problems',
      [/^CURL_CA_BUNDLE names \/no\/such\/file.pem, which does not exist$/],
    ],
    [
      'a bundle without a certificate',
      () => bundle(put(directory(), 'x', 'hello')),
      'problems',
      [/^CURL_CA_BUNDLE names \S+, which holds no certificate in PEM form$/],
    ],
    [
      'a bundle that is an empty directory',
      () => bundle(directory()),
      'problems',
      [/^CURL_CA_BUNDLE names \S+, a directory without \*.crt, \*.pem or \*.cer files$/],
    ],
    [
      'a bundle that is a device',
      () => bundle('/dev/null'),
      'problems',
      [/^CURL_CA_BUNDLE names \/dev\/null, which is neither a file nor a directory$/],
    ],
    ['a bundle with certificates', () => bundle(put(directory(), 'x', root.caPem)), 'problems', []],
    [
      'only a bundle, and none',
      () => ({ bundleOnly: true }),
      'problems',
      [/^nothing but the bundle is to be trusted, but neither REQUESTS_CA_BUNDLE nor CURL_CA_BUNDLE is set$/],
    ],
    [
      'only a bundle, and no anchor in it',
      () => ({
        ...bundle(put(directory(), 'x', leaf.certPem)),
        bundleOnly: true,
      }),
      'problems',
      [/^nothing but .*, but \S+, named by CURL_CA_BUNDLE, holds no CA and no self-signed certificate$/],
    ],
    [
      'a file that is missing',
      () => ({ sslCertFile: missing, nodeExtraCaCerts: missing }),
      'warnings',
      [
        /^SSL_CERT_FILE names \/no\/such\/file.pem, which does not exist$/,
        /^NODE_EXTRA_CA_CERTS names \/no\/such\/file.pem, which does not exist$/,
      ],
    ],
    [
      'directories, missing and empty',
      () => ({ sslCertDir: `/no/such:${directory()}` }),
      'warnings',
      [
        /^SSL_CERT_DIR names \/no\/such, which does not exist$/,
        /^SSL_CERT_DIR names \S+, a directory without \*.crt, \*.pem or \*.cer files$/,
      ],
    ],
  ])('%s', (_, given, kind, wanted) => {
    const trust = readTrust(sources(given()));
    expect(trust[kind]).toEqual(wanted.map((pattern) => expect.stringMatching(pattern)));
    if (kind === 'warnings') expect(trust.problems).toEqual([]);
  });
});

describe('the whole', () => {
  test('is the sum of all sources, without what is in several', () => {
    const files = newDirectory();
    const all = { a: root, b: other, c: createTestCa('C'), d: createTestCa('D'), e: createTestCa('E') };
    const [a, b, c, d, e] = Object.entries(all).map(([name, ca]) => put(files, `${name}/x.pem`, ca.caPem));
    put(files, 'b/again.pem', all.a.caPem + all.c.caPem);
    const trust = readTrust(
      sources({
        bundle: { variable: 'REQUESTS_CA_BUNDLE', path: a as string },
        mounted: [path.dirname(b as string)],
        sslCertFile: c as string,
        sslCertDir: path.dirname(d as string),
        nodeExtraCaCerts: e as string,
      }),
    );
    expect(names(trust).sort()).toEqual(['CN=C', 'CN=Corp Root CA', 'CN=D', 'CN=E', 'CN=Other Root CA']);
    expect(trust.pem.length).toBe(rootCertificates.length + 5);
    expect(new Set(trust.pem).size).toBe(trust.pem.length);
  });

  test("the system's roots are trusted, not listed, and not judged", () => {
    const directory = newDirectory();
    const system = put(directory, 'roots.pem', rootCertificates.join('\n') + expired.caPem);
    const bundle = { variable: 'REQUESTS_CA_BUNDLE', path: system };
    const trust = readTrust(sources({ system: ['/no/such/roots.pem', system, '/dev/null'], bundle }));
    expect(trust).toMatchObject({ extra: [], warnings: [], problems: [] });
    expect(trust.pem.length).toBe(rootCertificates.length + 1);
  });

  test('is the bundle alone, if that is asked for', () => {
    const directory = newDirectory();
    const path = put(directory, 'bundle', root.caPem);
    put(directory, 'mounted.crt', other.caPem);
    const trust = readTrust(
      sources({
        bundle: { variable: 'REQUESTS_CA_BUNDLE', path },
        bundleOnly: true,
        mounted: [directory],
        sslCertFile: '/no/such',
      }),
    );
    expect(trust).toMatchObject({ pem: [root.caPem], warnings: [], problems: [] });
    expect(describeTrust(trust)).toMatch(
      /^1 trusted certificate authority and no others: CN=Corp Root CA \(/,
    );
  });

  test('is described in one line', () => {
    const directory = newDirectory();
    const until = { notAfter: new Date('2031-02-03T04:05:06Z') };
    expect(describeTrust(readTrust(sources({})))).toBe('no extra certificate authorities');
    put(directory, 'a.crt', createTestCa('A', until).caPem);
    put(directory, 'b.crt', createTestCa('B', until).caPem);
    expect(describeTrust(readTrust(sources({ mounted: [directory] })))).toBe(
      `2 extra certificate authorities: CN=A (until 2031-02-03, ${directory}/a.crt), CN=B (until 2031-02-03, ${directory}/b.crt)`,
    );
    for (let n = 0; n < 20; n += 1) put(directory, `c${n}.crt`, createTestCa(`C${n}`, until).caPem);
    expect(describeTrust(readTrust(sources({ mounted: [directory] })))).toMatch(/^22 extra .*, and 2 more$/);
  });

  test('dates are judged as of the moment given', () => {
    const file = put(newDirectory(), 'x', root.caPem);
    const in60Days = new Date(Date.now() + 60 * DAY_MS);
    expect(readTrust(sources({ sslCertFile: file })).warnings).toEqual([]);
    expect(readTrust(sources({ sslCertFile: file }), in60Days).warnings).toEqual([
      expect.stringContaining('CN=Corp Root CA expired on'),
    ]);
  });
});
