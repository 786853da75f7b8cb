/** The connection to Temporal: the SDK's own variables and configuration file, one native connection a process. */
import { setTimeout as delay } from 'node:timers/promises';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import type { Environment } from '../config/config.js';
import type { Logger } from '../telemetry/logger.js';

export interface TemporalTarget {
  connection: NativeConnection;
  namespace: string;
  address: string;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

/**
 * Connects, and waits for as long as it takes while Temporal can't be reached: every attempt is logged with
 * the address and what to check. A refusal (credentials, certificate) is thrown.
 */
export async function connectToTemporal(
  environment: Environment,
  logger: Logger,
  stop: AbortSignal,
): Promise<TemporalTarget> {
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: defined(environment) });
  const address = connectionOptions.address ?? 'localhost:7233';
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      const connection = await NativeConnection.connect(connectionOptions as never);
      return { connection, namespace: namespace ?? 'default', address };
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      if (!isUnreachable(said)) throw new Error(`Temporal at ${address} refuses the connection: ${said}`);
      logger.error(
        { address, retryInMs: waitMs },
        `Temporal at ${address} can't be reached; nothing is lost, trying again. Check TEMPORAL_ADDRESS, and TEMPORAL_TLS if it needs TLS`,
      );
      await delay(waitMs, undefined, { signal: stop });
    }
  }
}

/** The native core tells the kinds of failure apart by text alone. */
function isUnreachable(message: string): boolean {
  return /tcp connect|transport error|dns error|timed? ?out|Connection refused|unavailable|deadline/i.test(
    message,
  );
}

function defined(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((e): e is [string, string] => Boolean(e[1])));
}
