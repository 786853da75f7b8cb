/** How long Temporal remembers a closed workflow, and with it that a run was carried out. */
import type { TemporalTarget } from './connection.js';

const TIMEOUT_MS = 10_000;

/** The namespace's retention in ms; undefined when Temporal does not tell. */
export async function retentionOf({ connection, namespace }: TemporalTarget): Promise<number | undefined> {
  const answer = await connection
    .withDeadline(Date.now() + TIMEOUT_MS, () => connection.workflowService.describeNamespace({ namespace }))
    .catch(() => undefined);
  const seconds = Number(answer?.config?.workflowExecutionRetentionTtl?.seconds ?? 0);
  return seconds > 0 ? seconds * 1000 : undefined;
}
