/** Whom a request goes to, as far as it matters for its proxy. */
import { isIPv6 } from 'node:net';
import { normalizeHost, readAuthority, splitUrl } from './address.js';

export interface Target {
  scheme: string;
  /** Normalized, without brackets. */
  host: string;
  /** Only when the URL spells it out, even if it is the default; never 0. */
  port: number | undefined;
}

/** Undefined when the URL has no host. */
export function readTarget(url: string): Target | undefined {
  // What requests refuses and Node calls all the same must not slip past the proxy.
  return read(url.trimStart()) ?? (URL.canParse(url) ? read(new URL(url).href) : undefined);
}

function read(url: string): Target | undefined {
  const parts = splitUrl(url);
  const authority = readAuthority(parts?.authority ?? '');
  const host = normalizeHost(authority?.host ?? '');
  if (!parts?.scheme || !authority || !host) return undefined;
  // requests does not unescape the zone of an IPv6 address.
  const text = isIPv6(host) ? host.replace('%', '%25') : host;
  return { scheme: parts.scheme, host: text, port: authority.port || undefined };
}
