/** A Temporal dev server for one test file, and workers on task queues of their own. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.js';
import type { CodecKeys } from '../../config/codec-keys.js';
import { type RunningTemporal, startTemporal } from '../../local/parts/temporal.js';
import { dataConverterOf } from '../../temporal/data-converter.js';
import type { RunInput } from '../../workflows/contract.js';

export interface TestTemporal {
  environment: TestWorkflowEnvironment;
  address: string;
  /** Left out: what test workers write is not encrypted. */
  codecKeys?: CodecKeys;
  stop(): Promise<void>;
}

/** Once in a process, before its first worker. */
export function quietWorkers(): void {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
}

export async function startTestTemporal(): Promise<TestTemporal> {
  quietWorkers();
  const server = await startTemporal();
  const { environment, address, stop } = await connectTestTemporal(server);
  return {
    environment,
    address,
    stop: async () => {
      await stop();
      await server.stop();
    },
  };
}

/** For workers of a test's own on a server that runs already; `stop` leaves the server alone. */
export async function connectTestTemporal(
  server: Pick<RunningTemporal, 'address' | 'namespace'>,
  codecKeys?: CodecKeys,
): Promise<TestTemporal> {
  const { address, namespace } = server;
  const environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
  return { environment, address, ...(codecKeys && { codecKeys }), stop: () => environment.teardown() };
}

/** A worker with the workflows as they are built, and these activities. */
export function createTestWorker(
  { environment, codecKeys }: TestTemporal,
  taskQueue: string,
  activities: Partial<Activities>,
): Promise<Worker> {
  return Worker.create({
    connection: environment.nativeConnection,
    namespace: environment.namespace ?? 'default',
    taskQueue,
    workflowBundle: {
      codePath: join(process.cwd(), `dist/worker/workflow-bundle${codecKeys ? '-encrypted' : ''}.js`),
    },
    dataConverter: dataConverterOf(codecKeys ? { codecKeys } : {}),
    activities,
    shutdownGraceTime: '100ms',
  });
}

/** A run's input, with limits that a busy machine keeps: a test that is to meet one sets it. Ids are never the same twice. */
export function runInput(changes: Partial<RunInput> = {}): RunInput {
  return {
    runId: `r_${randomUUID().replaceAll('-', '')}`,
    kind: 'run',
    call: 'POST gitlab.example.com platform/infra',
    message: { action: 'deploy' },
    policy: { callTimeoutMs: 10_000, workerLostAfterMs: 10_000, retryWindowMs: 60_000, maxWaitMs: 60_000 },
    ...changes,
  };
}
