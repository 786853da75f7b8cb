/** The two queues of Port that an agent claims from, read alike. */
import type { Acknowledgement, ClaimOptions, PortClaims } from '../port/claims.js';
import { at, type JsonObject, textAt } from '../port/message.js';
import { messageOfNodeRun, messageOfRun } from './claim-message.js';

export type ClaimApi = Pick<PortClaims, 'claimRuns' | 'ackRun' | 'claimNodeRuns' | 'ackNodeRun'>;

export interface ClaimQueue {
  topic: string;
  /** What logs call its content. */
  content: string;
  /** Port may refuse it to an organization for good, and nothing is amiss. */
  isOptional: boolean;
  claim(options: ClaimOptions): Promise<JsonObject[]>;
  acknowledge(id: string): Promise<Acknowledgement>;
  idOf(claimed: JsonObject): string | undefined;
  /** What a claim can leave out: the action, or the node. */
  kindOf(claimed: JsonObject): string | undefined;
  messageOf(claimed: JsonObject): JsonObject;
}

export function claimQueues(port: ClaimApi): ClaimQueue[] {
  return [
    {
      topic: 'polling/runs',
      content: 'runs',
      isOptional: false,
      claim: (options) => port.claimRuns(options),
      acknowledge: (id) => port.ackRun(id),
      idOf: (run) => textAt(run, 'id'),
      kindOf: (run) => textAt(run, 'action', 'identifier') ?? textAt(run, 'action'),
      messageOf: messageOfRun,
    },
    {
      topic: 'polling/nodes',
      content: 'workflow node runs',
      isOptional: true,
      claim: (options) => port.claimNodeRuns(options),
      acknowledge: (id) => port.ackNodeRun(id),
      idOf: (nodeRun) => textAt(nodeRun, 'identifier'),
      kindOf: (nodeRun) => textAt(nodeRun, 'nodeUid'),
      messageOf: messageOfNodeRun,
    },
  ];
}

/** When Port made it, in ms since 1970; now where it doesn't say. */
export function createdAtMs(claimed: JsonObject, nowMs: number): number {
  const created = Date.parse(String(at(claimed, 'createdAt') ?? ''));
  return Number.isNaN(created) ? nowMs : created;
}
