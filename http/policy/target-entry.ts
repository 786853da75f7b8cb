/** The entries of ALLOWED_TARGETS: what they look like, and which URLs and addresses they are about. */
import {
  type Address,
  contains,
  embeddedIPv4,
  type Network,
  networkAround,
  parseAddress,
  parseNetwork,
} from './address.js';
import { gitlabProject } from './gitlab-project.js';
import { matchesGlob } from './glob.js';

export interface TargetEntry {
  /** As the operator wrote it. */
  text: string;
  /** A pattern for host names; `*` alone is every host, whether named or given by its address. */
  name?: string;
  /** Instead of a name: the addresses it allows. */
  network?: Network;
  /** `https:`; any when left out. */
  scheme?: string;
  /** Any when left out. */
  port?: number;
  /** A pattern for GitLab projects in lower case; any URL when left out. */
  project?: string;
}

/** What is wrong with an entry, and the right form: the end of a sentence that names it. */
export interface BadEntry {
  problem: string;
}

const FORM = /^(?:(https?):\/\/)?(\[[^[\]/]+\]|[^/:[\]]+)(?::([^/]*))?(?:\/(.*))?$/i;
const NAME = /^[a-z0-9._*-]+$/;
const PROJECT = /^[\w.*-]+(\/[\w.*-]+)*$/;
const FORMS = 'write HOST, HOST:PORT, HOST/GROUP/PROJECT, an address or a network such as 10.0.0.0/8';

/** Reads one entry. Never throws. */
export function parseEntry(text: string): TargetEntry | BadEntry {
  if (/[\s?#%\\]/.test(text)) return { problem: `it has signs that no target has; ${FORMS}` };
  const [, scheme, rawHost, rawPort, path] = FORM.exec(withBrackets(text)) ?? [];
  if (rawHost === undefined) return { problem: FORMS };
  const port = rawPort === undefined ? undefined : portOf(rawPort);
  if (port === 'bad') return { problem: 'its port is not a number from 1 to 65535; write HOST:PORT' };
  const rest = path?.replace(/\/$/, '');
  const host = parseHost(rawHost, rest, port !== undefined);
  if ('problem' in host) return host;
  const project = rest === undefined || rest === '' || host.usesPath ? undefined : rest.toLowerCase();
  if (project !== undefined && !(PROJECT.test(project) && /[/*]/.test(project))) {
    return { problem: 'what follows the host is no project; write HOST/GROUP/PROJECT or HOST/GROUP/*' };
  }
  return {
    text,
    ...host.matches,
    ...(scheme !== undefined && { scheme: `${scheme.toLowerCase()}:` }),
    ...(port !== undefined && { port }),
    ...(project !== undefined && { project }),
  };
}

/** Whether scheme, port and project of a URL are an entry's; says nothing of the host. */
export function fitsUrl(entry: TargetEntry, url: URL): boolean {
  if (entry.scheme !== undefined && entry.scheme !== url.protocol) return false;
  if (entry.port !== undefined && entry.port !== effectivePort(url)) return false;
  if (entry.project === undefined) return true;
  const project = gitlabProject(url);
  return project !== undefined && matchesGlob(entry.project, project);
}

/** Whether an entry is about a host by its name. An address is no name: only `*` alone is about it too. */
export function fitsName(entry: TargetEntry, host: string): boolean {
  if (entry.name === undefined) return false;
  return entry.name === '*' || (!parseAddress(host) && matchesGlob(entry.name, host));
}

/** Whether an entry is about an address; about one that NAT64 translates, also by what it translates to. */
export function fitsAddress({ network }: TargetEntry, address: Address): boolean {
  if (!network) return false;
  const embedded = embeddedIPv4(address);
  return contains(network, address) || (embedded?.translated === true && contains(network, embedded.address));
}

/** The host of a URL as entries have it: no brackets, and no dot at its end. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function effectivePort(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}

interface Host {
  matches: { name: string } | { network: Network };
  /** What follows the slash is the length of the network. */
  usesPath: boolean;
}

/** `10.0.0.0/8` is a network and never a project, since a project is in a group. */
function parseHost(raw: string, path: string | undefined, hasPort: boolean): Host | BadEntry {
  const host = normalized(raw);
  if (host === undefined) return { problem: `its host is none; ${FORMS}` };
  const address = parseAddress(host);
  if (!address) return { matches: { name: host }, usesPath: false };
  // The URL parser takes `10` for 0.0.0.10; whoever writes `10/8` means something else.
  if (!parseAddress(raw)) return { problem: 'its address is cut short or not decimal; write 10.1.2.3' };
  if (!/^\d+([/:]|$)/.test(path ?? '')) {
    return { matches: { network: networkAround(address, address.bits) }, usesPath: false };
  }
  if (hasPort || !/^\d+$/.test(path ?? '')) {
    return { problem: 'a network has neither port nor project; write 10.0.0.0/8' };
  }
  const network = parseNetwork(`${address.text}/${path}`);
  if (network) return { matches: { network }, usesPath: true };
  const length = Number(path);
  if (length > address.bits) return { problem: `its network is longer than ${address.bits} bits` };
  const whole = `${networkAround(address, length).first.text}/${path}`;
  return {
    problem: `it is inside a network; write ${whole} for the network, ${address.text} for the address`,
  };
}

/** A host in the URL parser's spelling, as hosts of targets are; undefined when it can't be one. */
function normalized(raw: string): string | undefined {
  // Part of an address would be matched as a name: `10.1.*` would allow 10.1.example.com.
  if (raw.includes('*') && raw !== '*' && /^[\d.*]+$/.test(raw)) return undefined;
  const url = `http://${raw}`;
  const host = URL.canParse(url) ? hostOf(new URL(url)) : '';
  return parseAddress(host) || NAME.test(host) ? host : undefined;
}

/** An IPv6 address without brackets gets them, so that its colons are not taken for a port's. */
function withBrackets(text: string): string {
  const [, scheme = '', host = '', rest = ''] = /^(https?:\/\/)?([^/]*)(.*)$/i.exec(text) ?? [];
  return host.includes(':') && !host.startsWith('[') && parseAddress(host)
    ? `${scheme}[${host}]${rest}`
    : text;
}

function portOf(text: string): number | 'bad' {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : 'bad';
}
