/** Entries of NO_PROXY that match nothing, or less than they seem to, and what to write instead. */
import { isIPv4, isIPv6 } from 'node:net';
import { MAX_PORT, normalizeHost, splitUrl } from './address.js';
import type { ProxyVariables } from './environment.js';
import { parseIpv4, parseNetwork } from './ipv4.js';
import { readUrlEntry } from './no-proxy.js';

/** One sentence for each; entries are counted instead of quoted when the list may contain credentials. */
export function noProxyWarnings(variables: ProxyVariables): string[] {
  const variable = variables.exactNoProxy ?? variables.byKey.get('no');
  if (!variable) return [];
  const { name, value } = variable;
  const entries = value === '*' ? [] : value.split(',');
  const ofEntries = entries.flatMap((entry, index) => {
    const advice = adviceFor(entry);
    const shown = value.includes('@') ? `entry ${index + 1}` : JSON.stringify(entry);
    return advice ? [`${name}: ${shown} ${advice}`] : [];
  });
  return [...spellingWarning(variables), ...ofEntries];
}

/** The list is looked up twice, under names that are not equally strict. */
function spellingWarning({ byKey, exactNoProxy }: ProxyVariables): string[] {
  const any = byKey.get('no');
  if (exactNoProxy && !any) {
    return [
      `no_proxy is empty, so that upper-case letters and * do not count in ${exactNoProxy.name}: unset no_proxy`,
    ];
  }
  if (any && !exactNoProxy)
    return [`${any.name}: networks and ports do not count in this spelling: write NO_PROXY`];
  if (!any || any.value === exactNoProxy?.value) return [];
  return [`${exactNoProxy?.name} and ${any.name} are both set and differ: keep one of them`];
}

/** What follows the quoted entry in the sentence; undefined when the entry does what it says. */
function adviceFor(entry: string): string | undefined {
  const text = entry.trim();
  if (text === '') return undefined;
  const isUrl = splitUrl(text)?.scheme !== undefined;
  if (text.includes('@') && !isUrl) return nothing('write the host alone');
  const general = adviceOnWriting(entry);
  if (general) return general;
  if (isUrl) return adviceOnUrl(text);
  return text.includes('/') ? adviceOnPath(entry) : adviceOnHost(entry);
}

function adviceOnWriting(entry: string): string | undefined {
  const text = entry.trim();
  if (/["']/.test(text)) return nothing('remove the quotation marks');
  if (text === '*') return 'matches nothing in a list or beside a space: write * as the whole value';
  if (text.includes('*')) {
    const suffix = /^\*(\.[^*]+)$/.exec(text)?.[1];
    return nothing(suffix ? `write ${suffix}` : 'write a name, which covers the names below it as well');
  }
  if (/[\s;|]/.test(text) && !parseNetwork(withoutSpaces(entry)))
    return nothing('separate entries with commas');
  return undefined;
}

function adviceOnUrl(text: string): string | undefined {
  if (!readUrlEntry(text)) return nothing('write a host, or a URL with one');
  const isNetwork = /^\/[0-9]+$/.test(splitUrl(text)?.rest ?? '');
  return isNetwork ? 'is not taken for a network: write it without the scheme' : undefined;
}

function adviceOnPath(entry: string): string | undefined {
  const text = entry.trim();
  const base = (text.split('/')[0] ?? '').trim();
  if (parseNetwork(withoutSpaces(entry))) {
    return base.split('.').length === 4
      ? undefined
      : 'may be another network than meant: write all four numbers';
  }
  if (parseNetwork(text)) return BESIDE;
  if (parseIpv4(base) !== undefined) {
    return nothing('the mask is one of /1 to /32; for every target, write * as the whole value');
  }
  if (isIPv6(base.replace(/^\[|\]$/g, ''))) {
    return nothing('networks of IPv6 are not known here; write addresses or names');
  }
  return nothing(`write ${text.replace(/^\/+/, '').split('/')[0]}, without a path`);
}

function adviceOnHost(entry: string): string | undefined {
  const text = entry.trim();
  if (text.startsWith('[')) {
    return readUrlEntry(text)
      ? undefined
      : nothing('write an IPv6 address in the brackets, and a port after them');
  }
  if (/\P{ASCII}/u.test(text)) return nothing(`write ${normalizeHost(text) ?? 'the name as xn--...'}`);
  if ((/^[0-9.]+$/.test(text) && !isIPv4(text)) || RANGE.test(text)) {
    return 'is neither an address nor a network: write a network like 10.1.2.0/24';
  }
  if (text.endsWith('.'))
    return 'matches only hosts written with a dot at their end: write it without the dot';
  const [, host, port] = /^([^:]*):([^:]*)$/.exec(text) ?? [];
  return host === undefined || port === undefined ? undefined : adviceOnPort(host, port, entry);
}

function adviceOnPort(host: string, port: string, entry: string): string | undefined {
  if (host === '') return nothing('write the host before the port');
  if (parseIpv4(host) !== undefined) return nothing(`ports of addresses do not count; write ${host}`);
  if (!/^[1-9][0-9]*$/.test(port) || Number(port) > MAX_PORT)
    return nothing('write a port from 1 to 65535, or none');
  if (/[A-Z]/.test(host))
    return nothing(`beside a port, upper case counts; write ${host.toLowerCase()}:${port}`);
  if (withoutSpaces(entry) !== entry.trim()) return BESIDE;
  if (port !== '80' && port !== '443') return undefined;
  return `matches only URLs that spell the port out: write ${host} for the others`;
}

const BESIDE = 'matches nothing: remove the tab or line break beside it';
const RANGE = /^[0-9]+(?:\.[0-9]+){3}-/;

function nothing(remedy: string): string {
  return `matches nothing: ${remedy}`;
}

/** As requests reads the list: without spaces, with other white space. */
function withoutSpaces(entry: string): string {
  return entry.replaceAll(' ', '');
}
