/**
 * Opens connections for undici, and turns every failure to do so into a `NotSentError`.
 *
 * undici calls the connector before it writes a request, so a failed connector is proof that nothing was
 * sent. This is also the place where another way to the target (a proxy) plugs in.
 */
import { buildConnector } from 'undici';
import { classifyConnectFailure, NotSentError } from './errors.js';

export interface TlsSettings {
  /** False accepts any certificate. */
  verify: boolean;
}

/** A connector for one profile of TLS settings; `timeoutMs` bounds name lookup, TCP and TLS together. */
export function createConnector(tls: TlsSettings, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, rejectUnauthorized: tls.verify });
  return (options, callback) => {
    connect(options, (error, socket) => {
      if (error === null) return callback(null, socket as never);
      const { phase, reason, permanent } = classifyConnectFailure(error);
      callback(
        new NotSentError({ method: '', host: options.host ?? options.hostname }, phase, reason, permanent),
        null,
      );
    });
  };
}
