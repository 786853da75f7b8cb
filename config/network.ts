/** Settles how calls leave this network; texts are read by the rooms that know their rules. */
import type { NetworkSettings } from '../http/network.js';
import { parsePolicy } from '../http/policy/policy.js';
import { readProxySettings } from '../http/proxy/proxy-settings.js';
import { parseClientCertificates } from '../http/trust/client-certificate-rules.js';
import { checkClientCertificates } from '../http/trust/client-certificates.js';
import { describeTrust, readTrust } from '../http/trust/trust.js';
import { MOUNTED_DIRECTORIES, SYSTEM_BUNDLES, type TrustSources } from '../http/trust/trust-sources.js';
import { flag } from './kinds.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads proxies, trust, certificates and targets, with every mistake, every oddity, and what is worth a line in the log. */
export function settleNetwork(environment: Environment): {
  network?: NetworkSettings;
  problems: string[];
  warnings: string[];
  notices: string[];
} {
  const proxies = readProxySettings(environment);
  const trust = trustSourcesOf(environment);
  const anchors = readTrust(trust);
  const certificates = parseClientCertificates(environment['CLIENT_CERTIFICATES'] ?? '');
  const checked = checkClientCertificates(certificates.rules);
  const targets = parsePolicy(environment['ALLOWED_TARGETS']);
  const warnings = [
    ...proxies.warnings,
    ...anchors.warnings,
    ...checked.warnings,
    ...verificationOff(environment),
  ];
  const problems = [
    ...proxies.problems,
    ...anchors.problems,
    ...certificates.problems,
    ...checked.problems,
    ...('problems' in targets ? targets.problems : []),
  ];
  if ('problems' in targets || problems.length > 0) return { problems, warnings, notices: [] };
  const { policy } = targets;
  const notices = [
    `proxies: ${proxies.summary}`,
    `trust: ${describeTrust(anchors)}`,
    `targets that may be called: ${policy.summary} (the worker checks)`,
  ];
  const network = { proxies, trust, clientCertificates: certificates.rules, policy };
  return { network, problems, warnings, notices };
}

function trustSourcesOf(environment: Environment): TrustSources {
  const value = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const variable = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'].find(value);
  const path = variable && value(variable);
  const sslCertFile = value('SSL_CERT_FILE');
  const sslCertDir = value('SSL_CERT_DIR');
  const nodeExtraCaCerts = value('NODE_EXTRA_CA_CERTS');
  return {
    ...(variable && path && { bundle: { variable, path } }),
    ...(sslCertFile && { sslCertFile }),
    ...(sslCertDir && { sslCertDir }),
    ...(nodeExtraCaCerts && { nodeExtraCaCerts }),
    bundleOnly: flag().safeParse(environment['CA_BUNDLE_ONLY']).data === true,
    mounted: MOUNTED_DIRECTORIES,
    system: SYSTEM_BUNDLES,
  };
}

/** Node's own switch would turn off what this agent checks nowhere else: it does not follow it. */
function verificationOff(environment: Environment): string[] {
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return [];
  return [
    'NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect on calls to targets and to Port; remove it, and mount the CA that is missing',
  ];
}
