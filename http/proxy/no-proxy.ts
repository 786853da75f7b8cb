/**
 * Which targets are exceptions, that is, reached without a proxy.
 *
 * `requests` looks at the list twice, in two ways that differ; either one suffices. A third look is ours: Port
 * documents URLs as entries, which `requests` ignores. Names are never resolved.
 */
import { normalizeHost, readAuthority, splitUrl } from './address.js';
import type { ProxyVariables } from './environment.js';
import { isInNetwork, parseIpv4, parseNetwork } from './ipv4.js';
import type { Target } from './target.js';

export function isException(target: Target, { byKey, exactNoProxy }: ProxyVariables): boolean {
  const exact = exactNoProxy?.value ?? '';
  const any = byKey.get('no')?.value ?? '';
  return matchesRequests(target, exact) || matchesUrllib(target, any) || matchesUrl(target, exact || any);
}

/**
 * `should_bypass_proxies()` (https://github.com/psf/requests/blob/main/src/requests/utils.py): knows networks and
 * ports, minds upper case.
 */
function matchesRequests({ host, port }: Target, list: string): boolean {
  const entries = list.replaceAll(' ', '').split(',').filter(Boolean);
  const address = parseIpv4(host);
  if (address !== undefined) {
    return entries.some((entry) => {
      const network = parseNetwork(entry);
      return network ? isInNetwork(address, network) : entry === host;
    });
  }
  const names = port === undefined ? [host] : [host, `${host}:${port}`];
  return entries.some((entry) => names.some((name) => isWithin(name, withoutDots(entry))));
}

/** Python's `proxy_bypass_environment()`: knows `*`, and neither networks nor ports. */
function matchesUrllib({ host }: Target, list: string): boolean {
  if (list === '*') return true;
  const name = host.toLowerCase();
  // Meant for a port, it cuts IPv6 addresses as well.
  const names = [name, name.replace(/:[0-9]*$/, '')];
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => names.some((each) => isWithin(each, withoutDots(entry))));
}

/** `http://127.0.0.1`, `https://a.example:8443/path`, `[::1]`, `[::1]:8080`: the host counts, and the port if given. */
function matchesUrl(target: Target, list: string): boolean {
  return list.split(',').some((entry) => {
    const parts = readUrlEntry(entry.trim());
    if (!parts) return false;
    const port = target.port ?? (target.scheme === 'https' ? 443 : 80);
    return isWithin(target.host, parts.host) && (parts.port === undefined || parts.port === port);
  });
}

/** The host and port of an entry that is a URL or in brackets; undefined for other entries, and without a host. */
export function readUrlEntry(entry: string): { host: string; port: number | undefined } | undefined {
  const parts = splitUrl(entry);
  const text = parts?.scheme ? parts.authority : entry.startsWith('[') ? entry : '';
  const authority = readAuthority(text);
  const host = normalizeHost(withoutDots(authority?.host ?? ''));
  return authority && host ? { host, port: authority.port } : undefined;
}

function withoutDots(entry: string): string {
  return entry.replace(/^\.+/, '');
}

/** Whether it is the same name, or one below it. */
function isWithin(name: string, entry: string): boolean {
  return name === entry || name.endsWith(`.${entry}`);
}
