/** The codec server: shows decrypted payloads to the Temporal UI and command line, for people who may see them. */
import { once } from 'node:events';
import type { CodecServerConfig } from '../config/codec-server.js';
import { openNetwork } from '../http/network.js';
import { createOutbound, type Outbound } from '../http/outbound.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { USER_AGENT } from '../telemetry/version.js';
import { createEncryption } from '../temporal/codec/encryption.js';
import { createAuthentication } from './authenticate.js';
import { createIssuer, type IssuerWatch } from './issuer.js';
import { startServer } from './server.js';
import { SharedToken } from './shared-token.js';

export async function runCodecServer(
  config: CodecServerConfig,
  logger: Logger,
  stop: AbortSignal,
  health: Health,
): Promise<void> {
  const itself = health.part('codec server', 'starting');
  const sharedToken = config.sharedToken === undefined ? undefined : new SharedToken(config.sharedToken);
  const outbound = config.issuer && openWayOut(config, logger);
  const issuer =
    config.issuer && outbound && createIssuer(config.issuer, outbound, watchIssuer(logger, health));
  const server = await startServer(config, {
    config,
    codec: createEncryption(config.codecKeys),
    authenticate: createAuthentication(sharedToken, issuer),
    ...(sharedToken && { sharedToken }),
    logger,
  });
  const { allowedOrigins, namespaces, tls, encodes } = config;
  logger.info(
    { port: server.port, tls: tls !== undefined, allowedOrigins, namespaces, encodes },
    'codec server ready',
  );
  itself.up();
  if (!stop.aborted) await once(stop, 'abort');
  await server.close();
  await outbound?.close();
}

function openWayOut(config: CodecServerConfig, logger: Logger): Outbound {
  return createOutbound({
    network: openNetwork(config.network, logger),
    verifyTls: true,
    keepAlive: false,
    followRedirects: false,
    userAgent: USER_AGENT,
  });
}

/** An issuer that is away is told once. It is no reason to be not ready: the keys last seen may do. */
function watchIssuer(logger: Logger, health: Health): IssuerWatch {
  const part = health.note('issuer of tokens');
  let told: string | undefined;
  return {
    up() {
      if (told !== undefined) logger.info('the issuer of tokens is back');
      told = undefined;
      part.up();
    },
    down(reason) {
      if (told !== reason) logger.warn(`the issuer of tokens can't be used: ${reason}`);
      told = reason;
      part.down('it cannot be reached, or gives no keys: see the log');
    },
  };
}
