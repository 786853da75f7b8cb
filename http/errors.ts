/**
 * How a call can fail, as the one question that matters for repeating it: was it sent?
 *
 * Codes of the operating system don't answer that: ECONNRESET happens on both sides of the line. The phase
 * does. Whatever fails before the first byte of the request is written is a `NotSentError`; everything after
 * is ambiguous. Messages are made of method, host, phase and code alone: no path, query, header or body, so
 * no secret can be in them.
 */

/** Where in its life a call failed before it was sent. */
export type ConnectPhase = 'name lookup' | 'connect' | 'TLS';

/** What was called, as far as it may be shown: `POST gitlab.example.com`. */
export interface CallLabel {
  method: string;
  host: string;
}

export class NotSentError extends Error {
  override readonly name = 'NotSentError';
  constructor(
    readonly call: CallLabel,
    readonly phase: ConnectPhase,
    /** The code of the failure beneath, such as ECONNREFUSED. Not named `code`: undici acts on that. */
    readonly reason: string,
    /** Trying again can't help until somebody changes the configuration. */
    readonly permanent: boolean,
  ) {
    super(`${call.method} ${call.host} was not sent: ${describePhase(phase, reason)}`);
  }
}

export class AmbiguousError extends Error {
  override readonly name = 'AmbiguousError';
  constructor(
    readonly call: CallLabel,
    readonly reason: string,
    what: string,
  ) {
    super(`${call.method} ${call.host} was sent, but ${what} (${reason})`);
  }
}

/** The address of the call can't be used at all. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
}

function describePhase(phase: ConnectPhase, reason: string): string {
  const advice = ADVICE[reason];
  return `${phase} failed with ${reason}${advice ? `: ${advice}` : ''}`;
}

/** What a code means to the person who has to act on it. */
const ADVICE: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there; check host and port',
  ENOTFOUND: "the name does not exist; check the host's spelling and the DNS of this network",
  EAI_AGAIN: 'the name server did not answer; check the DNS of this network',
  ETIMEDOUT: 'no answer; check that this network lets the agent reach the host',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network of the host',
  ECONNRESET: 'the peer closed the connection before the request was sent',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed; trust it or its CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate comes from a CA that is not trusted; trust that CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate comes from a CA that is not trusted; trust that CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the certificate comes from a CA that is not trusted, or the server leaves out its intermediate certificate',
  CERT_HAS_EXPIRED: 'the certificate has expired; renew it',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet; check the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name; use a name that it contains',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer speaks plain HTTP; write http:// instead of https://',
};

const CERTIFICATE_CODE = /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT_|ERR_SSL_|HOSTNAME_)/;

/** The phase that a connector's failure belongs to, and whether waiting can help. Looks at codes only. */
export function classifyConnectFailure(error: unknown): {
  phase: ConnectPhase;
  reason: string;
  permanent: boolean;
} {
  const reason = codeOf(error);
  if (reason === 'ENOTFOUND' || reason === 'EAI_AGAIN')
    return { phase: 'name lookup', reason, permanent: false };
  if (CERTIFICATE_CODE.test(reason)) return { phase: 'TLS', reason, permanent: true };
  if (reason === 'UND_ERR_CONNECT_TIMEOUT')
    return { phase: 'connect', reason: 'ETIMEDOUT', permanent: false };
  return { phase: 'connect', reason, permanent: false };
}

/** The machine-readable code of an error, of the first one beneath it when there are several. */
export function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: unknown[] };
  if (typeof code === 'string') return code;
  return errors?.[0] ? codeOf(errors[0]) : 'UNKNOWN';
}
