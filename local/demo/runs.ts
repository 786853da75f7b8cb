/** The runs that the demo publishes, and how each has to come out. */
import type { Run, TriggerOptions } from '../simulators/port.js';

export interface DemoRun {
  action: string;
  how: TriggerOptions;
  /** How Temporal's list shows it. */
  workflow: 'Completed' | 'Failed';
  /** How often the target must have been called. */
  calls: 0 | 1;
  /** What Port must hold, in words where it does not. */
  check(run: Run): string | undefined;
}

const service = { properties: { service: 'checkout' } };

export const DEMO_RUNS: DemoRun[] = [
  {
    action: 'deploy_service',
    how: { properties: { service: 'checkout', replicas: 3, dry_run: false } },
    workflow: 'Completed',
    calls: 1,
    check: handedOverToPipeline,
  },
  {
    action: 'release_storefront',
    how: { properties: { ref: 'v1.4.0' }, by: { email: 'release-manager@example.com' } },
    workflow: 'Completed',
    calls: 1,
    check: handedOverToPipeline,
  },
  {
    action: 'clean_up_environment',
    how: { origin: 'AUTOMATION' },
    workflow: 'Completed',
    calls: 1,
    check: handedOverToPipeline,
  },
  {
    action: 'restart_service',
    how: { ...service, entity: 'checkout' },
    workflow: 'Completed',
    calls: 1,
    check: succeeded,
  },
  { action: 'provision_database', how: service, workflow: 'Completed', calls: 1, check: handedOver },
  {
    action: 'rebuild_warehouse',
    how: {},
    workflow: 'Failed',
    calls: 0,
    check: (run) => failedWith(run, 'data_warehouse'),
  },
  {
    action: 'rotate_credentials',
    how: service,
    workflow: 'Failed',
    calls: 1,
    check: (run) => failedWith(run, '500'),
  },
];

function handedOver(run: Run): string | undefined {
  if (run.status !== 'IN_PROGRESS') return `status is ${run.status}, not IN_PROGRESS`;
  return run.logs.length === 1 ? undefined : `${run.logs.length} logs, not 1`;
}

function handedOverToPipeline(run: Run): string | undefined {
  if (run.link.length === 0 || !run.externalRunId) return 'link or external run id is missing';
  return handedOver(run);
}

function succeeded(run: Run): string | undefined {
  if (run.status !== 'SUCCESS') return `status is ${run.status}, not SUCCESS`;
  return run.response === undefined ? 'the response is missing' : undefined;
}

function failedWith(run: Run, text: string): string | undefined {
  if (run.status !== 'FAILURE') return `status is ${run.status}, not FAILURE`;
  return run.summary?.includes(text) ? undefined : `the summary does not mention ${text}`;
}
