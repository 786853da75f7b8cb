/** Which certificate authorities the agent trusts, as the files say at this moment. */
import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import {
  dayOf,
  expiryOf,
  fingerprintOf,
  isCertificateLabel,
  isIssuedBy,
  isSelfSigned,
  nameOf,
  outOfDate,
  parseCertificate,
} from './certificate.js';
import { describeFault, type FoundFile } from './files.js';
import { splitPem } from './pem.js';
import { findSources, type Source, type TrustSources } from './trust-sources.js';

export interface Trust {
  /** Every anchor, each once: the roots of Node and of the system, and the extra ones. For `ca` of node:tls. */
  pem: string[];
  /** Those beyond the roots of Node and of the system. */
  extra: Anchor[];
  /** Nothing but the bundle is trusted. */
  bundleOnly: boolean;
  /** The agent should not start: what the operator named is not there. */
  problems: string[];
  /** Odd, but the rest works. */
  warnings: string[];
}

export interface Anchor {
  /** `CN=Corp Root CA`. */
  subject: string;
  expires: Date;
  file: string;
  /** SHA-256, as `openssl x509 -fingerprint -sha256` prints it. */
  fingerprint: string;
}

interface Candidate {
  certificate: X509Certificate;
  pem: string;
  file: string;
}

/**
 * Reads all sources; synchronous, some 10 ms with the roots of a distribution. Never throws: what is wrong or
 * odd is in the result. A self-signed certificate is an anchor, even if it is no CA. An intermediate CA is
 * kept, since it helps when a server leaves it out, but anchors nothing without its root.
 */
export function readTrust(sources: TrustSources, now = new Date()): Trust {
  const anchors = new Map<string, string>();
  if (!sources.bundleOnly) for (const root of rootCertificates) anchors.set(fingerprintOf(root), root);
  const reading = new Reading(anchors);
  for (const source of findSources(sources)) reading.add(source);
  const { candidates, problems } = reading;
  const parsed = parseOnce([...anchors.values()]);
  const judged = candidates.map((candidate) => judge(candidate, parsed, now));
  const useless = candidates.filter((_, index) => !judged[index]?.usable);
  for (const { certificate } of useless) anchors.delete(certificate.fingerprint256);
  if (sources.bundleOnly && anchors.size === 0 && problems.length === 0)
    problems.push(`nothing but the bundle is to be trusted, but ${whyNothing(sources)}`);
  return {
    pem: [...anchors.values()],
    extra: candidates.filter((candidate) => !useless.includes(candidate)).map(anchorOf),
    bundleOnly: sources.bundleOnly,
    problems,
    warnings: [...reading.warnings, ...judged.flatMap(({ warnings }) => warnings)],
  };
}

function whyNothing({ bundle }: TrustSources): string {
  if (!bundle) return 'neither REQUESTS_CA_BUNDLE nor CURL_CA_BUNDLE is set';
  return `${bundle.path}, named by ${bundle.variable}, holds no CA and no self-signed certificate`;
}

const LISTED = 20;

/** `2 extra certificate authorities: CN=Corp Root CA (until 2031-02-03, /usr/…/cert.crt), …`, for the log. */
export function describeTrust({ extra, bundleOnly }: Trust): string {
  const kind = bundleOnly ? 'trusted' : 'extra';
  const count = `${extra.length || 'no'} ${kind} certificate ${extra.length === 1 ? 'authority' : 'authorities'}`;
  const listed = extra.slice(0, LISTED).map(describeAnchor);
  if (extra.length > LISTED) listed.push(`and ${extra.length - LISTED} more`);
  return `${count}${bundleOnly ? ' and no others' : ''}${listed.length > 0 ? `: ${listed.join(', ')}` : ''}`;
}

export function describeAnchor({ subject, expires, file }: Anchor): string {
  return `${subject} (until ${dayOf(expires)}, ${file})`;
}

function anchorOf({ certificate, file }: Candidate): Anchor {
  return {
    subject: nameOf(certificate.subject),
    expires: expiryOf(certificate),
    file,
    fingerprint: certificate.fingerprint256,
  };
}

/** Collects the certificates of the sources, and what is wrong with their files. */
class Reading {
  readonly candidates: Candidate[] = [];
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  /** How many certificates each file holds; a file that is named twice is read once. */
  private readonly counts = new Map<string, number>();

