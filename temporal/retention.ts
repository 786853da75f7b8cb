/** How long Temporal remembers a closed workflow, and with it that a run was carried out. */
import type { TemporalTarget } from './connection.js';

const TIMEOUT_MS = 10_000;
/** An operator may change it. */
const ASK_AGAIN_MS = 3_600_000;
/** Where Temporal did not tell: it may be starting, or this agent may never ask. */
const TRY_AGAIN_MS = 60_000;
/** The least that Temporal lets a namespace have; it is taken where Temporal does not tell. */
export const SHORTEST_RETENTION_MS = 24 * 3_600_000;

/** Asks for the namespace's retention, in ms; what was answered counts for an hour. Never rejects. */
export function createRetention(
  target: Pick<TemporalTarget, 'connection' | 'namespace'>,
  now: () => number = Date.now,
): () => Promise<number> {
  let known: Promise<number> | undefined;
  let askAgainAt = 0;

  async function ask(): Promise<number> {
    askAgainAt = now() + TRY_AGAIN_MS;
    const { connection, namespace } = target;
    const answer = await connection
      .withDeadline(Date.now() + TIMEOUT_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      )
      .catch(() => undefined);
    const seconds = Number(answer?.config?.workflowExecutionRetentionTtl?.seconds ?? 0);
    if (seconds === 0) return SHORTEST_RETENTION_MS;
    askAgainAt = now() + ASK_AGAIN_MS;
    return seconds * 1000;
  }

  return () => {
    if (!known || now() >= askAgainAt) known = ask();
    return known;
  };
}
