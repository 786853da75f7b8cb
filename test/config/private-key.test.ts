import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readPrivateKey } from '../../config/private-key.js';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (type: 'pkcs8' | 'pkcs1') => privateKey.export({ type, format: 'pem' }).toString();
const PKCS8 = pem('pkcs8');
const PKCS1 = pem('pkcs1');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const der = (type: 'pkcs8' | 'pkcs1') => privateKey.export({ type, format: 'der' });

const folder = mkdtempSync(path.join(tmpdir(), 'private-key-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

test.each([
  ['PKCS#8', PKCS8],
  ['PKCS#1', PKCS1],
  ['without a line break at its end', PKCS8.trim()],
  ['with Windows line ends', PKCS8.replaceAll('\n', '\r\n')],
  ['with \\n for line breaks', PKCS8.replaceAll('\n', '\\n')],
  ['with \\r\\n for line breaks', PKCS8.replaceAll('\n', '\\r\\n')],
  ['with blanks for line breaks', PKCS8.replaceAll('\n', ' ')],
  ['with nothing for line breaks', PKCS8.replaceAll('\n', '')],
  ['indented', PKCS8.replace(/^/gm, '    ')],
  ['in double quotes', `"${PKCS8.replaceAll('\n', '\\n')}"`],
  ['in single quotes', `'${PKCS8}'`],
  ['behind its certificate', `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n${PKCS8}`],
  ['base64 of the PEM', base64(PKCS8)],
  ['base64 of the PEM, PKCS#1', base64(PKCS1)],
  ['base64 of the PEM with \\n', base64(PKCS8.replaceAll('\n', '\\n'))],
  ['base64 in lines of 76', base64(PKCS8).replace(/.{76}/g, '$&\n')],
  ['base64 in quotes', `"${base64(PKCS8)}"`],
  ['base64 of the key without PEM, PKCS#8', der('pkcs8').toString('base64')],
  ['base64 of the key without PEM, PKCS#1', der('pkcs1').toString('base64')],
  ['a file', file('key.pem', PKCS8)],
  ['a file, with blanks around its path', `  ${path.join(folder, 'key.pem')}\n`],
  ['a file with base64', file('key.b64', base64(PKCS1))],
  ['a file in DER', file('key.der', der('pkcs8'))],
])('a private key is read: %s', (_, value) => {
  const read = readPrivateKey(value);
  expect('key' in read && read.key.equals(privateKey)).toBe(true);
});

const encrypted = (type: 'pkcs8' | 'pkcs1') =>
  privateKey.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'correct horse' }).toString();
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const openssh = PKCS8.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY');

test.each([
  ['an encrypted one, PKCS#8', encrypted('pkcs8'), /passphrase/],
  ['an encrypted one, PKCS#1', encrypted('pkcs1'), /passphrase/],
  ['an encrypted one in base64', base64(encrypted('pkcs8')), /passphrase/],
  ['a public key', publicPem, /holds no private key/],
  ['a public key in base64', base64(publicPem), /holds no private key/],
  ['a public key in a file', file('public.pem', publicPem), /holds no private key/],
  ['an elliptic key', ec.export({ type: 'pkcs8', format: 'pem' }).toString(), /no RSA key/],
  ['an elliptic key of the old form', ec.export({ type: 'sec1', format: 'pem' }).toString(), /no RSA key/],
  ["one in OpenSSH's form", openssh, /ssh-keygen/],
  ['half a key', PKCS8.slice(0, 800), /neither an RSA private key/],
  ['a key with a hole', PKCS8.replace(/\n.{64}\n/, '\n'), /neither an RSA private key/],
  ['garbage', 'hunter2-hunter2', /neither an RSA private key/],
  ['garbage with a NUL', 'hunter2\0', /neither an RSA private key/],
  ['a very long garbage', 'x'.repeat(100_000), /neither an RSA private key/],
  ['the empty text', '', /neither an RSA private key/],
  ['a file that is not there', path.join(folder, 'nope.pem'), /nor the path of a file/],
  ['a folder', folder, /a directory or device/],
  ['a device', '/dev/null', /a directory or device/],
  ['a huge file', file('huge', 'x'.repeat(70_000)), /too large/],
])('%s is refused, without its value', (_, value, words) => {
  const read = readPrivateKey(value);
  expect(read).toEqual({ problem: expect.stringMatching(words) });
  if (value !== '')
    expect(JSON.stringify(read)).not.toContain(
      value
        .trim()
        .slice(0, 60)
        .replace(/^-.*-\s*/, ''),
    );
});

test('a file without permission is named as such', () => {
  const locked = file('locked.pem', PKCS8);
  chmodSync(locked, 0);
  chmodSync(folder, 0o755);
  expect(asNobody(() => readPrivateKey(locked))).toEqual({ problem: expect.stringContaining('EACCES') });
});

/** Root may read everything, so root becomes somebody else for a moment. */
function asNobody<T>(act: () => T): T {
  const NOBODY = 65_534;
  if (process.getuid?.() !== 0) return act();
  process.seteuid?.(NOBODY);
  try {
    return act();
  } finally {
    process.seteuid?.(0);
  }
}
