/**
 * Which targets the agent may call: a decision on names and addresses of http(s) URLs, without any I/O.
 *
 * Two rules: ALLOWED_TARGETS, when it is set, and addresses that are refused unless it names them by address.
 * A name is judged before connecting, its addresses when they are known. Behind a proxy they never are.
 */
import { parseAddress } from './address.js';
import { isMetadataName, METADATA_RULE, type Refusal, refusalOf } from './refused-addresses.js';
import { fitsAddress, fitsName, fitsUrl, hostOf, parseEntry, type TargetEntry } from './target-entry.js';

export type Verdict = { allowed: true } | Refused;

export interface Refused {
  allowed: false;
  /** `ALLOWED_TARGETS`, or what is refused: `link-local addresses`. */
  rule: string;
  /** A sentence for people, with what to do; of the URL, it has host and port only. */
  reason: string;
}

export interface Policy {
  /** Before connecting. A direct call that is allowed here still has each address checked. */
  checkTarget(url: URL, route: 'direct' | 'proxy'): Verdict;
  /** For direct connections, on each address that the host resolved to. */
  checkAddress(url: URL, address: string): Verdict;
  /** For the start-up log: `every target`, or `gitlab.corp, 10.0.0.0/8`. */
  summary: string;
}

const VARIABLE = 'ALLOWED_TARGETS';
const ALLOWED: Verdict = { allowed: true };

/**
 * Reads ALLOWED_TARGETS; every target is allowed when it is blank or not set. Each problem is a sentence that
 * names the entry and the right form; nothing of the value is shown when it may hold a password.
 */
export function parsePolicy(allowedTargets: string | undefined): { policy: Policy } | { problems: string[] } {
  const value = allowedTargets?.trim() ?? '';
  if (value === '') return { policy: createPolicy([]) };
  if (value.includes('@')) {
    return { problems: [`${VARIABLE} holds an @: write hosts without user and password`] };
  }
  const texts = value
    .split(',')
    .map((text) => text.trim())
    .filter(Boolean);
  if (texts.length === 0) {
    return { problems: [`${VARIABLE} holds commas only: write targets, or leave it empty to allow all`] };
  }
  const entries: TargetEntry[] = [];
  const problems: string[] = [];
  for (const text of texts) {
    const entry = parseEntry(text);
    if ('problem' in entry) problems.push(`${VARIABLE} holds "${shown(text)}": ${entry.problem}`);
    else entries.push(entry);
  }
  return problems.length > 0 ? { problems } : { policy: createPolicy(entries) };
}

/** The query of a pasted URL may hold a token. */
function shown(text: string): string {
  return text.replace(/[?#].*$/s, '…');
}

function createPolicy(entries: TargetEntry[]): Policy {
  function checkTarget(url: URL, route: 'direct' | 'proxy'): Verdict {
    const host = hostOf(url);
    if (parseAddress(host)) return checkAddress(url, host);
    if (route === 'proxy' && isMetadataName(host)) return refusedMetadataName(url);
    if (isAllowedByName(url)) return ALLOWED;
    const byAddress = entries.some((entry) => entry.network && fitsUrl(entry, url));
    if (byAddress && route === 'direct') return ALLOWED;
    return byAddress ? refusedBehindProxy(url) : refusedByList(url, `${url.host} is not in it`);
  }

  function checkAddress(url: URL, text: string): Verdict {
    const address = parseAddress(text);
    if (!address) {
      return refused(
        'unreadable addresses',
        `${url.host} was resolved to no address; check this network's DNS`,
      );
    }
    const fitting = entries.filter((entry) => fitsUrl(entry, url));
    const exceptions = fitting.flatMap(({ network }) => network ?? []);
    const refusal = refusalOf(address, exceptions);
    if (refusal) return refusedAddress(url, address.text, refusal, entries.length === 0);
    if (isAllowedByName(url)) return ALLOWED;
    if (fitting.some((entry) => fitsAddress(entry, address))) return ALLOWED;
    return refusedByList(url, `${subject(url, address.text)} is not in it`);
  }

  function isAllowedByName(url: URL): boolean {
    const host = hostOf(url);
    return entries.length === 0 || entries.some((entry) => fitsUrl(entry, url) && fitsName(entry, host));
  }

  function refusedByList(url: URL, what: string): Verdict {
    const address = parseAddress(hostOf(url));
    const namesHost = entries.some(
      (entry) => fitsName(entry, hostOf(url)) || (address && fitsAddress(entry, address)),
    );
    const why = namesHost ? `it has ${url.host} with another scheme, port or project only` : what;
    return refused(VARIABLE, `${VARIABLE} does not allow this call: ${why}; add it if it may be called`);
  }

  const summary = entries.map(({ text }) => text).join(', ') || 'every target';
  return { checkTarget, checkAddress, summary };
}

function refused(rule: string, reason: string): Verdict {
  return { allowed: false, rule, reason };
}

/** `10.1.2.3`, or `hook.example (10.1.2.3)`. */
function subject(url: URL, address: string): string {
  return parseAddress(hostOf(url)) ? url.host : `${url.host} (${address})`;
}

function refusedAddress(url: URL, address: string, refusal: Refusal, allowsAll: boolean): Verdict {
  const { rule } = refusal;
  const named = refusal.address.text;
  const what = `${subject(url, address)} is one of the ${rule}, which the agent does not call`;
  // The first entry of a list shuts out every other target, which nobody means here.
  const entry = allowsAll ? `set ${VARIABLE} to *,${named}` : `add ${named} to ${VARIABLE}`;
  return refused(rule, `${what}; if it must, ${entry}`);
}

function refusedMetadataName(url: URL): Verdict {
  const what = `${url.host} is a cloud's metadata service, which the agent does not call through a proxy`;
  return refused(METADATA_RULE, `${what}; if it must be called, list it in NO_PROXY`);
}

function refusedBehindProxy(url: URL): Verdict {
  const what = `${VARIABLE} does not have the name ${url.host}, and behind a proxy only names can be checked`;
  return refused(
    VARIABLE,
    `${what}, not addresses; add the name, or list it in NO_PROXY to call it directly`,
  );
}
