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

/** @throws when a run could not be ended in Port: the command's exit code is 1 then. */
export async function runSweep(config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  const network = openNetwork(config.network, logger);
  const portApi = openPortClient(config.port, network, USER_AGENT);
  const { connection, namespace } = await connectToTemporal(config, network, logger, stop);
  try {
    const client = new Client({ connection, namespace, dataConverter: dataConverterOf(config.temporal) });
    const { looked, ended, failed, gaveUp } = await sweep(
      client,
      portApi.client,
      logger,
      Date.now() - LOOK_BACK_MS,
    );
    logger.info({ looked, ended: ended.length, failed: failed.length }, 'swept');
    if (failed.length > 0) throw new Error(unfinished(failed.length, gaveUp));
  } finally {
    await portApi.close();
    await connection.close();
  }
}

function unfinished(failed: number, gaveUp: boolean): string {
  const what = `${failed} ${failed === 1 ? 'run' : 'runs'} could not be ended in Port; the log says why of each`;
  const rest = gaveUp ? '. The last ones failed in a row, so the rest was not looked at' : '';
  return `${what}${rest}. The next sweep begins anew`;
}
