/**
 * Claims with a visibility timeout: what an agent that polls takes, and must acknowledge before the lease ends.
 *
 * Guessed: the lease of a claim that names none (60 s, the default of Port's ocean framework); that only what is
 * claimed can be acknowledged. An acknowledgement names no worker, so the second one is refused, whoever sends it.
 */
import { type Field, refusal } from './port-requests.js';

export interface Lease {
  /** True until acknowledged. */
  pendingExecution: boolean;
  /** Until when the claim hides it from others; ISO 8601. */
  claimedUntil: string | null;
  installationId: string | null;
}

const DEFAULT_LEASE_MS = 60_000;

/** A claim's body, in the agent's and in ocean's form. */
export const CLAIM_BODY: Record<string, Field> = {
  installationId: { type: 'string', required: true },
  limit: { type: 'number', range: [1, 100] },
  visibilityTimeoutMs: { type: 'number', range: [1, 600_000] },
  invocationMethod: { type: 'string', enum: ['WEBHOOK', 'GITLAB', 'KAFKA', 'INTEGRATION_ACTION'] },
  exclude: { type: 'array', items: 'string' },
};

/** Takes up to `limit` of the candidates that no live lease hides. `now` in ms since 1970. */
export function claim<T extends Lease>(
  candidates: Iterable<T>,
  body: Record<string, unknown>,
  now: number,
): T[] {
  const limit = (body['limit'] as number | undefined) ?? 100;
  const leaseMs = (body['visibilityTimeoutMs'] as number | undefined) ?? DEFAULT_LEASE_MS;
  const taken: T[] = [];
  for (const candidate of candidates) {
    if (taken.length === limit) break;
    const hidden = candidate.claimedUntil !== null && Date.parse(candidate.claimedUntil) > now;
    if (!candidate.pendingExecution || hidden) continue;
    candidate.claimedUntil = new Date(now + leaseMs).toISOString();
    candidate.installationId = body['installationId'] as string;
    taken.push(candidate);
  }
  return taken;
}

/** Whether there is a claim left to acknowledge. */
export function isClaimed(lease: Lease): boolean {
  return lease.pendingExecution && lease.installationId !== null;
}

/** Ends the lease for good, or throws the 409 that says another did. */
export function acknowledge(lease: Lease): void {
  if (!isClaimed(lease)) throw refusal.acknowledged();
  lease.pendingExecution = false;
  lease.claimedUntil = null;
}
