/**
 * Workflow node runs (`wfnr_…`): their life and Port's API for them.
 *
 * Documented: claiming, acknowledging and updating, under `/v1/org/{org}/workflows/runs/…`; seen in Port's own
 * clients: the same without `/org/{org}`, and the level/message form of logs. Guessed: the 422 once a node run is
 * COMPLETED, the bodies of the two GETs, and that everything the clients read (`node.config`, `workflowRun`)
 * comes beside the documented keys.
 */
import type { Route, SimRequest } from './http-server.js';
import { acknowledge, CLAIM_BODY, claim, type Lease } from './port-leases.js';
import { type Body, type Field, pathParam, readBody, refusal } from './port-requests.js';
import { newId } from './port-runs.js';

export interface NodeConfig extends Body {
  type: 'WEBHOOK';
  url: string;
  agent: boolean;
}

/** What a workflow's author writes; the rest has defaults. */
export interface NodeConfigInput extends Body {
  url: string;
}

export interface NodeRun extends Lease {
  id: string;
  nodeUid: string;
  workflowRunId: string;
  status: 'IN_PROGRESS' | 'COMPLETED';
  result: 'SUCCESS' | 'FAILED' | 'CANCELLED' | null;
  config: NodeConfig;
  output: Body;
  logs: { level: string; message: string; at: string }[];
  externalRunId: string | null;
  links: unknown[];
  /** Every well-formed PATCH in order, the refused ones included. */
  patches: Body[];
  completedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface NodeBook {
  nodeRuns: Map<string, NodeRun>;
  add(config: NodeConfig): NodeRun;
  touch(run: NodeRun): void;
  routes: Route[];
}

const NODE_RUN = /^\/v1\/workflows\/nodes\/runs\/([^/]+)$/;
const PATCH_BODY: Record<string, Field> = {
  status: { type: 'string', enum: ['IN_PROGRESS', 'COMPLETED'] },
  result: { type: ['string', 'null'], enum: ['SUCCESS', 'FAILED', 'CANCELLED'] },
  output: { type: 'object' },
  logs: { type: 'array', items: 'object' },
  externalRunId: { type: 'string' },
  links: { type: 'array' },
};
const LEVELS = ['INFO', 'WARN', 'ERROR', 'DEBUG'];

export function createNodeBook(now: () => number, changed: (id: string) => void): NodeBook {
  const nodeRuns = new Map<string, NodeRun>();
  const timestamp = (): string => new Date(now()).toISOString();

  function get(id: string): NodeRun {
    const run = nodeRuns.get(id);
    if (!run) throw refusal.notFound();
    return run;
  }

  function touch(run: NodeRun): void {
    run.updatedAt = timestamp();
    changed(run.id);
  }

  /** Takes both forms: level/message, and the logLevel/log of the documented PATCH. */
  function readLogs(logs: unknown): NodeRun['logs'] {
    return ((logs as Body[] | undefined) ?? []).map((log) => {
      const level = log['level'] ?? log['logLevel'];
      const message = log['message'] ?? log['log'] ?? '';
      if (!LEVELS.includes(level as string))
        throw refusal.invalidRequest(`body/logs/level must be ${LEVELS}`);
      if (typeof message !== 'string') throw refusal.invalidRequest('body/logs/message must be string');
      return { level: level as string, message, at: timestamp() };
    });
  }

  function patch(request: SimRequest): NodeRun {
    const body = readBody(request, PATCH_BODY);
    const { logs, ...fields } = body;
    const lines = readLogs(logs);
    const run = get(pathParam(request, 0));
    run.patches.push(body);
    if (run.status === 'COMPLETED') throw refusal.exhausted(run.id);
    run.logs.push(...lines);
    Object.assign(run, fields);
    if (fields['status'] === 'COMPLETED') {
      run.completedAt = timestamp();
      run.pendingExecution = false;
    }
    touch(run);
    return run;
  }

  const routes: Route[] = [
    {
      method: 'POST',
      path: /^\/v1\/(?:org\/[^/]+\/)?workflows\/runs\/claim-pending$/,
      handle: (request) => {
        const body = readBody(request, CLAIM_BODY);
        const exclude = (body['exclude'] as string[] | undefined) ?? [];
        const candidates = [...nodeRuns.values()].filter((run) => !exclude.includes(run.nodeUid));
        const claimed = claim(candidates, body, now());
        for (const run of claimed) touch(run);
        return { status: 200, body: { ok: true, nodeRuns: claimed.map((run) => viewNodeRun(run)) } };
      },
    },
    {
      method: 'PATCH',
      path: /^\/v1\/(?:org\/[^/]+\/)?workflows\/runs\/ack$/,
      handle: (request) => {
        // The reference says nodeRunIdentifier; the agent of Port says so too.
        const body = readBody(request, { nodeRunIdentifier: { type: 'string', required: true } });
        const run = get(body['nodeRunIdentifier'] as string);
        acknowledge(run);
        touch(run);
        return { status: 200, body: { ok: true, acked: true } };
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/workflows\/nodes\/runs$/,
      handle: ({ query }) => {
        const externalRunId = query.get('external_run_id');
        const withConfig = query.get('include') === 'nodeConfig';
        const found = [...nodeRuns.values()].filter(
          (run) => externalRunId === null || run.externalRunId === externalRunId,
        );
        return {
          status: 200,
          body: { ok: true, nodeRuns: found.map((run) => viewNodeRun(run, withConfig)) },
        };
      },
    },
    {
      method: 'GET',
      path: NODE_RUN,
      handle: (request) => ({
        status: 200,
        body: { ok: true, nodeRun: viewNodeRun(get(pathParam(request, 0))) },
      }),
    },
    {
      method: 'PATCH',
      path: NODE_RUN,
      handle: (request) => {
        patch(request);
        return { status: 200, body: { ok: true } };
      },
    },
    {
      method: 'POST',
      path: /^\/v1\/workflows\/nodes\/runs\/([^/]+)\/logs$/,
      handle: (request) => {
        const body = readBody(request, { logs: { type: 'array', items: 'object', required: true } });
        const lines = readLogs(body['logs']);
        const run = get(pathParam(request, 0));
        run.logs.push(...lines);
        touch(run);
        return { status: 200, body: { ok: true } };
      },
    },
  ];

  return {
    nodeRuns,
    routes,
    touch,
    add(config) {
      const at = timestamp();
      const run: NodeRun = {
        id: newId('wfnr_'),
        nodeUid: newId('wfn_'),
        workflowRunId: newId('wfr_'),
        status: 'IN_PROGRESS',
        result: null,
        config,
        output: {},
        logs: [],
        externalRunId: null,
        links: [],
        patches: [],
        pendingExecution: false,
        claimedUntil: null,
        installationId: null,
        completedAt: null,
        createdAt: at,
        updatedAt: at,
      };
      nodeRuns.set(run.id, run);
      changed(run.id);
      return run;
    },
  };
}

function viewNodeRun(run: NodeRun, withConfig = true): Body {
  return {
    identifier: run.id,
    nodeUid: run.nodeUid,
    nodeConfigType: run.config.type,
    status: run.status,
    result: run.result,
    output: run.output,
    ...(withConfig && { config: run.config, node: { identifier: run.nodeUid, config: run.config } }),
    workflowRun: { identifier: run.workflowRunId },
    nodeRunLogs: run.logs.map((log) => ({
      logLevel: log.level,
      log: log.message,
      tags: {},
      createdAt: log.at,
      updatedAt: log.at,
    })),
    externalRunId: run.externalRunId,
    links: run.links,
    pendingExecution: run.pendingExecution,
    claimedUntil: run.claimedUntil,
    installationId: run.installationId,
    createdAt: run.createdAt,
    updatedAt: run.updatedAt,
    completedAt: run.completedAt,
  };
}
