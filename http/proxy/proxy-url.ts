/** What the value of a proxy variable says: where the proxy is, what it speaks, and who we are to it. */
import { isUtf8 } from 'node:buffer';
import { MAX_PORT, normalizeHost, readAuthority, splitUrl } from './address.js';

const DEFAULT_PORTS = { http: 80, https: 443, socks4: 1080, socks4a: 1080, socks5: 1080, socks5h: 1080 };

export interface ProxyServer {
  /** With `socks4` and `socks5`, names of targets are looked up here; with `socks4a` and `socks5h`, by the proxy. */
  scheme: keyof typeof DEFAULT_PORTS;
  /** Without brackets. */
  host: string;
  port: number;
  /** Decoded; present together with the password, which may be empty. */
  username?: string;
  password?: string;
  /** The value of `Proxy-Authorization`, for an HTTP proxy with credentials. */
  authorization?: string;
  /** For people and logs: `http://proxy.corp:3128`, without credentials. */
  label: string;
}

/** These would name a host `http`. */
const LACKS_SLASHES = /^(?:https?|socks[45]?[ah]?)(?:\/|:(?!\/\/))/i;
const EXAMPLE = 'write it as http://proxy.example:3128';
const PORT_PROBLEM = `has a port that is none: write one from 1 to ${MAX_PORT}`;
const ENCODE = 'percent-encode the user name and the password: / is %2F, # is %23, ? is %3F, \\ is %5C';

/**
 * Reads a value as `requests` does, and more leniently where `requests` fails: white space around it is left out,
 * and a scheme is never needed.
 *
 * `problem` follows a variable's name in a sentence, says what to do, and quotes nothing of the value.
 */
export function parseProxyUrl(raw: string): { proxy: ProxyServer } | { problem: string } {
  const text = raw.trim();
  if (LACKS_SLASHES.test(text)) return { problem: `lacks the :// after its scheme: ${EXAMPLE}` };
  const parts = splitUrl(text) ?? splitUrl(`//${text}`);
  const { scheme = 'http', authority = '', rest = '' } = parts ?? {};
  if (!isScheme(scheme)) return { problem: schemeProblem(scheme) };
  // Else a piece of a password would be taken for the host or its port, called, and logged.
  if (rest.includes('@')) return { problem: `has an @ after a /, ?, # or \\: ${ENCODE}` };
  const read = readAuthority(authority);
  if (!read) return { problem: authorityProblem(authority) };
  const host = isSocks(scheme) ? read.host : normalizeHost(read.host);
  if (read.port === 0) return { problem: PORT_PROBLEM };
  if (host === '') return { problem: `names no host: ${EXAMPLE}` };
  if (host === undefined) return { problem: 'has a host that is no valid name: correct its spelling' };
  const port = read.port ?? DEFAULT_PORTS[scheme];
  const label = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { proxy: { scheme, host, port, ...credentials(scheme, read.userinfo), label } };
}

function isScheme(scheme: string): scheme is ProxyServer['scheme'] {
  return Object.hasOwn(DEFAULT_PORTS, scheme);
}

function isSocks(scheme: ProxyServer['scheme']): boolean {
  return scheme.startsWith('socks');
}

function schemeProblem(scheme: string): string {
  if (scheme === 'socks')
    return 'does not say which version of SOCKS: write socks5h://, socks5://, socks4a:// or socks4://';
  return `has an unknown scheme: write one of ${Object.keys(DEFAULT_PORTS).join(', ')} before the ://`;
}

function authorityProblem(authority: string): string {
  const port = /:([0-9]+)$/.exec(authority)?.[1];
  if (Number(port ?? 0) > MAX_PORT) return PORT_PROBLEM;
  return `has no valid host and port: ${EXAMPLE}; with credentials, ${ENCODE}`;
}

/** Both or none: `requests` sends nothing for a user name without a colon, nor for a password alone. */
function credentials(
  scheme: ProxyServer['scheme'],
  userinfo: string | undefined,
): Pick<ProxyServer, 'username' | 'password' | 'authorization'> {
  const colon = userinfo?.indexOf(':') ?? -1;
  if (userinfo === undefined || colon < 1) return {};
  // One stray % and urllib3 takes every % of an HTTP proxy's credentials literally.
  const literal = !isSocks(scheme) && /%(?![0-9a-f]{2})/i.test(userinfo);
  const decode = literal ? (part: string) => part : percentDecode;
  const username = decode(userinfo.slice(0, colon));
  const password = decode(userinfo.slice(colon + 1));
  if (isSocks(scheme)) return { username, password };
  return { username, password, authorization: `Basic ${encodeBasic(`${username}:${password}`)}` };
}

/** As UTF-8; bytes that are none are what older proxies were given, Latin-1. Stray % stay. */
function percentDecode(text: string): string {
  const pieces = text.split(/(%[0-9a-f]{2})/i);
  const bytes = Buffer.concat(
    pieces.map((piece, index) => (index % 2 === 1 ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
  );
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

/** Latin-1 as `requests`, which fails for other characters: these are sent as UTF-8. */
function encodeBasic(credentials: string): string {
  const isLatin1 = [...credentials].every((char) => char <= '\xff');
  return Buffer.from(credentials, isLatin1 ? 'latin1' : 'utf8').toString('base64');
}
