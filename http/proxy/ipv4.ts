/** IPv4 addresses and networks as `requests` reads them: with the C library's `inet_aton()`. */

/** An octal, hexadecimal or decimal number each; whatever follows white space is ignored, as glibc does. */
const INET_ATON =
  /^(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)(?:\.(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)){0,3}(?=[\t-\r ]|$)/i;

/** Python's `int()`. */
const INTEGER = /^\s*[+-]?[0-9]+(?:_[0-9]+)*\s*$/;

export interface Network {
  address: number;
  mask: number;
}

/**
 * The address as a number, also for short forms: `127.1` is `127.0.0.1`, `10` is `0.0.0.10`.
 * Undefined when it is none.
 */
export function parseIpv4(text: string): number | undefined {
  const parts = INET_ATON.exec(text)?.[0].split('.').map(parseNumber);
  const last = parts?.pop();
  if (!parts || last === undefined || parts.some((part) => part > 255)) return undefined;
  const room = 256 ** (4 - parts.length);
  if (last >= room) return undefined;
  return parts.reduce((sum, part, index) => sum + part * 256 ** (3 - index), last);
}

function parseNumber(text: string): number {
  return Number(/^0[0-7]+$/.test(text) ? `0o${text}` : text);
}

/** `10.0.0.0/8` with a mask from 1 to 32 bits; undefined for anything else, `0.0.0.0/0` among it. */
export function parseNetwork(text: string): Network | undefined {
  const [base = '', mask = '', ...others] = text.split('/');
  const address = parseIpv4(base);
  const bits = INTEGER.test(mask) ? Number(mask.replaceAll('_', '')) : 0;
  if (others.length > 0 || address === undefined || bits < 1 || bits > 32) return undefined;
  return { address, mask: bitmask(bits) };
}

export function isInNetwork(address: number, network: Network): boolean {
  return ((address ^ network.address) & network.mask) === 0;
}

function bitmask(bits: number): number {
  return -(2 ** (32 - bits));
}
