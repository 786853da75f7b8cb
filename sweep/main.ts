/** The command `sweep`: one look through the last seven days, for a cron job or after a bad day. */
import { Client } from '@temporalio/client';
import type { Config } from '../config/config.js';
import { createOutbound } from '../http/outbound.js';
import { PortClient } from '../port/client.js';
import type { Logger } from '../telemetry/logger.js';
import { USER_AGENT } from '../telemetry/version.js';
import { connectToTemporal } from '../temporal/connection.js';
import { sweep } from './sweep.js';

const LOOK_BACK_MS = 7 * 24 * 3_600_000;

export async function runSweep(config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  const portApi = createOutbound({
    tls: { verify: true },
    keepAlive: true,
    followRedirects: false,
    userAgent: USER_AGENT,
    connectTimeoutMs: 15_000,
  });
  const { connection, namespace } = await connectToTemporal(config.environment, logger, stop);
  try {
    const client = new Client({ connection, namespace });
    const { looked, ended } = await sweep(
      client,
      new PortClient(config.port, portApi),
      logger,
      Date.now() - LOOK_BACK_MS,
    );
    logger.info({ looked, ended: ended.length }, 'swept');
  } finally {
    await portApi.close();
    await connection.close();
  }
}
