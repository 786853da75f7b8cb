/** Ends a run or node run in Port whose message was rejected, if Port says that it is open. */
import type { PortClient } from '../port/client.js';
import { failIfOpen, notCarriedOut } from '../port/end-run.js';
import type { RejectInput } from '../workflows/contract.js';
import { translatingFailures } from './telling-port.js';

export function createReportRejection(deps: { port: PortClient }) {
  return async function reportRejection(input: RejectInput & { reportTo: string }): Promise<void> {
    await translatingFailures(() => failIfOpen(input.reportTo, notCarriedOut(input), deps.port));
  };
}
