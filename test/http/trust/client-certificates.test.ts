import { createPrivateKey } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { parseClientCertificates, ruleFor } from '../../../http/trust/client-certificate-rules.js';
import { ClientCertificates, checkClientCertificates } from '../../../http/trust/client-certificates.js';
import { secureContextOf } from '../../../http/trust/secure-context.js';
import { readTrust } from '../../../http/trust/trust.js';
import { createTestCa, type IssuedCertificate } from '../../../local/parts/test-ca.js';
import { asOrdinaryUser, handshake, LOCAL, newDirectory, put, sources } from './stage.js';

const ca = createTestCa('clients');
const agent = ca.issue({ commonName: 'agent' });
const renewed = ca.issue({ commonName: 'agent renewed', notAfter: new Date('2031-02-03T04:05:06Z') });
const expired = ca.issue({ commonName: 'agent', notAfter: new Date('2024-01-31T12:00:00Z') });

describe('CLIENT_CERTIFICATES', () => {
  const FORM = 'is not of the form HOST=CERT_FILE[:KEY_FILE]';
  const HOST =
    'the host is a name, an address or a glob such as *.corp.example, without scheme, port and path';

  test.each<[string, string[], Record<number, string>]>([
    ['', [], {}],
    ['a.example=/c.pem', ['a.example /c.pem /c.pem'], {}],
    ['A.Example. = /c.crt : /c.key ,', ['a.example /c.crt /c.key'], {}],
    ['*.corp.example=/c:/k,*=/d', ['*.corp.example /c /k', '* /d /d'], {}],
    ['[FD00:0:0::1]=/c:/k,fd00::2=/d', ['fd00::1 /c /k', 'fd00::2 /d /d'], {}],
    ['a.example', [], { 1: FORM }],
    ['a=/c,b=,=/c,c=/c:,d=/c:/k:/l', ['a /c /c'], { 2: FORM, 3: FORM, 4: FORM, 5: FORM }],
    ['https://a=/c,a:8443=/c,a/b=/c', [], { 1: HOST, 2: HOST, 3: HOST }],
  ])('%j', (text, rules, problems) => {
    const parsed = parseClientCertificates(text);
    expect(parsed.rules.map((rule) => `${rule.host} ${rule.certFile} ${rule.keyFile}`)).toEqual(rules);
    expect(parsed.problems).toEqual(
      Object.entries(problems).map(([entry, what]) => `CLIENT_CERTIFICATES, entry ${entry}: ${what}`),
    );
  });

  test.each<[string, string | undefined]>([
    ['git.corp.example', '1'],
    ['GIT.CORP.EXAMPLE.', '1'],
    ['a.corp.example', '2'],
    ['a.b.corp.example', '2'],
    ['corp.example', undefined],
    ['a.corp.example.evil.test', undefined],
    ['axcorp.example', undefined],
    ['[fd00:0::1]', '3'],
    ['fd00::1', '3'],
    ['fd00::2', undefined],
  ])('the first rule that matches %s is %s', (host, certFile) => {
    const { rules } = parseClientCertificates(
      'git.corp.example=1,*.corp.example=2,a.corp.example=4,[fd00::1]=3',
    );
    expect(ruleFor(rules, host)?.certFile).toBe(certFile);
  });
});

/** The rule for `*`, with these two files. */
function rule(cert: string, key?: string) {
  const directory = newDirectory();
  const certFile = put(directory, 'agent.crt', cert);
  const keyFile = key === undefined ? certFile : put(directory, 'agent.key', key);
  return { host: '*', certFile, keyFile };
}

