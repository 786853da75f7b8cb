/** Addresses that no action has a business with: what answers there is the machine itself, or many machines. */
import { type Address, contains, embeddedIPv4, knownNetwork, type Network } from './address.js';

export const METADATA_RULE = 'cloud metadata addresses';

/** The first that fits gives the reason. */
const REFUSED: { rule: string; networks: Network[] }[] = [
  {
    // Whoever can read these holds the credentials of the machine.
    rule: METADATA_RULE,
    networks: [
      '169.254.169.254/32', // AWS, Azure, Google Cloud, Oracle, OpenStack and others
      'fd00:ec2::254/128', // AWS
      'fd00:ec2::23/128', // AWS, credentials of EKS pods
      'fd20:ce::254/128', // Google Cloud
      '168.63.129.16/32', // Azure's wire server
      '100.100.100.200/32', // Alibaba Cloud
      '192.0.0.192/32', // Oracle Cloud Classic
      'fd00:c1::a9fe:a9fe/128', // Oracle Cloud
      'fd00:42::42/128', // Scaleway
    ].map(knownNetwork),
  },
  { rule: 'link-local addresses', networks: ['169.254.0.0/16', 'fe80::/10'].map(knownNetwork) },
  { rule: 'unspecified addresses', networks: ['0.0.0.0/32', '::/128'].map(knownNetwork) },
  { rule: 'multicast addresses', networks: ['224.0.0.0/4', 'ff00::/8'].map(knownNetwork) },
  { rule: 'broadcast addresses', networks: ['255.255.255.255/32'].map(knownNetwork) },
];

/** Names of the metadata services, for proxies that look names up themselves. */
const METADATA_NAMES = new Set([
  'metadata', // Google Cloud's short name
  'metadata.google.internal',
  'metadata.goog',
  'instance-data', // AWS's short name
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
]);

export interface Refusal {
  rule: string;
  /** The address that the rule is about: the one asked for, or the IPv4 address inside it. */
  address: Address;
}

/**
 * The rule that an address falls under, by itself or by an IPv4 address inside it. An operator's `exceptions`
 * lift a rule for the addresses they contain: `64:ff9b::/96` contains no IPv4 address, so link-local ones stay
 * refused behind NAT64.
 */
export function refusalOf(address: Address, exceptions: Network[]): Refusal | undefined {
  if (exceptions.some((network) => network.prefix === address.bits && contains(network, address))) {
    return undefined;
  }
  for (const reading of [address, embeddedIPv4(address)?.address]) {
    if (!reading || exceptions.some((network) => contains(network, reading))) continue;
    const refused = REFUSED.find(({ networks }) => networks.some((network) => contains(network, reading)));
    if (refused) return { rule: refused.rule, address: reading };
  }
  return undefined;
}

/** Whether a host name, in lower case, is one of a cloud's metadata service. */
export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host);
}
