/** kafkajs writes into the process's own log: what failed, without stacks and without connection settings. */
import { type logCreator, logLevel } from 'kafkajs';
import type { Logger } from '../telemetry/logger.js';

export function kafkaLog(logger: Logger): logCreator {
  return () =>
    ({ level, namespace, log }) => {
      const context = { kafkajs: namespace, broker: log['broker'], error: log['error'] };
      // Its errors are retried or end in a crash, which is logged as ours.
      if (level === logLevel.ERROR || level === logLevel.WARN) logger.warn(context, log.message);
      else logger.debug(context, log.message);
    };
}
