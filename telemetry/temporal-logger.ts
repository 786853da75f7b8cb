/** Temporal's SDK and its native core write into the process's own log. */
import { ApplicationFailure } from '@temporalio/common';
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
    logger: temporalLogger(logger),
    // Signals are the command's own business: the order in which things stop matters.
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
    },
  });
}

/** What Temporal's SDK writes into, and activities by their context; it ends up in the process's log. */
export function temporalLogger(logger: Logger): TemporalLogger {
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

/** These lines of the SDK's come with what ended a run or a step: it may quote the message, or what was answered. */
const QUOTING = ['Workflow failed', 'Activity failed'];

/** Of the SDK's metadata, what identifies the run, and errors by their message or kind alone. */
function plain(message: string, meta: LogMetadata = {}): object {
  const { workflowId, workflowType, activityType, attempt, taskQueue, error } = meta;
  const runId = meta['runId'] ?? meta['run_id'];
  const told = QUOTING.includes(message) ? kindOf(error) : messageOf(error);
  return { workflowId, workflowType, activityType, attempt, taskQueue, runId, error: told };
}

/** The type of a failure of ours, such as `PortUnavailable`; the class of any other error. */
function kindOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  if (error instanceof ApplicationFailure && error.type) return error.type;
  return error instanceof Error ? error.name : typeof error;
}

function messageOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 2000);
}
