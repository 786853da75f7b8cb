import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { readTrust, type Trust } from '../../../http/trust/trust.js';
import { createSelfSigned, createTestCa } from '../../../local/parts/test-ca.js';
import { asOrdinaryUser, LOCAL, newDirectory, put, sources } from './stage.js';

const root = createTestCa('Corp Root CA');
const other = createTestCa('Other Root CA');
const intermediate = root.issueCa('Corp Issuing CA');
const leaf = root.issue(LOCAL);
const selfSigned = createSelfSigned({ ...LOCAL, commonName: 'small server' });
const expired = createTestCa('Old CA', { notAfter: new Date('2024-01-31T12:00:00Z') });
const coming = createTestCa('New CA', {
  notBefore: new Date('2090-02-01T12:00:00Z'),
  notAfter: new Date('2099-01-01T00:00:00Z'),
});

const der = (pem: string) => new X509Certificate(pem).raw;
const cutOff = (pem: string) => `${pem.slice(0, 200)}\n`;
const garbled = (pem: string) => pem.replace(/\n.{8}/, '\n????????');
/** With the mark "good for TLS servers" behind it. */
const trusted = (pem: string) => {
  const bytes = Buffer.concat([der(pem), Buffer.from('300c300a06082b06010505070301', 'hex')]);
  return `-----BEGIN TRUSTED CERTIFICATE-----\n${bytes.toString('base64')}\n-----END TRUSTED CERTIFICATE-----\n`;
};

const names = ({ extra }: Trust) => extra.map(({ subject }) => subject);

describe('one file among the mounted ones', () => {
  test.each<[string, string | Buffer, string[], string[]]>([
    ['a root', root.caPem, ['CN=Corp Root CA'], []],
    ['two', root.caPem + other.caPem, ['CN=Corp Root CA', 'CN=Other Root CA'], []],
    ['the same twice', root.caPem + root.caPem, ['CN=Corp Root CA'], []],
    ['one marked as trusted', trusted(root.caPem), ['CN=Corp Root CA'], []],
    ['one with and without that mark', root.caPem + trusted(root.caPem), ['CN=Corp Root CA'], []],
    [
      'Windows line ends, comments and a byte order mark',
      Buffer.from(`\uFEFF# CA\r\n${root.caPem}\r\nsubject=x\r\n${other.caPem}`.replace(/\r?\n/g, '\r\n')),
      ['CN=Corp Root CA', 'CN=Other Root CA'],
      [],
    ],
    ['a self-signed certificate of a server', selfSigned.certPem, ['CN=small server'], []],
    [
      'a root and its intermediate',
      intermediate.caPem + root.caPem,
      ['CN=Corp Issuing CA', 'CN=Corp Root CA'],
      [],
    ],
    ["a server's whole chain", leaf.certPem + root.caPem, ['CN=Corp Root CA'], []],
    [
      'a root behind one that is cut off',
      cutOff(other.caPem) + root.caPem,
      ['CN=Corp Root CA'],
      ['is damaged: the CERTIFICATE in line 1 is cut off'],
    ],
    [
      'a root behind a garbled one',
      garbled(other.caPem) + root.caPem,
      ['CN=Corp Root CA'],
      ['is damaged: the certificate in line 1 cannot be read'],
    ],
    [
      'a root and a private key',
      leaf.keyPem + root.caPem,
      ['CN=Corp Root CA'],
      ['holds a private key, which is ignored: it should not lie among trusted certificates'],
    ],
    [
      'an intermediate alone',
      intermediate.caPem,
      ['CN=Corp Issuing CA'],
      [': CN=Corp Issuing CA is an intermediate CA and not enough: mount its root CN=Corp Root CA too'],
    ],
    [
      'a certificate that a CA issued',
      leaf.certPem,
      [],
      [': CN=localhost cannot anchor trust: mount the CA that issued it, CN=Corp Root CA, instead'],
    ],
    ['one that expired', expired.caPem, ['CN=Old CA'], [': CN=Old CA expired on 2024-01-31: renew it']],
    [
      'one that is not valid yet',
      coming.caPem,
      ['CN=New CA'],
      [': CN=New CA is not valid before 2090-02-01: check the clock of this machine'],
    ],
    [
      'binary form',
      der(root.caPem),
      [],
      [
        'is in binary form (DER), which is not read: convert it with openssl x509 -inform der -in FILE -out NAME.crt',
      ],
    ],
    ['text', 'hello', [], ['holds no certificate: -----BEGIN CERTIFICATE----- is not in it']],
    ['nothing', '', [], ['is empty']],
  ])('%s', (_, content, extra, warnings) => {
    const directory = newDirectory();
    const file = put(directory, 'ca.crt', content);
    const trust = readTrust(sources({ mounted: [directory] }));
    expect(names(trust)).toEqual(extra);
    const about = (what: string) => (what.startsWith(':') ? `${file}${what}` : `${file} ${what}`);
    expect(trust.warnings).toEqual(warnings.map((what) => about(what.replace('FILE', file))));
    expect(trust.problems).toEqual([]);
    expect(trust.pem.length).toBe(rootCertificates.length + extra.length);
    expect(JSON.stringify(trust)).not.toContain('PRIVATE KEY-----');
  });
});

