/** A network for tests: no proxy, Node's roots and those given, every target allowed. */
import type { Network } from '../../http/network.js';
import { parsePolicy } from '../../http/policy/policy.js';
import { readProxySettings } from '../../http/proxy/proxy-settings.js';
import { readTrust } from '../../http/trust/trust.js';

export interface NetworkOptions {
  /** What the proxy variables say. */
  environment?: Record<string, string>;
  /** Certificate authorities to trust as well, as PEM. */
  trusted?: string[];
  allowedTargets?: string;
  clientCertificates?: Network['clientCertificates'];
}

export function testNetwork(options: NetworkOptions = {}): Network {
  const roots = readTrust({ bundleOnly: false, mounted: [], system: [] });
  const { trusted = [] } = options;
  const extra = trusted.map((fingerprint) => ({ subject: '', expires: new Date(), file: '', fingerprint }));
  const trust = { ...roots, pem: [...roots.pem, ...trusted], extra };
  const targets = parsePolicy(options.allowedTargets);
  const proxies = readProxySettings(options.environment ?? {});
  const problems = ['problems' in targets ? targets.problems : [], proxies.problems].flat();
  if ('problems' in targets || problems.length > 0) throw new Error(problems.join('; '));
  return {
    proxies,
    trust: { current: () => trust },
    clientCertificates: options.clientCertificates ?? { for: () => undefined },
    policy: targets.policy,
  };
}
