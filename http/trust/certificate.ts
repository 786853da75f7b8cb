/** One X.509 certificate, and what people want to know of it. */
import { createHash, X509Certificate } from 'node:crypto';

/** Labels under which OpenSSL reads certificates; TRUSTED ones may say in addition what they are good for. */
const CERTIFICATE_LABELS = ['CERTIFICATE', 'TRUSTED CERTIFICATE', 'X509 CERTIFICATE'];

export function isCertificateLabel(label: string): boolean {
  return CERTIFICATE_LABELS.includes(label);
}

/** Undefined when it is no certificate that OpenSSL can read: damaged, or with a key of unknown kind. */
export function parseCertificate(pemOrDer: string | Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pemOrDer);
    return certificate.publicKey ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/**
 * SHA-256 of the first block of `pem`, written as `X509Certificate.fingerprint256` is. Five times as fast as
 * parsing, which tells the known ones apart. A TRUSTED certificate has another one than the same without.
 */
export function fingerprintOf(pem: string): string {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return (createHash('sha256').update(der).digest('hex').toUpperCase().match(/../g) ?? []).join(':');
}

/** `CN=Corp Root CA`, or all of the subject in one line when it has no common name. */
export function nameOf(subject: string | undefined): string {
  const parts = (subject ?? '').split('\n');
  return parts.findLast((part) => part.startsWith('CN=')) ?? (parts.join(', ') || 'a name left empty');
}

/**
 * Whether it vouches for itself, as root CAs do and the certificates of many small servers. Not told by
 * `checkIssued`, which denies it to those that may not sign certificates.
 */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}

export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

export function expiryOf(certificate: X509Certificate): Date {
  return new Date(certificate.validTo); // `validToDate` came with Node 22.10
}

/** The day in UTC: `2031-02-03`. */
export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** `expired on 2024-01-31`, `is not valid before …`; undefined while it is valid. */
export function outOfDate(certificate: X509Certificate, now: Date): string | undefined {
  const [from, until] = [new Date(certificate.validFrom), expiryOf(certificate)];
  if (until < now) return `expired on ${dayOf(until)}: renew it`;
  if (from > now) return `is not valid before ${dayOf(from)}: check the clock of this machine`;
  return undefined;
}