describe('directories', () => {
  test('of mounts are read with all below them, and only files with the names of certificates', () => {
    const directory = newDirectory();
    const one = put(directory, 'a/b/one.crt', root.caPem);
    put(directory, 'two.PEM', other.caPem);
    put(directory, 'three.cer', selfSigned.certPem);
    put(directory, 'key.txt', expired.caPem);
    const trust = readTrust(sources({ mounted: [directory] }));
    expect(names(trust)).toEqual(['CN=Corp Root CA', 'CN=small server', 'CN=Other Root CA']);
    expect(trust.extra[0]).toEqual({
      subject: 'CN=Corp Root CA',
      expires: new Date(new X509Certificate(root.caPem).validTo),
      file: one,
      fingerprint: new X509Certificate(root.caPem).fingerprint256,
    });
    expect(trust.warnings).toEqual([]);
  });

  test('need not exist when nobody named them', () => {
    const trust = readTrust(sources({ mounted: [path.join(newDirectory(), 'none')] }));
    expect([trust.extra, trust.warnings, trust.problems]).toEqual([[], [], []]);
  });

  test('as Kubernetes mounts them are read once, through their links', () => {
    const directory = newDirectory();
    put(directory, '..2024_05_01/ca.crt', cutOff(root.caPem) + root.caPem);
    symlinkSync('..2024_05_01', path.join(directory, '..data'));
    symlinkSync('..data/ca.crt', path.join(directory, 'ca.crt'));
    const trust = readTrust(sources({ mounted: [directory] }));
    expect(trust.extra.map(({ file }) => file)).toEqual([path.join(directory, 'ca.crt')]);
    expect(trust.warnings.length).toBe(1);
  });

  test('with links in a circle, or to nothing, come to an end', () => {
    const directory = newDirectory();
    const file = put(directory, 'deep/ca.crt', root.caPem);
    symlinkSync('..', path.join(directory, 'deep/up'));
    symlinkSync('b.crt', path.join(directory, 'a.crt'));
    symlinkSync('a.crt', path.join(directory, 'b.crt'));
    symlinkSync('gone', path.join(directory, 'c.crt'));
    const trust = readTrust(sources({ mounted: [directory] }));
    expect(trust.extra.map((anchor) => anchor.file)).toEqual([file]);
    expect(trust.warnings).toEqual([
      `${directory}/a.crt is a symbolic link that leads back to itself`,
      `${directory}/b.crt is a symbolic link that leads back to itself`,
      `${directory}/c.crt is a symbolic link to nothing`,
    ]);
  });

  test('of OpenSSL need not be hashed, and when they are, each file is read once', () => {
    const [hashed, plain] = [newDirectory(), newDirectory()];
    put(hashed, 'old.pem', expired.caPem);
    symlinkSync('old.pem', path.join(hashed, '5ed36f99.0'));
    put(plain, 'ca.crt', root.caPem);
    put(plain, 'below/other.crt', other.caPem);
    const trust = readTrust(sources({ sslCertDir: `${hashed}:${plain}` }));
    expect(names(trust)).toEqual(['CN=Old CA', 'CN=Corp Root CA']);
    expect(trust.warnings).toEqual([`${hashed}/5ed36f99.0: CN=Old CA expired on 2024-01-31: renew it`]);
  });
});

test('what may not be read is named, with the user who tried', () => {
  const directory = newDirectory();
  const secret = put(directory, 'secret.crt', root.caPem);
  chmodSync(secret, 0);
  mkdirSync(path.join(directory, 'closed'), { mode: 0 });
  const { extra, warnings, problems, user } = asOrdinaryUser(() => ({
    user: process.geteuid?.(),
    ...readTrust(sources({ mounted: [directory], bundle: { variable: 'REQUESTS_CA_BUNDLE', path: secret } })),
  }));
  const denied = `cannot be read: permission denied for user id ${user}`;
  expect(extra).toEqual([]);
  expect(warnings).toEqual([`${secret} ${denied}`, `${directory}/closed ${denied}`]);
  expect(problems).toEqual([`REQUESTS_CA_BUNDLE names ${secret}, which holds no certificate in PEM form`]);
});
