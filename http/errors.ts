/**
 * How a call can fail, as the one question that matters for repeating it: was it sent?
 *
 * Codes of the operating system don't answer that: ECONNRESET happens on both sides of the line. The phase
 * does. Whatever fails before the first byte of the request is written is a `NotSentError`; everything after
 * is ambiguous. Messages are made of method, hosts, phase, code and advice: no path, query, header, body or
 * credential, so no secret can be in them.
 */
import { explanationOf } from './advice.js';

/** Where on its way a call failed before it was sent. */
export type ConnectPhase = 'policy' | 'name lookup' | 'connect' | 'SOCKS' | 'CONNECT' | 'TLS';

/** What was called, as far as it may be shown: `POST gitlab.example.com`. */
export interface CallLabel {
  method: string;
  host: string;
}

/** One step of opening a connection that failed. */
export interface FailedStep {
  phase: ConnectPhase;
  /** Whom the step was for: `gitlab.corp:443`, `the proxy proxy.corp:3128`. */
  to: string;
  /** The proxy in between: `proxy.corp:3128`. */
  through?: string;
  /** The code of the failure, such as ECONNREFUSED or PROXY_407. */
  code: string;
  /** What is known about this failure beyond its code: `the certificate is signed by "Corp Root CA"`. */
  detail?: string;
}

export class NotSentError extends Error {
  override readonly name = 'NotSentError';
  readonly phase: ConnectPhase;
  /** The code of the failure beneath, such as ECONNREFUSED. Not named `code`: undici acts on that. */
  readonly reason: string;
  /** Trying again can't help until somebody changes the configuration. */
  readonly permanent: boolean;

  constructor(
    readonly call: CallLabel,
    readonly step: FailedStep,
  ) {
    const { permanent, text } = explanationOf(step);
    super(`${call.method} ${call.host} was not sent: ${text}`);
    this.phase = step.phase;
    this.reason = step.code;
    this.permanent = permanent;
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

/** The machine-readable code of an error, of the first one beneath it when there are several, else its class. */
export function codeOf(error: unknown): string {
  const { code, errors, name } = error as { code?: unknown; errors?: unknown[]; name?: unknown };
  if (typeof code === 'string') return code;
  if (errors?.[0]) return codeOf(errors[0]);
  return typeof name === 'string' && name !== 'Error' ? name : 'UNKNOWN';
}
