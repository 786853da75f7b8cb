/** A client certificate and its key, read from their files. */
import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { dayOf, expiryOf, isCertificateLabel, nameOf, outOfDate, parseCertificate } from './certificate.js';
import type { ClientCertificateRule } from './client-certificate-rules.js';
import { describeFault, findFiles } from './files.js';
import { splitPem } from './pem.js';

export interface ClientCertificate {
  /** PEM: the certificate that belongs to the key, then the others of its file. */
  cert: string;
  /** PEM. */
  key: string;
}

export type ReadResult =
  | { problem: string }
  | { certificate: ClientCertificate; description: string; warnings: string[] };

/** Reads and proves them: they belong together, and TLS takes them. Problems never hold content of a file. */
export function readClientCertificate(rule: ClientCertificateRule, now: Date): ReadResult {
  const about = `client certificate for ${rule.host}:`;
  try {
    const { key, pem } = readKey(rule.keyFile);
    const { leaf, cert } = readChain(rule.certFile, key, rule.keyFile);
    const certificate = { cert, key: pem };
    provePresentable(certificate, rule.certFile);
    const name = nameOf(leaf.subject);
    const dates = outOfDate(leaf, now);
    return {
      certificate,
      description: `${name} (until ${dayOf(expiryOf(leaf))}, ${rule.certFile})`,
      warnings: dates ? [`${about} ${name} in ${rule.certFile} ${dates}`] : [],
    };
  } catch (error) {
    if (error instanceof Unusable) return { problem: `${about} ${error.message}` };
    throw error;
  }
}

/** Its message is ours, without content of a file; those of OpenSSL and Node are not passed on. */
class Unusable extends Error {}

function readText(file: string): string {
  const [found] = findFiles(file, false);
  if (found?.path !== file) throw new Unusable(`${file} is a directory`);
  if (found.fault) throw new Unusable(`${file} ${found.fault}`);
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw new Unusable(`${file} ${describeFault(error)}`);
  }
}

/** The certificate that belongs to the key comes first, wherever it stands in the file. */
function readChain(file: string, key: KeyObject, keyFile: string): { leaf: X509Certificate; cert: string } {
  const { blocks, faults } = splitPem(readText(file));
  if (faults[0]) throw new Unusable(`${file} is damaged: ${faults[0]}`);
  const chain = blocks.filter(({ label }) => isCertificateLabel(label));
  if (chain.length === 0) throw new Unusable(`${file} holds no certificate in PEM form`);
  for (const own of chain) {
    const leaf = parseCertificate(own.pem);
    if (!leaf) throw new Unusable(`${file} is damaged: the certificate in line ${own.line} cannot be read`);
    if (!leaf.checkPrivateKey(key)) continue;
    const rest = chain.filter((block) => block !== own);
    return { leaf, cert: [own, ...rest].map(({ pem }) => pem).join('') };
  }
  throw new Unusable(`no certificate in ${file} belongs to the key in ${keyFile}`);
}

/** OpenSSL has rules of its own, such as a least length of keys. */
function provePresentable(certificate: ClientCertificate, file: string): void {
  try {
    createSecureContext(certificate);
  } catch (error) {
    throw new Unusable(`${file} cannot be used for TLS (${(error as NodeJS.ErrnoException).code})`);
  }
}

function readKey(file: string): { key: KeyObject; pem: string } {
  const block = splitPem(readText(file)).blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (!block) throw new Unusable(`${file} holds no private key in PEM form`);
  if (/ENCRYPTED/.test(block.pem))
    throw new Unusable(`the key in ${file} is encrypted: store it without a passphrase`);
  try {
    return { key: createPrivateKey(block.pem), pem: block.pem };
  } catch {
    throw new Unusable(`the private key in ${file} cannot be read: it is damaged or of an unknown kind`);
  }
}
