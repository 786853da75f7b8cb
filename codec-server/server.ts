/** The listening socket: plain or TLS, with time limits for slow clients, and a certificate that follows its files. */
import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { ConfigurationError } from '../config/config.js';
import { type CertificateFiles, readServerCertificate } from '../config/server-certificate.js';
import { listen } from '../telemetry/listen.js';
import type { Logger } from '../telemetry/logger.js';
import { type Answer, answerRequest, type Desk } from './answer-request.js';

/** A whole request in half a minute, its headers in ten seconds; access tokens with many groups are long. */
const LIMITS = {
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  // How often Node looks for those that took longer; its own 30 s would be added to them.
  connectionsCheckingInterval: 2000,
  keepAliveTimeout: 5000,
  maxHeaderSize: 64 * 1024,
};
/** For the handshake of TLS, whose end those limits begin with. */
const TLS_LIMITS = { ...LIMITS, handshakeTimeout: 10_000 };
/** Requests under way are answered within this, at the end. */
const CLOSING_GRACE_MS = 5000;
const MAX_CONNECTIONS = 500;
/** As often as `http/` looks at the files of its own certificates. */
const LOOK_EVERY_MS = 60_000;

export interface CodecServer {
  port: number;
  /** Requests under way are answered. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** 0: a free one. */
  port: number;
  tls?: CertificateFiles;
  /** How often its certificate's files are looked at; default a minute. */
  lookEveryMs?: number;
}

/**
 * Listens on every address, IPv4 and IPv6.
 *
 * @throws ConfigurationError when the port or the certificate can't be used.
 */
export async function startServer(
  { port, tls, lookEveryMs }: ServerOptions,
  desk: Desk,
): Promise<CodecServer> {
  const listener: RequestListener = (request, response) => {
    void answerRequest(request, desk).then((answer) => {
      const { status, headers, body } = withCommonHeaders(answer);
      response.writeHead(status, headers).end(body);
      // What nobody has read must not keep the connection from being used again.
      request.resume();
    });
  };
  const { server, stopLooking } = tls
    ? createSecureServer(tls, listener, desk.logger, lookEveryMs)
    : { server: createPlainServer(LIMITS, listener), stopLooking: () => {} };
  server.maxConnections = MAX_CONNECTIONS;
  return {
    port: await listen(server, port, 'CODEC_SERVER_PORT'),
    async close() {
      stopLooking();
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      // Connections without a request are known to nobody but the socket's own time limits.
      const late = setTimeout(() => server.closeAllConnections(), CLOSING_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
  };
}

function withCommonHeaders({ status, headers, body }: Answer): Answer {
  const common = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
  return { status, headers: { ...common, ...headers }, body };
}

function createSecureServer(
  files: CertificateFiles,
  listener: RequestListener,
  logger: Logger,
  lookEveryMs = LOOK_EVERY_MS,
): { server: TlsServer; stopLooking(): void } {
  const first = readServerCertificate(files);
  if ('problem' in first) throw new ConfigurationError([`CODEC_SERVER_TLS_CERT_PATH: ${first.problem}`]);
  const server = createTlsServer({ ...TLS_LIMITS, cert: first.cert, key: first.key }, listener);
  logger.info(`the certificate shown is ${first.description}`);
  let current = first;
  let told: string | undefined;
  const look = (): void => {
    const next = readServerCertificate(files);
    // Certificate and key are rarely replaced in one stroke: the old ones stay until the new ones fit.
    if ('problem' in next) {
      if (next.problem !== told) logger.warn(`the certificate stays as it is: ${next.problem}`);
      told = next.problem;
      return;
    }
    told = undefined;
    if (next.cert === current.cert && next.key === current.key) return;
    server.setSecureContext({ cert: next.cert, key: next.key });
    current = next;
    logger.info(`the certificate shown is now ${next.description}`);
  };
  const timer = setInterval(look, lookEveryMs).unref();
  return { server, stopLooking: () => clearInterval(timer) };
}
