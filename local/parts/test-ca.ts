/**
 * A certificate authority for tests: X.509 (RFC 5280) with ECDSA P-256, written out by hand.
 *
 * A fresh machine may lack openssl, Node can read certificates but not make them, and the npm packages that
 * can bring an injection container and a polyfill of `Reflect` with them.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

const HOUR_MS = 3_600_000;
const LIFETIME_MS = 30 * 24 * HOUR_MS;

export interface Validity {
  /** Default: an hour ago. */
  notBefore?: Date;
  /** Default: in 30 days. A moment in the past gives an expired certificate. */
  notAfter?: Date;
}

export interface CertificateRequest extends Validity {
  commonName: string;
  dnsNames?: string[];
  ipAddresses?: string[];
}

export interface IssuedCertificate {
  certPem: string;
  /** PKCS#8. */
  keyPem: string;
}

export interface TestCa {
  caPem: string;
  /** Issues a certificate for TLS servers (and clients). */
  issue(request: CertificateRequest): IssuedCertificate;
  /** Issues an intermediate authority. Its servers have to present `caPem` after their own certificate. */
  issueCa(name: string, validity?: Validity): TestCa;
}

interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

/** Who signs: the name that stands under `issuer`, and the keys. */
interface Signer {
  name: string;
  keys: KeyPair;
}

/** Makes a new root authority; its private key exists only inside the object returned. */
export function createTestCa(name: string, validity: Validity = {}): TestCa {
  const self = { name, keys: newKeys() };
  return authority(self, self, validity);
}

/** Makes a certificate that vouches for itself and is no authority, as many a small server has one. */
export function createSelfSigned(request: CertificateRequest): IssuedCertificate {
  const self = { name: request.commonName, keys: newKeys() };
  return leaf(request, self.keys, self);
}

function authority(self: Signer, issuer: Signer, validity: Validity): TestCa {
  const caPem = certificate({
    subject: self.name,
    keys: self.keys,
    issuer,
    ...validity,
    extensions: [
      extension('2.5.29.19', true, sequence(TRUE)),
      extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0b0000_0110]))), // keyCertSign, cRLSign
    ],
  });
  return {
    caPem,
    issue: (request) => leaf(request, newKeys(), self),
    issueCa: (name, validity = {}) => authority({ name, keys: newKeys() }, self, validity),
  };
}

function leaf(request: CertificateRequest, keys: KeyPair, issuer: Signer): IssuedCertificate {
  const { commonName, dnsNames = [], ipAddresses = [], ...validity } = request;
  const names = [
    ...dnsNames.map((dnsName) => der(0x82, Buffer.from(dnsName, 'ascii'))),
    ...ipAddresses.map((address) => der(0x87, ipBytes(address))),
  ];
  const certPem = certificate({
    subject: commonName,
    keys,
    issuer,
    ...validity,
    extensions: [
      extension('2.5.29.19', true, sequence()),
      extension('2.5.29.15', true, der(0x03, Buffer.from([7, 0b1000_0000]))), // digitalSignature
      extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
      ...(names.length > 0 ? [extension('2.5.29.17', false, sequence(...names))] : []),
    ],
  });
  return { certPem, keyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

interface Contents extends Validity {
  subject: string;
  keys: KeyPair;
  issuer: Signer;
  extensions: Buffer[];
}

function certificate({ subject, keys, issuer, extensions, ...validity }: Contents): string {
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const notAfter = validity.notAfter ?? new Date(Date.now() + LIFETIME_MS);
  const notBefore = validity.notBefore ?? new Date(Math.min(Date.now(), notAfter.getTime()) - HOUR_MS);
  const signed = sequence(
    der(0xa0, integer(Buffer.from([2]))), // v3
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguishedName(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(subject),
    spki(keys.publicKey),
    der(
      0xa3,
      sequence(
        ...extensions,
        // Both key identifiers: strict verifiers (Python 3.13) refuse certificates without them.
        extension('2.5.29.14', false, der(0x04, keyId(keys.publicKey))),
        extension('2.5.29.35', false, sequence(der(0x80, keyId(issuer.keys.publicKey)))),
      ),
    ),
  );
  const signature = sign('sha256', signed, issuer.keys.privateKey);
  const whole = sequence(signed, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function newKeys(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1').update(spki(key)).digest();
}

/** One DER value: tag, length, contents. */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const bytes = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, body]);
}

const TRUE = der(0x01, Buffer.from([0xff]));

function sequence(...items: Buffer[]): Buffer {
  return der(0x30, ...items);
}

/** Positive: the first byte must be below 0x80. */
function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((part) => {
    const digits = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(0x06, Buffer.from(bytes));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
}

/** Two-digit years until 2049, four digits from then on, as RFC 5280 has it. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, '');
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), der(0x04, value));
}

function ipBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const words = (part: string): string[] => (part ? part.split(':') : []);
  const [front, back] = [words(head), words(tail ?? '')];
  const zeros = Array<string>(8 - front.length - back.length).fill('0');
  return Buffer.from([...front, ...zeros, ...back].map((word) => word.padStart(4, '0')).join(''), 'hex');
}
