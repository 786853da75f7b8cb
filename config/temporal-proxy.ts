/** `TEMPORAL_HTTP_PROXY`: an HTTP proxy with CONNECT, all that Temporal's native connection knows. */
import { parseProxyUrl } from '../http/proxy/proxy-url.js';

/** As the SDK takes it. */
export interface TemporalProxy {
  type: 'http-connect';
  /** `host:port`. */
  targetHost: string;
  basicAuth?: { username: string; password: string };
}

/** undefined when the variable is not set; `problem` follows its name in a sentence. */
export function readTemporalProxy(
  environment: Readonly<Record<string, string | undefined>>,
): { proxy: TemporalProxy } | { problem: string } | undefined {
  const value = environment['TEMPORAL_HTTP_PROXY'];
  if (value === undefined) return undefined;
  const parsed = parseProxyUrl(value);
  if ('problem' in parsed) return parsed;
  const { scheme, host, port, username, password } = parsed.proxy;
  if (scheme !== 'http')
    return { problem: `is of the kind ${scheme}://; Temporal can be reached through http:// proxies only` };
  const targetHost = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (username === undefined || password === undefined)
    return { proxy: { type: 'http-connect', targetHost } };
  // The SDK hands them on as user:password@host, undecoded.
  if (/[:@]/.test(username + password))
    return { problem: "has a : or @ in user or password, which Temporal's client can't pass on" };
  return { proxy: { type: 'http-connect', targetHost, basicAuth: { username, password } } };
}
