/** The TLS step: a handshake on an open connection, and why a certificate is not accepted, in words. */
import { isIP, type Socket } from 'node:net';
import { connect, type DetailedPeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { StepError, settled } from './step.js';
import { happening } from './tcp.js';

export interface TlsSettings {
  context: SecureContext;
  /** False accepts any certificate. */
  verify: boolean;
}

const MAX_NAMES = 5;

/** Secures `socket` for `host`. @throws StepError in the phase 'TLS', with what is wrong with the certificate. */
export async function secure(
  socket: Socket,
  host: string,
  { context, verify }: TlsSettings,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const secured = connect({
    socket,
    host,
    // Never derived from a Host header: through a proxy that would be the name of another hop.
    servername: isIP(host) === 0 ? host : '',
    secureContext: context,
    ALPNProtocols: ['http/1.1'],
    // Node takes the connection down before anybody can ask who signed the certificate. So it is told not to,
    // and what it found out is acted on below, before anything is written.
    rejectUnauthorized: false,
  });
  secured.on('error', () => {});
  try {
    await settled(happening(secured, 'secureConnect'), signal);
    if (verify && !secured.authorized) throw refusalOf(secured);
    return secured;
  } catch (error) {
    secured.destroy();
    throw StepError.of(error, 'TLS');
  }
}

function refusalOf(socket: TLSSocket): StepError {
  // Node's types call it an error; it is the code.
  const code = String(socket.authorizationError);
  return new StepError('TLS', code, describe(code, socket.getPeerCertificate(true)));
}

/** What is wrong with the certificate itself; undefined when its code says it all. */
function describe(code: string, certificate: DetailedPeerCertificate): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `the certificate is for ${namesIn(certificate)}`;
  const chain = chainOf(certificate);
  if (code === 'CERT_HAS_EXPIRED') {
    const expired = chain.find(({ valid_to }) => Date.parse(valid_to) < Date.now()) ?? certificate;
    return `the certificate of ${nameOf(expired.subject)} expired on ${dateOf(expired.valid_to)}`;
  }
  if (code === 'CERT_NOT_YET_VALID')
    return `the certificate is valid from ${dateOf(certificate.valid_from)} on`;
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') return undefined;
  const top = chain.at(-1) ?? certificate;
  return `the certificate is signed by ${nameOf(top.issuer)}, which is not trusted`;
}

/** The certificates that the server sent, its own first; the last one's issuer is what would have to be trusted. */
function chainOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain = [certificate];
  for (let next = certificate.issuerCertificate; next && !chain.includes(next); next = next.issuerCertificate)
    chain.push(next);
  return chain;
}

type Name = Partial<Record<'CN' | 'O' | 'OU', string | string[]>>;

function nameOf(subject: Name): string {
  return `"${[subject.CN ?? subject.O ?? subject.OU ?? 'a CA without a name'].flat().join(', ')}"`;
}

function namesIn({ subjectaltname, subject }: DetailedPeerCertificate): string {
  const names = (subjectaltname ?? '')
    .split(', ')
    .flatMap((name) => name.replace(/^(DNS|IP Address):/, '') || []);
  if (names.length === 0) return nameOf(subject);
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more names` : shown;
}

function dateOf(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString().slice(0, 10);
}
