/** What the anchors do in real TLS connections: the facts that the warnings rest on. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { secureContextOf } from '../../../http/trust/secure-context.js';
import { readTrust } from '../../../http/trust/trust.js';
import { createSelfSigned, createTestCa, type IssuedCertificate } from '../../../local/parts/test-ca.js';
import { handshake, LOCAL, newDirectory, put, sources } from './stage.js';

const root = createTestCa('root');
const other = createTestCa('other');
const intermediate = root.issueCa('intermediate');
const direct = root.issue(LOCAL);
const below = intermediate.issue(LOCAL);
const chained: IssuedCertificate = { ...below, certPem: below.certPem + intermediate.caPem };
const selfSigned = createSelfSigned(LOCAL);
const expired = createTestCa('expired', { notAfter: new Date(Date.now() - 1000) });

const contextFor = (content: string) => {
  const trust = readTrust(sources({ mounted: [mountOf(content)] }));
  return secureContextOf(trust);
};
const mountOf = (content: string) => {
  const directory = newDirectory();
  put(directory, 'ca.crt', content);
  return directory;
};

test.each<[string, IssuedCertificate, string, string]>([
  ['a root vouches for its servers', direct, root.caPem, 'trusted'],
  ['without the root they are refused', direct, other.caPem, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['a root vouches through an intermediate', chained, root.caPem, 'trusted'],
  ['an intermediate alone is not enough', chained, intermediate.caPem, 'UNABLE_TO_GET_ISSUER_CERT'],
  ['an intermediate that the server leaves out', below, root.caPem, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['can be mounted beside the root', below, root.caPem + intermediate.caPem, 'trusted'],
  ['a self-signed certificate vouches for its server', selfSigned, selfSigned.certPem, 'trusted'],
  ['a certificate that a CA issued does not', direct, direct.certPem, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['a root that has expired is named as such', expired.issue(LOCAL), expired.caPem, 'CERT_HAS_EXPIRED'],
  [
    'a root behind one that is cut off counts',
    direct,
    `${other.caPem.slice(0, 99)}\n${root.caPem}`,
    'trusted',
  ],
  ['a root with indented lines counts', direct, root.caPem.replace(/^/gm, '  '), 'trusted'],
  ['a root that touches the one before counts', direct, other.caPem.trim() + root.caPem, 'trusted'],
])('%s', async (_, server, content, outcome) => {
  expect(await handshake(server, contextFor(content))).toBe(outcome);
});

test("extra anchors leave Node's own roots trusted", () => {
  const { pem } = readTrust(sources({ mounted: [mountOf(root.caPem)] }));
  expect(pem).toEqual(expect.arrayContaining([...rootCertificates, root.caPem]));
});

test('no anchor at all means that nobody is trusted', async () => {
  const trust = readTrust(sources({ bundleOnly: true }));
  expect(trust.pem).toEqual([]);
  expect(await handshake(selfSigned, secureContextOf(trust))).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
});

test('a certificate trusted for e-mail alone does not vouch for servers', async () => {
  const marked = Buffer.concat([
    new X509Certificate(root.caPem).raw,
    Buffer.from('300c300a06082b06010505070304', 'hex'),
  ]).toString('base64');
  const pem = `-----BEGIN TRUSTED CERTIFICATE-----\n${marked}\n-----END TRUSTED CERTIFICATE-----\n`;
  expect(await handshake(direct, contextFor(pem))).toBe('INVALID_PURPOSE');
});

test('one trust and one client certificate have one context', () => {
  const [trust, another] = [readTrust(sources({})), readTrust(sources({}))];
  const certificate = { cert: direct.certPem, key: direct.keyPem };
  const context = secureContextOf(trust);
  expect(secureContextOf(trust)).toBe(context);
  expect(secureContextOf(another)).not.toBe(context);
  expect(secureContextOf(trust, certificate)).not.toBe(context);
  expect(secureContextOf(trust, certificate)).toBe(secureContextOf(trust, certificate));
});

test('150 certificates are read quickly', () => {
  const system = put(newDirectory(), 'roots.pem', rootCertificates.join('\n') + root.caPem);
  const started = performance.now();
  readTrust(sources({ system: [system], mounted: [mountOf(intermediate.caPem)] }));
  expect(performance.now() - started).toBeLessThan(5000); // 60 ms on an idle machine
});
