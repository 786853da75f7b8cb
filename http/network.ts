/** What every way out of a process shares: which proxy, whom to trust, which client certificate, what may be called. */
import type { Policy } from './policy/policy.js';
import type { ProxySettings } from './proxy/proxy-settings.js';
import type { ClientCertificateRule } from './trust/client-certificate-rules.js';
import { ClientCertificates } from './trust/client-certificates.js';
import type { TrustSources } from './trust/trust-sources.js';
import { TrustStore } from './trust/trust-store.js';

export interface NetworkSettings {
  proxies: ProxySettings;
  trust: TrustSources;
  clientCertificates: ClientCertificateRule[];
  /** For targets; Port's API is always called. */
  policy: Policy;
}

export interface Network {
  proxies: Pick<ProxySettings, 'proxyFor'>;
  trust: Pick<TrustStore, 'current'>;
  clientCertificates: Pick<ClientCertificates, 'for'>;
  policy: Policy;
}

/** Opened once a process; `tell` hears of certificates that changed, or should have. */
export function openNetwork(
  settings: NetworkSettings,
  tell: { info(what: string): void; warn(what: string): void },
): Network {
  const onChange = (what: string): void => tell.info(what);
  const onWarning = (what: string): void => tell.warn(what);
  return {
    proxies: settings.proxies,
    trust: new TrustStore(settings.trust, { onChange: (_trust, what) => onChange(what), onWarning }),
    clientCertificates: new ClientCertificates(settings.clientCertificates, { onChange, onWarning }),
    policy: settings.policy,
  };
}
