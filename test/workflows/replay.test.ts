/**
 * Replays recorded histories with the workflows as they are built: what a run under way will do after an upgrade.
 *
 * `UPDATE_HISTORIES=1` records those that are missing. Those that are there stay as they are, since they stand for
 * runs that earlier versions have begun: a change of a workflow that fails here needs `patched`, and a history more.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  type ReplayResult,
  Runtime,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { record } from '../histories/record.js';
import { HISTORIES, type RecordedHistory, recordedHistories } from '../histories/recorded.js';
import { scenarios } from '../histories/scenarios.js';
import { startTestTemporal } from '../support/temporal.js';

const IS_RECORDING = process.env['UPDATE_HISTORIES'] === '1';
const BUILT = { codePath: join(process.cwd(), 'dist/worker/workflow-bundle.js') };

// The core says of each failed replay at length what the result says as well.
if (!IS_RECORDING) {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    shutdownSignals: [],
    telemetryOptions: { logging: { filter, forward: {} } },
  });
}

/** What became of each history, by name. */
async function replayed(
  workflowBundle: WorkflowBundleOption,
  histories: RecordedHistory[],
): Promise<Map<string, ReplayResult>> {
  const results = new Map<string, ReplayResult>();
  const pairs = histories.map(({ name, history }) => ({ workflowId: name, history }));
  for await (const result of Worker.runReplayHistories({ workflowBundle }, pairs))
    results.set(result.workflowId, result);
  return results;
}

if (IS_RECORDING) {
  test('histories are recorded', async () => {
    const temporal = await startTestTemporal();
    try {
      for (const [name, scenario] of Object.entries(scenarios))
        if (!existsSync(join(HISTORIES, `${name}.json`))) await record(name, scenario, temporal);
    } finally {
      await temporal.stop();
    }
  }, 600_000);
}

describe('the workflows as they are built', () => {
  let results: Map<string, ReplayResult>;
  beforeAll(async () => {
    results = await replayed(BUILT, recordedHistories());
  });

  test.each(Object.keys(scenarios))('take up %s', (name) => {
    expect(results.get(name)).toMatchObject({ workflowId: name });
    expect(results.get(name)?.error).toBeUndefined();
  });

  test('take up every other history of the folder', () => {
    for (const { workflowId, error } of results.values())
      expect({ workflowId, error }).toEqual({ workflowId });
  });
});

test('every type of workflow has histories', async () => {
  const types = Object.keys(await import('../../workflows/index.js')).sort();
  expect([...new Set(Object.values(scenarios).map(({ type }) => type))].sort()).toEqual(types);
});

describe('workflows whose steps were changed', () => {
  const changes = {
    'callWebhook.success': 'a step more',
    'triggerGitlabPipeline.handed-over': 'a step less',
    'rejectMessage.reported': 'another activity',
  };
  let results: Map<string, ReplayResult>;
  beforeAll(async () => {
    const workflowsPath = join(process.cwd(), 'test/histories/altered-workflows.ts');
    const altered = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    results = await replayed(
      altered,
      recordedHistories().filter(({ name }) => Object.hasOwn(changes, name)),
    );
  });

  test.each(Object.entries(changes))('can not take up %s: %s', (name) => {
    expect(results.get(name)?.error).toBeInstanceOf(DeterminismViolationError);
  });
});
