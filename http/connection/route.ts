/** Where a request goes, and through what. */
import type { ProxyServer } from '../proxy/proxy-url.js';
import type { Endpoint } from './step.js';

export interface Route {
  url: URL;
  target: Endpoint;
  /** TLS to the target. */
  secure: boolean;
  proxy?: ProxyServer;
}

const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

export function routeTo(url: URL, proxy: ProxyServer | undefined): Route {
  const target = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? 0) : Number(url.port),
  };
  return { url, target, secure: url.protocol === 'https:', ...(proxy && { proxy }) };
}

export function isSocks({ scheme }: ProxyServer): boolean {
  return scheme.startsWith('socks');
}

/** Plain http through an HTTP proxy has no tunnel: the proxy is asked to make the call. */
export function isForwarded({ proxy, secure }: Route): boolean {
  return proxy !== undefined && !isSocks(proxy) && !secure;
}
