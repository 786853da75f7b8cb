/**
 * What a failed step of a connection means to the person who has to act on it, and whether waiting can help.
 *
 * Looked up by code, never by message. Switching verification off is never the advice.
 */
import type { FailedStep } from './errors.js';

interface Explanation {
  what: string;
  todo?: string;
  /** The configuration has to change first. */
  permanent?: true;
}

const MOUNT =
  'as /usr/local/share/ca-certificates/NAME.crt (Helm: selfSignedCertificate), or name its file in REQUESTS_CA_BUNDLE';

const CHECK_BEHIND_PROXY =
  "Check the target's name and port; if it can be reached directly, name the host in NO_PROXY, else look into the proxy's log";

const EXPLANATIONS: Record<string, Explanation> = {
  ECONNREFUSED: { what: 'nothing listens there', todo: 'Check host and port' },
  ENOTFOUND: {
    what: 'the name does not exist',
    todo: "Check the host's spelling and the DNS of this network; behind a proxy, check that the proxy variables cover it",
  },
  EAI_AGAIN: { what: 'the name server did not answer', todo: 'Check the DNS of this network' },
  ETIMEDOUT: {
    what: 'no answer in time',
    todo: 'Check that this network lets the agent reach it, or whether it needs a proxy',
  },
  EHOSTUNREACH: { what: 'there is no route to the host' },
  ENETUNREACH: { what: 'there is no route to the network of the host' },
  ECONNRESET: { what: 'the peer closed the connection before the request was sent' },
  UND_ERR_SOCKET: { what: 'the peer closed the connection before the request was sent' },
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate(
    'the certificate is self-signed',
    `Mount that certificate ${MOUNT}`,
  ),
  SELF_SIGNED_CERT_IN_CHAIN: certificate(
    'the certificate comes from a CA that is not trusted',
    `Mount that CA ${MOUNT}`,
  ),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate(
    'the certificate comes from a CA that is not trusted',
    `Mount that CA ${MOUNT}`,
  ),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate(
    'the certificate comes from a CA that is not trusted, or the server leaves out its intermediate certificate',
    `Mount that CA ${MOUNT}; or have the server send its whole chain`,
  ),
  UNABLE_TO_GET_ISSUER_CERT: certificate(
    'only an intermediate certificate is trusted here',
    `Mount the root CA as well, ${MOUNT}`,
  ),
  CERT_HAS_EXPIRED: certificate('the certificate has expired', 'Have it renewed'),
  CERT_NOT_YET_VALID: certificate('the certificate is not valid yet', 'Check the clocks'),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate(
    'the certificate is for another name',
    'Call the host by a name that its certificate has, or have one issued for this name',
  ),
  ERR_SSL_WRONG_VERSION_NUMBER: {
    what: 'the peer does not speak TLS',
    todo: 'Write http:// instead of https://: for a proxy in its variable, for a target in the address that is called',
    permanent: true,
  },
  PROXY_401: refusal(),
  PROXY_407: refusal(),
  PROXY_403: {
    what: 'the proxy does not allow this host or port',
    todo: 'Have the proxy allow it, or name the host in NO_PROXY if it can be reached directly',
    permanent: true,
  },
  SOCKS_AUTH: refusal(),
  SOCKS_NOT_ALLOWED: {
    what: 'the proxy does not allow this host or port',
    todo: 'Have the proxy allow it, or name the host in NO_PROXY if it can be reached directly',
    permanent: true,
  },
  SOCKS_NO_SOCKS: {
    what: 'the proxy does not speak this version of SOCKS',
    todo: 'Check the scheme in the proxy variable: socks5h://, socks5://, socks4a://, socks4:// or http://',
    permanent: true,
  },
  NOT_ALLOWED: { what: 'the target is not allowed', permanent: true },
};

/** What is said when a code has no words of its own, by the beginning of the code. */
const KINDS: [start: RegExp, Explanation][] = [
  [
    /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT_|HOSTNAME_)/,
    certificate('the certificate is not trusted'),
  ],
  [
    /^(ERR_SSL_|EPROTO)/,
    {
      what: 'the two sides could not agree on TLS',
      todo: 'Check what the peer asks for: its TLS version, or a client certificate (CLIENT_CERTIFICATES)',
      permanent: true,
    },
  ],
  [
    /^PROXY_(5\d\d|408|429)$/,
    {
      what: 'the proxy could not reach the target',
      todo: CHECK_BEHIND_PROXY,
    },
  ],
  [/^PROXY_/, { what: 'the proxy refused to connect', todo: "Look into the proxy's log", permanent: true }],
  [
    /^SOCKS_/,
    {
      what: 'the proxy could not reach the target',
      todo: CHECK_BEHIND_PROXY,
    },
  ],
];

/** The sentence about a failed step, and whether it stays so until somebody changes the configuration. */
export function explanationOf(step: FailedStep): { permanent: boolean; text: string } {
  const found = EXPLANATIONS[step.code] ?? KINDS.find(([start]) => start.test(step.code))?.[1];
  const permanent = found?.permanent === true;
  if (step.phase === 'policy') return { permanent: true, text: step.detail ?? 'the target is not allowed' };
  const through = step.through === undefined ? '' : ` through the proxy ${step.through}`;
  const failed = `${VERBS[step.phase]} ${step.to}${through} failed`;
  const what = step.detail ?? found?.what;
  const because = what === undefined ? ` with ${step.code}` : `: ${what} (${step.code})`;
  return { permanent, text: `${failed}${because}${found?.todo === undefined ? '' : `. ${found.todo}`}` };
}

const VERBS: Record<Exclude<FailedStep['phase'], 'policy'>, string> = {
  'name lookup': 'looking up',
  connect: 'connecting to',
  SOCKS: 'asking for a connection to',
  CONNECT: 'asking for a connection to',
  TLS: 'TLS to',
};

function certificate(what: string, todo?: string): Explanation {
  return { what, permanent: true, ...(todo !== undefined && { todo }) };
}

function refusal(): Explanation {
  return {
    what: 'the proxy does not accept user and password, or wants some',
    todo: 'Check user and password in the proxy variable; special characters in them are percent-encoded',
    permanent: true,
  };
}
