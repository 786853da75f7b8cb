/** The worker process: carries out what Temporal hands it, until it is told to stop. */
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import type { Config } from '../config/config.js';
import { openNetwork } from '../http/network.js';
import { createOutbound } from '../http/outbound.js';
import { openMappings } from '../port/mapping/mapping-book.js';
import { openPortClient } from '../port/open-client.js';
import type { Health } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { mappingLog } from '../telemetry/mapping-note.js';
import { USER_AGENT } from '../telemetry/version.js';
import { connectToTemporal } from '../temporal/connection.js';
import { dataConverterOf } from '../temporal/data-converter.js';

/** Reporting gets so long after the last call, when the worker is told to stop. */
const REPORTING_GRACE_MS = 15_000;
/** Small workflows, short-lived: more would only hold memory. */
const MAX_CACHED_WORKFLOWS = 500;
/**
 * A run goes on with the version that has become current. Pinned to its own, one that is tried again for a day, or
 * reported for a week, would stand still as soon as the workers of that version are gone. That it can go on, the
 * replay of recorded histories shows.
 */
const FOLLOWS_UPGRADES = { defaultVersioningBehavior: 'AUTO_UPGRADE' } as const;

export async function runWorker(
  config: Config,
  logger: Logger,
  stop: AbortSignal,
  health: Health,
): Promise<void> {
  const { calls, port } = config;
  const { taskQueue, version } = config.temporal;
  const temporal = health.part('temporal', 'starting: not connected yet');
  const running = health.part('worker', 'starting');
  const network = openNetwork(config.network, logger);
  const targets = {
    network,
    policy: network.policy,
    verifyTls: calls.verifyTls,
    keepAlive: false,
    userAgent: USER_AGENT,
  };
  const webhooks = createOutbound({ ...targets, followRedirects: true });
  const gitlab = createOutbound({ ...targets, followRedirects: false });
  const portApi = openPortClient(port, network, USER_AGENT);
  const told = mappingLog(logger, health);
  const mappings = config.mappingFile && (await openMappings(config.mappingFile, config.environment, told));
  const { connection, namespace, address } = await connectToTemporal(config, network, logger, stop, temporal);
  try {
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      workflowBundle: { codePath: bundleFor(config.temporal) },
      dataConverter: dataConverterOf(config.temporal, health.part('encryption')),
      activities: createActivities({
        gitlab,
        webhooks,
        port: portApi.client,
        plan: { gitlabUrl: calls.gitlabUrl, environment: config.environment },
        policy: config.policy,
        clientSecret: port.clientSecret,
        ...(mappings && { mappings }),
        ...(config.privateKey && { privateKey: config.privateKey }),
        sendsUndecrypted: calls.undecryptedInputs === 'send',
        detailedLogging: calls.detailedLogging,
        stopping: stop,
        logger,
      }),
      maxConcurrentActivityTaskExecutions: config.concurrentCalls,
      maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
      // After a worker's death, its runs wait so long for it before another one takes them over.
      stickyQueueScheduleToStartTimeout: '3s',
      shutdownGraceTime: calls.timeoutMs + REPORTING_GRACE_MS,
      ...(version && {
        workerDeploymentOptions: { useWorkerVersioning: true, version, ...FOLLOWS_UPGRADES },
      }),
    });
    const ended = worker.run();
    // A worker that was made has to be run and shut down, however early the stop came.
    if (stop.aborted) worker.shutdown();
    else stop.addEventListener('abort', () => worker.shutdown(), { once: true });
    logger.info({ address, namespace, taskQueue, ...version }, 'worker ready');
    running.up();
    await ended;
  } finally {
    if (mappings) await mappings.close();
    await Promise.all([webhooks.close(), gitlab.close(), portApi.close()]);
    await connection.close();
  }
}

/** Made by `bundle.ts`. */
function bundleFor({ codecKeys }: Config['temporal']): string {
  const name = codecKeys ? 'workflow-bundle-encrypted.js' : 'workflow-bundle.js';
  return fileURLToPath(new URL(name, import.meta.url));
}