describe('the check of the files', () => {
  const other = ca.issue({ commonName: 'other' });
  const encrypted = (type: 'pkcs8' | 'sec1') =>
    createPrivateKey(agent.keyPem).export({
      type,
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    }) as string;
  const cert = agent.certPem;

  test.each<[string, string, string | undefined, string | undefined]>([
    ['two files', cert, agent.keyPem, undefined],
    ['one file', agent.keyPem + cert, undefined, undefined],
    ['a chain with the CA first', ca.caPem + cert, agent.keyPem, undefined],
    ['the key of another', cert, other.keyPem, 'no certificate in CERT belongs to the key in KEY'],
    ['no certificate', 'hello', agent.keyPem, 'CERT holds no certificate in PEM form'],
    ['no key', cert, undefined, 'CERT holds no private key in PEM form'],
    [
      'an encrypted key',
      cert,
      encrypted('pkcs8'),
      'the key in KEY is encrypted: store it without a passphrase',
    ],
    [
      'one of the old form',
      cert,
      encrypted('sec1'),
      'the key in KEY is encrypted: store it without a passphrase',
    ],
    [
      'a damaged key',
      cert,
      agent.keyPem.replace(/\n.{20}/, '\nAAAA'),
      'the private key in KEY cannot be read: it is damaged or of an unknown kind',
    ],
    [
      'a chain that is cut off',
      cert + ca.caPem.slice(0, 99),
      agent.keyPem,
      expect.stringMatching(/^CERT is damaged: the CERTIFICATE in line \d+ is cut off$/),
    ],
    [
      'a chain that is damaged',
      cert + ca.caPem.replace(/\n.{8}/, '\n????????'),
      agent.keyPem,
      expect.stringMatching(/^CERT cannot be used for TLS \(ERR_OSSL_\w+\)$/),
    ],
  ])('%s', (_, certText, keyText, problem) => {
    const given = rule(certText, keyText);
    const { problems, warnings } = checkClientCertificates([given]);
    const short = problems.map((text) =>
      text
        .replace(given.keyFile, given.keyFile === given.certFile ? 'CERT' : 'KEY')
        .replace(given.certFile, 'CERT'),
    );
    const prefix = 'client certificate for *: ';
    expect(short.map((text) => text.slice(prefix.length))).toEqual(problem === undefined ? [] : [problem]);
    expect(short.every((text) => text.startsWith(prefix))).toBe(true);
    expect(warnings).toEqual([]);
  });

  test('names files that are missing, directories, or may not be read', () => {
    const directory = newDirectory();
    const secret = put(directory, 'secret.key', agent.keyPem);
    chmodSync(secret, 0);
    const keys = ['/no/such.key', directory, secret];
    const rules = keys.map((keyFile) => ({ host: 'a', certFile: put(directory, 'c', cert), keyFile }));
    const problems = asOrdinaryUser(() => checkClientCertificates(rules).problems);
    const about = 'client certificate for a:';
    expect(problems).toEqual([
      `${about} /no/such.key does not exist`,
      `${about} ${directory} is a directory`,
      expect.stringMatching(/secret\.key cannot be read: permission denied for user id \d+$/),
    ]);
  });

  test('warns of one that has expired', () => {
    const given = rule(expired.certPem + expired.keyPem);
    expect(checkClientCertificates([given])).toEqual({
      problems: [],
      warnings: [`client certificate for *: CN=agent in ${given.certFile} expired on 2024-01-31: renew it`],
    });
  });

  test('never shows a key', () => {
    const cases = [
      agent.keyPem.replace('A', '?'),
      encrypted('pkcs8'),
      agent.keyPem.slice(0, 150),
      other.keyPem,
    ];
    const body = (pem: string) =>
      pem
        .split('\n')
        .slice(1)
        .filter((line) => /^[A-Za-z0-9+/=?]{8,}$/.test(line));
    for (const key of cases) {
      const said = JSON.stringify(checkClientCertificates([rule(cert, key)]));
      expect(said).toContain('client certificate');
      for (const line of body(key)) expect(said).not.toContain(line.slice(0, 8));
    }
  });
});

describe('a server that asks for a client certificate', () => {
  const trust = () => {
    const directory = newDirectory();
    put(directory, 'ca.crt', ca.caPem);
    return readTrust(sources({ mounted: [directory] }));
  };
  const demand = { requestCert: true, rejectUnauthorized: true, ca: ca.caPem };
  const server: IssuedCertificate = ca.issue(LOCAL);

  test('gets the one for its host, and refuses calls without', async () => {
    const given = rule(agent.certPem, agent.keyPem);
    const certificates = new ClientCertificates([{ ...given, host: '127.0.0.*' }]);
    const trusted = trust();
    const call = (host: string) =>
      handshake(server, secureContextOf(trusted, certificates.for(host)), demand);
    expect(await call('127.0.0.1')).toBe('hello agent');
    expect(certificates.for('example.com')).toBeUndefined();
    expect(await call('example.com')).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
  });

  test('gets the intermediate with it', async () => {
    const intermediate = ca.issueCa('intermediate');
    const below = intermediate.issue({ commonName: 'below' });
    const given = rule(intermediate.caPem + below.certPem, below.keyPem);
    const certificate = new ClientCertificates([given]).for('a');
    expect(await handshake(server, secureContextOf(trust(), certificate), demand)).toBe('hello below');
  });

  test('gets the new one after its files changed', async () => {
    const given = rule(agent.certPem, agent.keyPem);
    const [changes, warnings]: string[][] = [[], []];
    const certificates = new ClientCertificates([given], {
      checkEveryMs: 0,
      onChange: (what) => changes?.push(what),
      onWarning: (what) => warnings?.push(what),
    });
    const before = certificates.for('a');
    expect(certificates.for('b')).toBe(before);
    writeFileSync(given.certFile, `# the same\n${agent.certPem}`);
    expect(certificates.for('a')).toBe(before);
    writeFileSync(given.certFile, renewed.certPem);
    // The key comes a moment later.
    for (let look = 0; look < 2; look += 1) expect(certificates.for('a')).toBe(before);
    expect(warnings).toEqual([expect.stringMatching(/no certificate in \S+ belongs to the key in \S+$/)]);
    writeFileSync(given.keyFile, renewed.keyPem);
    const after = certificates.for('a');
    expect(await handshake(server, secureContextOf(trust(), after), demand)).toBe('hello agent renewed');
    expect(certificates.for('a')).toBe(after);
    expect(changes).toEqual([
      `the client certificate for * changed: CN=agent renewed (until 2031-02-03, ${given.certFile})`,
    ]);
  });

  test('gets it from files that are looked at no more often than asked for', () => {
    let time = 0;
    const given = rule(agent.certPem, agent.keyPem);
    const certificates = new ClientCertificates([given], { checkEveryMs: 60_000, now: () => time });
    const before = certificates.for('a');
    writeFileSync(given.certFile, renewed.certPem);
    writeFileSync(given.keyFile, renewed.keyPem);
    time = 59_999;
    expect(certificates.for('a')).toBe(before);
    time = 60_000;
    expect(certificates.for('a')).not.toBe(before);
  });
});
