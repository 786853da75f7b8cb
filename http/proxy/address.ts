/**
 * A URL's parts as urllib3 reads them (https://github.com/urllib3/urllib3/blob/main/src/urllib3/util/url.py).
 *
 * Not `new URL()`: that rewrites hosts (`127.1`), drops ports that are the default, and refuses what a proxy
 * variable may contain.
 */
import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export interface UrlParts {
  /** In lower case; undefined when the text begins with `//`. */
  scheme: string | undefined;
  /** What stands between `//` and the next `/`, `\`, `?` or `#`. */
  authority: string;
  rest: string;
}

export interface Authority {
  /** What precedes the last `@`, percent-encoded as it was. */
  userinfo: string | undefined;
  /** Without brackets; may be empty. */
  host: string;
  /** Undefined when left out. */
  port: number | undefined;
}

const URL_PARTS = /^(?:([a-z][a-z0-9+-]*):)?\/\/([^\\/?#]*)(.*)$/is;
const HOST_AND_PORT = /^(\[[^\]]*\]|(?:[^[\]%:/?#]|%[0-9a-f]{2})*)(?::(?:0*([0-9]{1,5}))?)?$/i;
const ILLEGAL_IN_HOST = /[\0- \x7f]/;
const ESCAPE = /%[0-9a-f]{2}/gi;
const UNRESERVED = /[\w.~-]/;

export const MAX_PORT = 65_535;

/** Undefined when the text has no `//`. */
export function splitUrl(text: string): UrlParts | undefined {
  const match = URL_PARTS.exec(text);
  if (!match) return undefined;
  return { scheme: match[1]?.toLowerCase(), authority: match[2] ?? '', rest: match[3] ?? '' };
}

/** Undefined when it is none, for example for an unknown port or a bracket that is not an IPv6 address. */
export function readAuthority(authority: string): Authority | undefined {
  const at = authority.lastIndexOf('@');
  const match = HOST_AND_PORT.exec(authority.slice(at + 1));
  const host = match?.[1] ?? '';
  const port = match?.[2] ? Number(match[2]) : undefined;
  if (!match || (port ?? 0) > MAX_PORT || ILLEGAL_IN_HOST.test(host)) return undefined;
  const userinfo = at > 0 ? authority.slice(0, at) : undefined;
  if (!host.startsWith('[')) return { userinfo, host, port };
  const address = host.slice(1, -1).replace('%25', '%');
  return isIPv6(address) ? { userinfo, host: address, port } : undefined;
}

/** In lower case, as Punycode, with escapes only where they are needed; undefined when that is impossible. */
export function normalizeHost(host: string): string | undefined {
  const [address = '', zone] = host.split('%');
  if (isIPv6(address)) return zone === undefined ? address.toLowerCase() : `${address.toLowerCase()}%${zone}`;
  const plain = host
    .replace(ESCAPE, (escaped) => {
      const char = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      return UNRESERVED.test(char) ? char : escaped;
    })
    .toLowerCase()
    .replace(ESCAPE, (escaped) => escaped.toUpperCase());
  if (!/\P{ASCII}/u.test(plain)) return plain;
  return domainToASCII(plain) || undefined;
}
