/**
 * Where trusted certificates come from. They are added up: the predecessor's image trusted the system's roots
 * and every mounted certificate, and a variable that names the private CA alone must not cut off Port.
 */
import { existsSync } from 'node:fs';
import { type FoundFile, findFiles, stampOf } from './files.js';

export interface TrustSources {
  /** File or directory, of `REQUESTS_CA_BUNDLE`, else of `CURL_CA_BUNDLE`. */
  bundle?: { variable: string; path: string };
  /** `SSL_CERT_FILE`. */
  sslCertFile?: string;
  /** `SSL_CERT_DIR`: directories with `:` between them, as OpenSSL has it; they need not be hashed. */
  sslCertDir?: string;
  /** `NODE_EXTRA_CA_CERTS`: Node forgets them as soon as it is given a list of its own. */
  nodeExtraCaCerts?: string;
  /** Nothing but `bundle` is trusted. */
  bundleOnly: boolean;
  /** Directories that are read with all below them; see MOUNTED_DIRECTORIES. They need not exist. */
  mounted: string[];
  /** The first of these files that exists holds the system's roots; see SYSTEM_BUNDLES. */
  system: string[];
}

/** Where Port's documentation mounts certificates. */
export const MOUNTED_DIRECTORIES = ['/usr/local/share/ca-certificates'];

export const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Arch, Alpine
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt', // older ones of these
  '/etc/ssl/ca-bundle.pem', // SUSE
  '/etc/ssl/cert.pem', // BSD, macOS
];

export interface Source {
  origin: 'system' | 'bundle' | 'variable' | 'mounted';
  /** The variable that names `path`, if one does. */
  variable?: string;
  path: string;
  files: FoundFile[];
}

/** Looks at all sources, and reads none. In the order in which a certificate that is in several is owned. */
export function findSources(sources: TrustSources): Source[] {
  const { bundle, sslCertFile, sslCertDir, nodeExtraCaCerts } = sources;
  const found: Source[] = [];
  const add = (origin: Source['origin'], path: string | undefined, variable?: string): void => {
    if (!path) return;
    const files = findFiles(path, origin === 'mounted');
    found.push({ origin, path, files, ...(variable !== undefined && { variable }) });
  };
  if (!sources.bundleOnly) add('system', sources.system.find(existsSync));
  add('bundle', bundle?.path, bundle?.variable);
  if (sources.bundleOnly) return found;
  for (const path of sources.mounted) add('mounted', path);
  add('variable', sslCertFile, 'SSL_CERT_FILE');
  for (const path of sslCertDir?.split(':') ?? []) add('variable', path, 'SSL_CERT_DIR');
  add('variable', nodeExtraCaCerts, 'NODE_EXTRA_CA_CERTS');
  return found;
}

/** Changes when anything in the sources does. */
export function stampOfSources(sources: TrustSources): string {
  return findSources(sources)
    .map(({ files }) => stampOf(files))
    .join('||');
}
