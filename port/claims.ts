/**
 * Claiming runs over Port's API, and acknowledging them.
 *
 * Neither is repeated here: a claim whose answer was lost hides its runs for their lease, and after a lost answer
 * to an acknowledgement Port would say that another had made it. Polling comes by again anyway.
 */
import { type PortClient, PortError } from './client.js';
import { at, isObject, type JsonObject } from './message.js';

export interface ClaimOptions {
  limit: number;
  /** So long nobody else gets what was claimed; then somebody does, unless it was acknowledged. */
  visibilityTimeoutMs: number;
  /** Identifiers of actions, or uids of nodes, whose runs are not wanted. */
  exclude?: string[];
}

/** Whether it was ours to acknowledge, or another agent had done so before. */
export type Acknowledgement = 'acknowledged' | 'by another';

/** The code of a `PortError` whose answer was cut short: what it claimed is out of reach until its lease ends. */
export const UNREADABLE_CLAIM = 'unreadable_claim';

/** The name that Port's agents claim under; all of an organization share it. */
const INSTALLATION_ID = '_PORT_EXEC_AGENT';
const RESERVED = { 'x-port-reserved-usage': 'true' };

export class PortClaims {
  constructor(private readonly client: Pick<PortClient, 'callOnce'>) {}

  /** Claims runs of actions and automations that wait for an agent, as Port shows them. */
  claimRuns(options: ClaimOptions): Promise<JsonObject[]> {
    // The filter is the old agent's, and all that Port is known to take.
    return this.claim('/v1/actions/runs', 'runs', { ...options, invocationMethod: 'WEBHOOK' });
  }

  /** Ends the lease for good: no agent gets the run any more. */
  ackRun(runId: string): Promise<Acknowledgement> {
    return this.acknowledge('/v1/actions/runs', { runIds: [runId] });
  }

  /** Claims node runs of workflows that wait for an agent, as Port shows them. */
  claimNodeRuns(options: ClaimOptions): Promise<JsonObject[]> {
    return this.claim('/v1/workflows/runs', 'nodeRuns', { ...options });
  }

  /** Ends the lease for good: no agent gets the node run any more. */
  ackNodeRun(nodeRunIdentifier: string): Promise<Acknowledgement> {
    return this.acknowledge('/v1/workflows/runs', { nodeRunIdentifier });
  }

  private async claim(path: string, list: string, options: JsonObject): Promise<JsonObject[]> {
    const body = { installationId: INSTALLATION_ID, ...options };
    const answer = await this.client.callOnce('POST', `${path}/claim-pending`, body, RESERVED);
    const claimed = at(answer, list);
    if (Array.isArray(claimed)) return claimed.filter(isObject);
    if (isObject(answer) && Object.keys(answer).length > 0) return [];
    const message = `Port's answer to POST ${path}/claim-pending is no JSON, or longer than is read`;
    throw new PortError(200, UNREADABLE_CLAIM, message, { headers: {} }, false);
  }

  private async acknowledge(path: string, body: JsonObject): Promise<Acknowledgement> {
    try {
      const answer = await this.client.callOnce('PATCH', `${path}/ack`, body, RESERVED);
      return at(answer, 'ackedCount') === 0 ? 'by another' : 'acknowledged';
    } catch (error) {
      if (error instanceof PortError && error.status === 409) return 'by another';
      throw error;
    }
  }
}
