/** A Temporal dev server for one test file, and workers on task queues of their own. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.js';
import { startTemporal } from '../../local/parts/temporal.js';
import type { RunInput } from '../../workflows/contract.js';

export interface TestTemporal {
  environment: TestWorkflowEnvironment;
  address: string;
  stop(): Promise<void>;
}

export async function startTestTemporal(): Promise<TestTemporal> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const server = await startTemporal();
  const environment = await TestWorkflowEnvironment.createFromExistingServer({
    address: server.address,
    namespace: server.namespace,
  });
  return {
    environment,
    address: server.address,
    stop: async () => {
      await environment.teardown();
      await server.stop();
    },
  };
}

/** A worker with the workflows as they are built, and these activities. */
export function createTestWorker(
  { environment }: TestTemporal,
  taskQueue: string,
  activities: Partial<Activities>,
): Promise<Worker> {
  return Worker.create({
    connection: environment.nativeConnection,
    namespace: environment.namespace ?? 'default',
    taskQueue,
    workflowBundle: { codePath: join(process.cwd(), 'dist/worker/workflow-bundle.js') },
    activities,
    shutdownGraceTime: '100ms',
  });
}

/** A run's input with limits short enough for a test; ids are never the same twice. */
export function runInput(changes: Partial<RunInput> = {}): RunInput {
  return {
    runId: `r_${randomUUID().replaceAll('-', '')}`,
    kind: 'run',
    call: 'POST gitlab.example.com platform/infra',
    message: { action: 'deploy' },
    policy: { callTimeoutMs: 1000, workerLostAfterMs: 1000, retryWindowMs: 60_000, maxWaitMs: 60_000 },
    ...changes,
  };
}
