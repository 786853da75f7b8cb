/** Ends a run in Port whose message was rejected, if Port says that the run is open. */
import type { PortClient } from '../port/client.js';
import type { RejectInput } from '../workflows/contract.js';
import { applyPatch } from './report-run.js';
import { translatingFailures } from './telling-port.js';

export function createReportRejection(deps: { port: PortClient }) {
  return async function reportRejection(input: RejectInput & { reportTo: string }): Promise<void> {
    await translatingFailures(async () => {
      if (!(await deps.port.isOpen(input.reportTo))) return;
      const summary = `The agent did not carry out this run: ${input.reason}. ${input.advice}`;
      const end = { status: 'FAILURE', summary } as const;
      await applyPatch(input.reportTo, end, end, deps.port);
    });
  };
}
