/**
 * An ingester and a worker that break their promises, put together from the product's own pieces with one bad
 * piece among them: the checker must tell on them.
 */
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { type Activities, createActivities } from '../../activities/index.js';
import { type Config, loadConfig } from '../../config/config.js';
import { openNetwork } from '../../http/network.js';
import { createOutbound } from '../../http/outbound.js';
import { createBatchHandler } from '../../ingest/accept-batch.js';
import { createSource } from '../../ingest/choose-source.js';
import type { BatchHandler } from '../../ingest/record-source.js';
import { openPortClient } from '../../port/open-client.js';
import { Health } from '../../telemetry/health.js';
import { createLogger } from '../../telemetry/logger.js';
import { connectToTemporal } from '../../temporal/connection.js';
import { createWorkflowStarter } from '../../temporal/start-workflow.js';
import type { Ground } from './ground.js';

export interface Running {
  stop(): Promise<void>;
}

/** Commits every batch, whatever Temporal said of it. */
export function commitsOnFailure(sound: BatchHandler): BatchHandler {
  return async (batch, context) => {
    await sound(batch, context);
    const last = batch.records.at(-1);
    if (last) context.onAccepted(last.offset);
    return {};
  };
}

/** Calls again whatever failed, also what may have arrived. */
export function retriesEverything(sound: Activities): Activities {
  return {
    ...sound,
    async invoke(input) {
      const result = await sound.invoke(input);
      if (result.kind === 'outcome' && result.outcome.status === 'FAILURE')
        throw ApplicationFailure.retryable(result.outcome.summary);
      return result;
    },
  };
}

/** Tells Port nothing. */
export function reportsNothing(sound: Activities): Activities {
  return { ...sound, reportRun: async () => {}, reportNodeRun: async () => {} };
}

/** An ingester in this process, its handler wrapped; it asks Kafka without TLS, whose CA this process lacks. */
export async function startIngester(
  ground: Ground,
  wrapped: (sound: BatchHandler) => BatchHandler,
): Promise<Running> {
  const { config, health, stop, network, portApi, logger } = prepare(ground, 'ingest');
  const source = await createSource(config, portApi.client, network, logger, stop.signal, health);
  const target = await connectToTemporal(config, network, logger, stop.signal);
  const { calls } = config;
  const sound = createBatchHandler({
    starter: await createWorkflowStarter(target, config.temporal, logger),
    decision: {
      clientSecret: config.port.clientSecret,
      gitlabUrl: calls.gitlabUrl,
      gitlabWithoutAgent: calls.gitlabWithoutAgent,
      unmatchedRuns: calls.unmatchedRuns,
      policy: {
        callTimeoutMs: calls.timeoutMs,
        workerLostAfterMs: calls.workerLostAfterMs,
        retryWindowMs: calls.retryWindowMs,
        maxWaitMs: calls.maxWaitMs,
      },
    },
    concurrentStarts: config.concurrentStarts,
    logger,
    health,
  });
  const finished = source.run(wrapped(sound));
  return {
    async stop() {
      stop.abort();
      await source.stop();
      await finished;
      await portApi.close();
      await target.connection.close();
    },
  };
}

/** A worker in this process, its activities wrapped. */
export async function startWorker(
  ground: Ground,
  wrapped: (sound: Activities) => Activities,
): Promise<Running> {
  const { config, stop, network, portApi, logger } = prepare(ground, 'worker');
  const profile = { network, verifyTls: true, keepAlive: false, userAgent: 'broken' };
  const webhooks = createOutbound({ ...profile, followRedirects: true });
  const gitlab = createOutbound({ ...profile, followRedirects: false });
  const { connection, namespace } = await connectToTemporal(config, network, logger, stop.signal);
  const sound = createActivities({
    stopping: stop.signal,
    ...{ gitlab, webhooks, logger, port: portApi.client, clientSecret: config.port.clientSecret },
    plan: { gitlabUrl: config.calls.gitlabUrl, environment: config.environment },
    ...{ sendsUndecrypted: false, detailedLogging: true },
  });
  const worker = await Worker.create({
    ...{ connection, namespace, taskQueue: config.temporal.taskQueue },
    workflowBundle: { codePath: join(process.cwd(), 'dist/worker/workflow-bundle.js') },
    activities: wrapped(sound),
    shutdownGraceTime: '1s',
  });
  const finished = worker.run();
  return {
    async stop() {
      stop.abort();
      worker.shutdown();
      await finished;
      await Promise.all([webhooks.close(), gitlab.close(), portApi.close()]);
      await connection.close();
    },
  };
}

function prepare(ground: Ground, role: string) {
  const config: Config = loadConfig({
    ...ground.environment,
    USING_LOCAL_PORT_INSTANCE: 'true',
    KAFKA_CONSUMER_BOOTSTRAP_SERVERS: ground.kafka.plaintextBrokers.join(','),
    KAFKA_CONSUMER_SECURITY_PROTOCOL: 'PLAINTEXT',
    KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: 'none',
  });
  const logger = createLogger('fatal', role);
  const network = openNetwork(config.network, logger);
  const portApi = openPortClient(config.port, network, 'broken');
  return { config, logger, network, portApi, health: new Health(), stop: new AbortController() };
}
