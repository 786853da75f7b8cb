/** Temporal's SDK and its native core write into the process's own log. */
import {
  type LogMetadata,
  makeTelemetryFilterString,
  Runtime,
  type Logger as TemporalLogger,
} from '@temporalio/worker';
import type { Logger } from './logger.js';

/** Settings that hold for the whole process; must run before anything else of Temporal's. */
export function installRuntime(logger: Logger): void {
  Runtime.install({
    logger: bridge(logger),
    // Signals are the command's own business: the order in which things stop matters.
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
    },
  });
}

function bridge(logger: Logger): TemporalLogger {
  const write =
    (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: LogMetadata) =>
      logger[level](plain(message, meta), message);
  return {
    log: (level, message, meta) => write(level.toLowerCase() as 'info')(message, meta),
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
}

/** This line of the SDK's comes with how the run ended, which may quote the target's answer. */
const QUOTES_OUTCOME = 'Workflow failed';

/** Of the SDK's metadata, what identifies the run, and errors by their message alone. */
function plain(message: string, meta: LogMetadata = {}): object {
  const { workflowId, workflowType, activityType, attempt, taskQueue, error } = meta;
  const runId = meta['runId'] ?? meta['run_id'];
  const told = message === QUOTES_OUTCOME ? undefined : messageOf(error);
  return { workflowId, workflowType, activityType, attempt, taskQueue, runId, error: told };
}

function messageOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 2000);
}
