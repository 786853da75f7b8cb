/** Every activity, made from what it needs of the world. Workflows import the type alone. */
import { createInvoke, type InvokeDependencies } from './invoke.js';
import { createReportNodeRun } from './report-node-run.js';
import { createReportRejection } from './report-rejection.js';
import { createReportRun, type ReportDependencies } from './report-run.js';

export type ActivityDependencies = InvokeDependencies & ReportDependencies;
export type Activities = ReturnType<typeof createActivities>;

export function createActivities(deps: ActivityDependencies) {
  return {
    invoke: createInvoke(deps),
    reportRun: createReportRun(deps),
    reportNodeRun: createReportNodeRun(deps),
    reportRejection: createReportRejection(deps),
  };
}
