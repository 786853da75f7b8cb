/** The connection to Temporal: one native connection a process. */
import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Config } from '../config/config.js';
import type { Network } from '../http/network.js';
import type { HealthPart } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { connectOptions } from './connect-options.js';

export interface TemporalTarget {
  connection: NativeConnection;
  namespace: string;
  address: string;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
const CHECK_EVERY_MS = 10_000;
const CHECK_TIMEOUT_MS = 5000;

/**
 * Connects, and waits for as long as it takes while Temporal can't be reached: every attempt is logged with
 * the address and what to check. A refusal (credentials, certificate) is thrown. From then on, `part` is told
 * whether Temporal answers.
 */
export async function connectToTemporal(
  config: Pick<Config, 'environment' | 'temporal'>,
  network: Pick<Network, 'trust'>,
  logger: Logger,
  stop: AbortSignal,
  part?: HealthPart,
): Promise<TemporalTarget> {
  const { options, address, namespace } = connectOptions(config, network.trust.current());
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      const connection = await NativeConnection.connect(options);
      const target = { connection, namespace, address };
      if (part) void watch(target, part, logger, stop);
      return target;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      if (!isUnreachable(said)) throw new Error(`Temporal at ${address} refuses the connection: ${said}`);
      const advice = `Temporal at ${address} can't be reached; nothing is lost, trying again. Check TEMPORAL_ADDRESS, and TEMPORAL_TLS if it needs TLS`;
      logger.error({ address, retryInMs: waitMs }, advice);
      part?.down(advice);
      await delay(waitMs, undefined, { signal: stop });
    }
  }
}

/**
 * Asks again and again for the namespace, as a worker does when it starts: that takes the server, its store and our
 * credentials. The native core itself only repeats its polls, and says of it no more than a line in the log.
 */
async function watch(
  { connection, namespace, address }: TemporalTarget,
  part: HealthPart,
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  const ask = () => connection.workflowService.describeNamespace({ namespace });
  for (let isAway = false; !stop.aborted; ) {
    const failure = await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, ask).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (stop.aborted) return;
    if (failure === undefined) {
      part.up();
      if (isAway) logger.info({ address }, 'Temporal answers again');
    } else {
      const advice = `Temporal at ${address} does not answer for the namespace ${namespace}; runs wait for it. Check that it is up and can be reached from here`;
      part.down(advice);
      if (!isAway) logger.warn({ address, reason: failure }, advice);
    }
    isAway = failure !== undefined;
    await delay(CHECK_EVERY_MS, undefined, { signal: stop, ref: false }).catch(() => {});
  }
}

/** The native core tells the kinds of failure apart by text alone. */
function isUnreachable(message: string): boolean {
  return /tcp connect|transport error|dns error|timed? ?out|Connection refused|unavailable|deadline/i.test(
    message,
  );
}
