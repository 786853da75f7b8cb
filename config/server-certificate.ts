/** The certificate that a server of ours shows, and its key, read from their files. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dayOf, expiryOf, nameOf, outOfDate, parseCertificate } from '../http/trust/certificate.js';
import { describeFault } from '../http/trust/files.js';

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

export interface ServerCertificate {
  /** PEM: the server's own, then those that lead to its CA. */
  cert: string;
  /** PEM. */
  key: string;
  /** `CN=codec.corp (until 2031-02-03)`. */
  description: string;
  /** It works, but clients will refuse it. */
  warning?: string;
}

/** Reads both files and checks that they belong together. Problems are sentences without content of a file. */
export function readServerCertificate({
  certFile,
  keyFile,
}: CertificateFiles): ServerCertificate | { problem: string } {
  const cert = contentOf(certFile);
  const key = contentOf(keyFile);
  if ('problem' in cert) return cert;
  if ('problem' in key) return key;
  const leaf = parseCertificate(cert.text);
  if (!leaf) return { problem: `${certFile} does not begin with a certificate in PEM form` };
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(key.text)))
      return { problem: `the first certificate in ${certFile} does not belong to the key in ${keyFile}` };
  } catch {
    return { problem: `${keyFile} holds no private key in PEM form without a passphrase` };
  }
  const name = nameOf(leaf.subject);
  const dates = outOfDate(leaf, new Date());
  return {
    cert: cert.text,
    key: key.text,
    description: `${name} (until ${dayOf(expiryOf(leaf))})`,
    ...(dates && { warning: `${name} in ${certFile} ${dates}` }),
  };
}

function contentOf(file: string): { text: string } | { problem: string } {
  try {
    return { text: readFileSync(file, 'latin1') };
  } catch (error) {
    return { problem: `${file} ${describeFault(error)}` };
  }
}
