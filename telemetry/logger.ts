/** The process's log: one JSON line an event, on standard output. Message content never goes here. */
import { type Logger, pino } from 'pino';
import type { Config } from '../config/config.js';

export type { Logger };

export function createLogger(level: Config['logLevel'], process: string): Logger {
  return pino({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
