/** The ingester process: every run that Port hands out becomes one workflow, and is let go of once Temporal has it. */
import type { Config } from '../config/config.js';
import { openNetwork } from '../http/network.js';
import { openMappings } from '../port/mapping/mapping-book.js';
import { openPortClient } from '../port/open-client.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { mappingLog } from '../telemetry/mapping-note.js';
import { USER_AGENT } from '../telemetry/version.js';
import { connectToTemporal } from '../temporal/connection.js';
import { createRetention } from '../temporal/retention.js';
import { createWorkflowStarter } from '../temporal/start-workflow.js';
import { createBatchHandler } from './accept-batch.js';
import { createSource } from './choose-source.js';
import { createMatcher } from './match-mapping.js';
import { createOldRunCheck } from './old-runs.js';

/** A claim's answer holds up to as many messages as are claimed at once. */
const LONGEST_CLAIM_BYTES = 32 * 1024 * 1024;

export async function runIngest(
  config: Config,
  logger: Logger,
  stop: AbortSignal,
  health: Health,
): Promise<void> {
  const { calls, port } = config;
  const temporal = health.part('temporal', 'starting: not connected yet');
  const network = openNetwork(config.network, logger);
  const portApi = openPortClient(port, network, USER_AGENT, { maxBodyBytes: LONGEST_CLAIM_BYTES });
  // Made first, so that credentials which Port refuses are told at once.
  const source = await createSource(config, portApi.client, network, logger, stop, health);
  const told = mappingLog(logger, health);
  const mappings = config.mappingFile && (await openMappings(config.mappingFile, config.environment, told));
  const target = await connectToTemporal(config, network, logger, stop, temporal);
  try {
    const starter = await createWorkflowStarter(target, config.temporal, logger);
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
          retryAmbiguous: calls.retryAmbiguous,
          maxWaitMs: calls.maxWaitMs,
        },
      },
      ...(mappings && { matchMapping: createMatcher(mappings, calls.gitlabUrl) }),
      hasEnded: createOldRunCheck({ retentionMs: createRetention(target), port: portApi.client }),
      concurrentStarts: config.concurrentStarts,
      logger,
      health,
    });
    stop.addEventListener('abort', () => void source.stop(), { once: true });
    if (!stop.aborted) await source.run(handle);
  } finally {
    if (mappings) await mappings.close();
    await portApi.close();
    await target.connection.close();
  }
}
