/** The command `sweep`: one look through the last seven days, for a cron job or after a bad day. */
import { Client } from '@temporalio/client';
import type { Config } from '../config/config.js';
import { openNetwork } from '../http/network.js';
import { openPortClient } from '../port/open-client.js';
import type { Logger } from '../telemetry/logger.js';
import { USER_AGENT } from '../telemetry/version.js';
import { connectToTemporal } from '../temporal/connection.js';
import { dataConverterOf } from '../temporal/data-converter.js';
import { sweep } from './sweep.js';

const LOOK_BACK_MS = 7 * 24 * 3_600_000;

export async function runSweep(config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  const network = openNetwork(config.network, logger);
  const portApi = openPortClient(config.port, network, USER_AGENT);
  const { connection, namespace } = await connectToTemporal(config, network, logger, stop);
  try {
    const client = new Client({ connection, namespace, dataConverter: dataConverterOf(config.temporal) });
    const { looked, ended } = await sweep(client, portApi.client, logger, Date.now() - LOOK_BACK_MS);
    logger.info({ looked, ended: ended.length }, 'swept');
  } finally {
    await portApi.close();
    await connection.close();
  }
}
