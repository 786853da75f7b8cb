/** Where the runs come from, as the configuration says: another source is one more file and one more line here. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { Network } from '../http/network.js';
import { secureContextOf } from '../http/trust/secure-context.js';
import { PortClaims } from '../port/claims.js';
import { type PortClient, PortError } from '../port/client.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { type KafkaAccess, KafkaSource } from './kafka-source.js';
import { PollingSource } from './polling-source.js';
import type { RecordSource } from './record-source.js';

const LONGEST_WAIT_MS = 30_000;
const ANNOUNCE_AGAIN_MS = 60_000;
const PORT_IS_AWAY =
  'Port has not given the Kafka credentials yet: check that PORT_API_BASE_URL can be reached from here, and the log';

/** @throws what Port refuses for good: credentials, or an organization without Kafka. */
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
  const access = async () => ({
    ...(await kafkaAccess(config, client)),
    // Looked at anew for each consumer that is built: the files may have changed.
    tls: secureContextOf(network.trust.current()),
  });
  const port = health.part('port', PORT_IS_AWAY);
  await firstAccess(access, logger, stop);
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
      const reason = error instanceof Error ? error.message : 'unknown reason';
      const advice = "Unless Port's setting is so already, runs go another way";
      logger.warn({ source }, `Port could not be told that runs come by ${source}: ${reason}. ${advice}`);
      if (isRefusal(error)) return;
      await delay(ANNOUNCE_AGAIN_MS, undefined, { signal: stop }).catch(() => {});
    }
  }
}

/** Brokers and credentials as Port's API names them, or as configured for a local Port. */
async function kafkaAccess(config: Config, client: PortClient): Promise<Omit<KafkaAccess, 'tls'>> {
  if (config.kafka.brokers) return { brokers: config.kafka.brokers };
  const credentials = await client.kafkaCredentials();
  if (!credentials) {
    throw new NoKafkaError(
      "Port gives this organization no Kafka credentials. Set STREAMER_NAME=POLLING to claim runs from Port's API instead, or ask Port's support to enable Kafka",
    );
  }
  const { brokers, username, password } = credentials;
  return { brokers, sasl: { username, password } };
}

class NoKafkaError extends Error {}

/** Waits for Port as long as it is unreachable. @throws what waiting can't mend. */
async function firstAccess(
  ask: () => Promise<KafkaAccess>,
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  for (let waitMs = 1000; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      await ask();
      return;
    } catch (error) {
      if (error instanceof NoKafkaError || isRefusal(error)) throw error;
      logger.error(
        { retryInMs: waitMs },
        `Port can't be asked for the Kafka credentials: ${error instanceof Error ? error.message : error}`,
      );
      await delay(waitMs, undefined, { signal: stop });
    }
  }
}

/** What asking again does not mend. */
function isRefusal(error: unknown): boolean {
  return error instanceof PortError && error.status < 500 && error.status !== 429;
}
