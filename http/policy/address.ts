/** Internet addresses as numbers: however an address is spelled, it is the same number. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  /** 32 for IPv4, 128 for IPv6. */
  bits: 32 | 128;
  value: bigint;
  /** As it is usually written, for messages. */
  text: string;
}

export interface Network {
  first: Address;
  /** How many leading bits its addresses share. */
  prefix: number;
}

/**
 * Reads an address, with or without brackets and zone (`fe80::1%eth0`); undefined for anything else. An
 * IPv4-mapped one (`::ffff:10.1.2.3`) is IPv4: connecting to it opens an IPv4 connection.
 */
export function parseAddress(text: string): Address | undefined {
  const plain = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  if (isIPv4(plain)) return addressOf(32, joined(plain.split('.').map(BigInt), 8n));
  if (!isIPv6(plain)) return undefined;
  const value = joined(wordsOf(plain), 16n);
  return value >> 32n === 0xffffn ? addressOf(32, value & 0xffff_ffffn) : addressOf(128, value);
}

/** Reads `10.0.0.0/8`; undefined unless the address is the first one of the network. */
export function parseNetwork(text: string): Network | undefined {
  const [, start = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseAddress(start);
  if (!address || Number(length) > address.bits) return undefined;
  const network = networkAround(address, Number(length));
  return network.first.value === address.value ? network : undefined;
}

/** The network of this length that an address lies in. */
export function networkAround(address: Address, prefix: number): Network {
  const rest = BigInt(address.bits - prefix);
  return { first: addressOf(address.bits, (address.value >> rest) << rest), prefix };
}

export function contains({ first, prefix }: Network, address: Address): boolean {
  const rest = BigInt(first.bits - prefix);
  return first.bits === address.bits && first.value >> rest === address.value >> rest;
}

/** An IPv4 address inside an IPv6 one. */
export interface Embedded {
  address: Address;
  /** A translator delivers to that address (NAT64), rather than to something near or behind it. */
  translated: boolean;
}

/** Which IPv6 networks carry an IPv4 address, and how many bits follow it. */
const EMBEDDINGS = [
  { network: '::/96', after: 0n, translated: false }, // IPv4-compatible, RFC 4291 2.5.5.1
  { network: '::ffff:0:0:0/96', after: 0n, translated: true }, // IPv4-translated, RFC 2765
  { network: '64:ff9b::/96', after: 0n, translated: true }, // NAT64, RFC 6052
  { network: '64:ff9b:1::/48', after: 0n, translated: true }, // NAT64 of one's own, RFC 8215
  { network: '2002::/16', after: 80n, translated: false }, // 6to4, RFC 3056
].map((row) => ({ ...row, network: knownNetwork(row.network) }));

/** The IPv4 address that an IPv6 address carries, or undefined. */
export function embeddedIPv4(address: Address): Embedded | undefined {
  const row = EMBEDDINGS.find(({ network }) => contains(network, address));
  // `::` and `::1` lie in the network of IPv4-compatible addresses and are none.
  if (!row || address.value <= 1n) return undefined;
  const value = (address.value >> row.after) & 0xffff_ffffn;
  return { address: addressOf(32, value), translated: row.translated };
}

/** A network written in the sources; throws when it is miswritten. */
export function knownNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (!network) throw new Error(`${text} is no network`);
  return network;
}

function addressOf(bits: 32 | 128, value: bigint): Address {
  if (bits === 32) return { bits, value, text: parts(value, 4, 8n).join('.') };
  const words = parts(value, 8, 16n).map((word) => word.toString(16));
  return { bits, value, text: canonical(words.join(':')) };
}

/** The eight words of an IPv6 address in any spelling. */
function wordsOf(text: string): bigint[] {
  const [head = '', tail = ''] = canonical(text).split('::');
  const words = (half: string): bigint[] => (half ? half.split(':').map((word) => BigInt(`0x${word}`)) : []);
  const [front, back] = [words(head), words(tail)];
  return [...front, ...Array<bigint>(8 - front.length - back.length).fill(0n), ...back];
}

/** The URL parser's spelling: hexadecimal words only, the longest row of zeros as `::`. */
function canonical(ipv6: string): string {
  return new URL(`http://[${ipv6}]`).hostname.slice(1, -1);
}

function joined(numbers: bigint[], bitsEach: bigint): bigint {
  return numbers.reduce((value, number) => (value << bitsEach) | number, 0n);
}

function parts(value: bigint, count: number, bitsEach: bigint): bigint[] {
  const mask = (1n << bitsEach) - 1n;
  return Array.from({ length: count }, (_, i) => (value >> (bitsEach * BigInt(count - 1 - i))) & mask);
}
