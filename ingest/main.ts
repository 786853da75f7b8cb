/** The ingester process: every run that Port publishes becomes one workflow, and is committed once Temporal has it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import { createOutbound } from '../http/outbound.js';
import { PortClient, PortError } from '../port/client.js';
import type { Logger } from '../telemetry/logger.js';
import { USER_AGENT } from '../telemetry/version.js';
import { connectToTemporal } from '../temporal/connection.js';
import { createWorkflowStarter } from '../temporal/start-workflow.js';
import { createBatchHandler } from './accept-batch.js';
import { type KafkaAccess, KafkaSource } from './kafka-source.js';

const LONGEST_WAIT_MS = 30_000;

export async function runIngest(config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  const { calls, kafka, port } = config;
  const portApi = createOutbound({
    tls: { verify: true },
    keepAlive: true,
    followRedirects: false,
    userAgent: USER_AGENT,
    connectTimeoutMs: 15_000,
  });
  const client = new PortClient(port, portApi);
  // Asked first, so that credentials which Port refuses are told at once.
  await firstAccess(() => kafkaAccess(config, client), logger, stop);
  const target = await connectToTemporal(config.environment, logger, stop);
  try {
    const starter = await createWorkflowStarter(target, config.temporal.taskQueue, logger);
    const source = new KafkaSource({
      settings: kafka,
      access: () => kafkaAccess(config, client),
      logger,
    });
    const handle = createBatchHandler({
      starter,
      decision: {
        clientSecret: port.clientSecret,
        gitlabUrl: calls.gitlabUrl,
        gitlabWithoutAgent: calls.gitlabWithoutAgent,
        unmatchedRuns: calls.unmatchedRuns,
        policy: {
          callTimeoutMs: calls.timeoutMs,
          workerLostAfterMs: calls.workerLostAfterMs,
          retryWindowMs: calls.retryWindowMs,
          maxWaitMs: calls.maxWaitMs,
        },
      },
      concurrentStarts: config.concurrentStarts,
      logger,
    });
    stop.addEventListener('abort', () => void source.stop(), { once: true });
    if (!stop.aborted) await source.run(handle);
  } finally {
    await portApi.close();
    await target.connection.close();
  }
}

/** Brokers and credentials as Port's API names them, or as configured for a local Port. */
async function kafkaAccess(config: Config, client: PortClient): Promise<KafkaAccess> {
  if (config.kafka.brokers) return { brokers: config.kafka.brokers };
  const credentials = await client.kafkaCredentials();
  if (!credentials) {
    throw new NoKafkaError(
      "Port gives this organization no Kafka credentials. Ask Port's support to enable Kafka for it; the other way, polling, is not built yet",
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
      const final =
        error instanceof NoKafkaError ||
        (error instanceof PortError && error.status < 500 && error.status !== 429);
      if (final) throw error;
      logger.error(
        { retryInMs: waitMs },
        `Port can't be asked for the Kafka credentials: ${error instanceof Error ? error.message : error}`,
      );
      await delay(waitMs, undefined, { signal: stop });
    }
  }
}
