/**
 * The customer's private key, as people put it into an environment variable: the PEM text, with real line
 * breaks, with `\n`, with blanks, in quotes, in base64; or the path of a file with any of these.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { keyFileAt } from './key-file.js';

/** `problem` begins with a verb, so that it follows the variable's name; nothing of the value is in it. */
export type PrivateKey = { key: KeyObject } | { problem: string };

const NEITHER =
  'is neither an RSA private key (PEM, PKCS#8 or PKCS#1) nor the path of a file with one; check that the whole key is there, or that the file is mounted';
const ENCRYPTED =
  'is protected by a passphrase, which nobody could enter; remove it with: openssl pkey -in key.pem -out plain.pem';
const PUBLIC =
  'holds no private key, but a public key or certificate; give the private key that belongs to it';
const NOT_RSA = 'is no RSA key; Port encrypts for RSA keys only';
const OPENSSH =
  "is in OpenSSH's own format; convert a copy of it with: ssh-keygen -p -m PKCS8 -N '' -f copy-of-key";

/** Reads `PORT_AGENT_PRIVATE_KEY`. */
export function readPrivateKey(value: string): PrivateKey {
  if (value.includes('-----BEGIN')) return fromText(value);
  const file = keyFileAt(value.trim());
  return file === undefined ? fromText(value) : 'problem' in file ? file : fromText(textOf(file.bytes));
}

/** One in DER has no text; its base64 has. */
function textOf(bytes: Buffer): string {
  return bytes[0] === 0x30 ? bytes.toString('base64') : bytes.toString('utf8');
}

function fromText(text: string): PrivateKey {
  const plain = text.replace(/\\r/g, '').replace(/\\n/g, '\n');
  if (plain.includes('-----BEGIN')) return fromPem(plain);
  const decoded = Buffer.from(plain.replace(/[\s"']/g, ''), 'base64');
  const inner = decoded.toString('latin1');
  if (inner.includes('-----BEGIN')) return fromPem(inner.replace(/\\r/g, '').replace(/\\n/g, '\n'));
  return fromDer(decoded, 'pkcs8') ?? fromDer(decoded, 'pkcs1') ?? { problem: NEITHER };
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----/g;

function fromPem(text: string): PrivateKey {
  const blocks = [...text.matchAll(BLOCK)].map(([, label = '', body = '']) => ({ label, body }));
  // A file may hold the certificate or the public key as well.
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (!block) return { problem: blocks.length > 0 ? PUBLIC : NEITHER };
  const { label, body } = block;
  if (label === 'OPENSSH PRIVATE KEY') return { problem: OPENSSH };
  if (label === 'ENCRYPTED PRIVATE KEY' || body.includes('ENCRYPTED')) return { problem: ENCRYPTED };
  if (label !== 'PRIVATE KEY' && label !== 'RSA PRIVATE KEY') return { problem: NOT_RSA };
  const der = Buffer.from(body.replace(/\s/g, ''), 'base64');
  return fromDer(der, label === 'PRIVATE KEY' ? 'pkcs8' : 'pkcs1') ?? { problem: NEITHER };
}

function fromDer(der: Buffer, type: 'pkcs8' | 'pkcs1'): PrivateKey | undefined {
  try {
    const key = createPrivateKey({ key: der, format: 'der', type });
    return key.asymmetricKeyType === 'rsa' ? { key } : { problem: NOT_RSA };
  } catch {
    return undefined;
  }
}