  constructor(private readonly anchors: Map<string, string>) {}

  add(source: Source): void {
    const { origin, variable, path, files } = source;
    const [first] = files;
    if (origin === 'mounted' && first?.missing && first.path === path) return;
    const unusable = first?.fault && first.path === path ? first.fault : undefined;
    const counts = unusable ? [] : files.map((file) => this.read(file, origin === 'system'));
    if (unusable && !variable) this.warnings.push(`${path} ${unusable}`);
    if (!variable) return;
    const complaints = origin === 'bundle' ? this.problems : this.warnings;
    if (unusable) complaints.push(`${variable} names ${path}, which ${unusable}`);
    else if (files.length === 0)
      complaints.push(`${variable} names ${path}, a directory without *.crt, *.pem or *.cer files`);
    else if (origin === 'bundle' && counts.every((count) => count === 0))
      complaints.push(`${variable} names ${path}, which holds no certificate in PEM form`);
  }

  /** Returns the number of certificates in the file. */
  private read(file: FoundFile, isSystem: boolean): number {
    const known = this.counts.get(file.realPath);
    if (known !== undefined) return known;
    const warn = (what: string): unknown => this.warnings.push(`${file.path} ${what}`);
    let count = 0;
    try {
      if (file.fault) warn(file.fault);
      else count = this.take(readFileSync(file.path), file.path, isSystem, warn);
    } catch (error) {
      warn(describeFault(error));
    }
    this.counts.set(file.realPath, count);
    return count;
  }

  private take(content: Buffer, file: string, isSystem: boolean, warn: (what: string) => unknown): number {
    const { blocks, faults } = splitPem(content.toString('latin1'));
    for (const fault of faults) warn(`is damaged: ${fault}`);
    if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY')))
      warn('holds a private key, which is ignored: it should not lie among trusted certificates');
    const found = blocks.filter(({ label }) => isCertificateLabel(label));
    if (found.length === 0 && faults.length === 0) warn(describeOther(content, file));
    let count = 0;
    for (const { line, pem } of found) {
      // Most of a system's bundle is among Node's roots: known by fingerprint, and not worth parsing.
      const known = this.anchors.has(fingerprintOf(pem));
      const certificate = known ? undefined : parseCertificate(pem);
      if (certificate && !this.anchors.has(certificate.fingerprint256)) {
        this.anchors.set(certificate.fingerprint256, pem);
        if (!isSystem) this.candidates.push({ certificate, pem, file });
      }
      if (known || certificate) count += 1;
      else warn(`is damaged: the certificate in line ${line} cannot be read`);
    }
    return count;
  }
}

/** What a file without any PEM certificate is instead. */
function describeOther(content: Buffer, file: string): string {
  if (content.length === 0) return 'is empty';
  if (content[0] === 0x30 && parseCertificate(content))
    return `is in binary form (DER), which is not read: convert it with openssl x509 -inform der -in ${file} -out NAME.crt`;
  return 'holds no certificate: -----BEGIN CERTIFICATE----- is not in it';
}

/** Parsing some 150 roots takes 40 ms: left until somebody asks, which is rare. */
function parseOnce(anchors: string[]): () => X509Certificate[] {
  let parsed: X509Certificate[] | undefined;
  return () => {
    parsed ??= anchors.flatMap((pem) => parseCertificate(pem) ?? []);
    return parsed;
  };
}

/** Whether a certificate can be of use among the anchors, and what is odd about it. */
function judge(
  { certificate, file }: Candidate,
  anchors: () => X509Certificate[],
  now: Date,
): { usable: boolean; warnings: string[] } {
  const name = nameOf(certificate.subject);
  const dates = outOfDate(certificate, now);
  const warnings = dates ? [`${file}: ${name} ${dates}`] : [];
  if (isSelfSigned(certificate)) return { usable: true, warnings };
  const issuer = nameOf(certificate.issuer);
  if (anchors().some((anchor) => isIssuedBy(certificate, anchor)))
    return { usable: certificate.ca, warnings };
  warnings.push(
    certificate.ca
      ? `${file}: ${name} is an intermediate CA and not enough: mount its root ${issuer} too`
      : `${file}: ${name} cannot anchor trust: mount the CA that issued it, ${issuer}, instead`,
  );
  return { usable: certificate.ca, warnings };
}
