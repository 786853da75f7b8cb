/** Where the runs come from, as the configuration says: another source is one more file and one more line here. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { Network } from '../http/network.js';
import { secureContextOf } from '../http/trust/secure-context.js';
import { PortClaims } from '../port/claims.js';
import { forLog, type PortClient } from '../port/client.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { CredentialBook, isRefusal } from './kafka-credentials.js';
import { KafkaSource } from './kafka-source.js';
import { PollingSource } from './polling-source.js';
import type { RecordSource } from './record-source.js';

const ANNOUNCE_AGAIN_MS = 60_000;
const PORT_IS_AWAY =
  'Port has not given the Kafka credentials yet: check that PORT_API_BASE_URL can be reached from here, and the log';

/** @throws what Port refuses for good: credentials, or an organization without Kafka; an AbortError at `stop`. */
export async function createSource(
  config: Config,
  client: PortClient,
  network: Network,
  logger: Logger,
  stop: AbortSignal,
  health: Health,
): Promise<RecordSource> {
  if (config.source === 'POLLING') {
    void announce(config.source, client, logger, stop);
    return new PollingSource({ port: new PortClaims(client), settings: config.polling, logger, health });
  }
  const credentials = new CredentialBook(config.kafka.brokers, client, logger);
  const access = async (wereRefused: boolean) => ({
    ...(await credentials.current(wereRefused)),
    // Looked at anew for each consumer that is built: the files may have changed.
    tls: secureContextOf(network.trust.current()),
  });
  const port = health.part('port', PORT_IS_AWAY);
  await credentials.untilGiven(stop);
  port.up();
  void announce(config.source, client, logger, stop);
  return new KafkaSource({ settings: config.kafka, access, logger, health });
}

/** Has Port hand out runs this way, for the whole organization; told again while Port can't be reached. Never rejects. */
async function announce(
  source: Config['source'],
  client: PortClient,
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    try {
      return await client.announceSource(source);
    } catch (error) {
      if (stop.aborted) return;
      const reason = forLog(error);
      const advice = "Unless Port's setting is so already, runs go another way";
      logger.warn({ source }, `Port could not be told that runs come by ${source}: ${reason}. ${advice}`);
      if (isRefusal(error)) return;
      await delay(ANNOUNCE_AGAIN_MS, undefined, { signal: stop }).catch(() => {});
    }
  }
}
