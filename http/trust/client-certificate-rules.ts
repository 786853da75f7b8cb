/** `CLIENT_CERTIFICATES`: which client certificate is shown to which host. */
import { isIPv6 } from 'node:net';

export interface ClientCertificateRule {
  /** In lower case; `*` stands for any characters, dots too. */
  host: string;
  certFile: string;
  /** The same as `certFile` when none was given. */
  keyFile: string;
}

const HOST = /^[a-z0-9*._-]+$/;

/**
 * Reads `HOST=CERT_FILE[:KEY_FILE]` entries with commas between them; `HOST` may be a glob such as
 * `*.corp.example`. Problems name the entry by its number: the text itself may be anything.
 */
export function parseClientCertificates(text: string): {
  rules: ClientCertificateRule[];
  problems: string[];
} {
  const rules: ClientCertificateRule[] = [];
  const problems: string[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    if (entry.trim() === '') continue;
    const equals = entry.indexOf('=');
    const host = normalizeHost(entry.slice(0, Math.max(equals, 0)).trim());
    const files = entry.slice(equals + 1).split(':');
    const [certFile = '', keyFile = certFile] = files.map((file) => file.trim());
    const complain = (what: string): unknown =>
      problems.push(`CLIENT_CERTIFICATES, entry ${index + 1}: ${what}`);
    if (host === '' || certFile === '' || keyFile === '' || files.length > 2)
      complain('is not of the form HOST=CERT_FILE[:KEY_FILE]');
    else if (!HOST.test(host) && !isIPv6(host))
      complain(
        'the host is a name, an address or a glob such as *.corp.example, without scheme, port and path',
      );
    else rules.push({ host, certFile, keyFile });
  }
  return { rules, problems };
}

/** The first rule for a host, which may be written as in a URL. */
export function ruleFor(rules: ClientCertificateRule[], host: string): ClientCertificateRule | undefined {
  const name = normalizeHost(host);
  return rules.find((rule) => globToRegExp(rule.host).test(name));
}

/** Lower case, without IPv6's brackets and the dot of a fully qualified name; IPv6 in its shortest form. */
function normalizeHost(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  return isIPv6(name) && !name.includes('%') ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
}

function globToRegExp(glob: string): RegExp {
  const parts = glob.split('*').map((part) => part.replace(/[.\\[\]{}()+?^$|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
