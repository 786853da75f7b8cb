/** Makes recorded histories: on a real server, with the workflows as they are built. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../local/parts/child.js';
import { findTemporal } from '../../local/parts/temporal.js';
import { createTestWorker, type TestTemporal } from '../support/temporal.js';
import { HISTORIES } from './recorded.js';
import type { Scenario } from './scenarios.js';
import { tidied } from './tidied.js';

/** Has the scenario happen, and writes its workflow's history to the folder. */
export async function record(name: string, scenario: Scenario, temporal: TestTemporal): Promise<void> {
  const { client } = temporal.environment;
  const { type, input, activities, before, during, afterReset } = scenario;
  const first = await client.workflow.start(type, { workflowId: name, taskQueue: name, args: [input] });
  await before?.(first);
  const worker = await createTestWorker(temporal, name, activities);
  const runId = await worker.runUntil(async () => {
    await during?.(first);
    await first.result().catch(() => {});
    if (!afterReset) return first.firstExecutionRunId;
    const { runId } = await reset(name, first.firstExecutionRunId, temporal);
    const again = client.workflow.getHandle(name, runId);
    await afterReset(again);
    await again.result().catch(() => {});
    return runId;
  });
  const history = await exported(name, temporal);
  await writeFile(join(HISTORIES, `${name}.json`), `${JSON.stringify(tidied(history, runId), null, 2)}\n`);
}

/** As Temporal's command line and UI export it. */
async function exported(
  workflowId: string,
  { address, environment }: TestTemporal,
): Promise<Parameters<typeof tidied>[0]> {
  const { namespace = 'default' } = environment;
  const lines = await runCommand({
    name: 'temporal',
    command: (await findTemporal()).path,
    args: [
      ...['workflow', 'show', '--workflow-id', workflowId, '--output', 'json'],
      ...['--address', address, '--namespace', namespace],
    ],
  });
  return JSON.parse(lines.join('\n'));
}

function reset(workflowId: string, runId: string, { environment }: TestTemporal): Promise<{ runId: string }> {
  const FIRST_TASK = 4;
  return environment.client.workflowService.resetWorkflowExecution({
    namespace: environment.namespace ?? 'default',
    workflowExecution: { workflowId, runId },
    reason: 'recorded',
    requestId: randomUUID(),
    workflowTaskFinishEventId: FIRST_TASK,
  } as never);
}
