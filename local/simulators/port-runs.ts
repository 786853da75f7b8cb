/**
 * The life of an action run: IN_PROGRESS until one request ends it as SUCCESS or FAILURE, then never again.
 *
 * Documented: what a PATCH and a log may say, `terminationStatus`, run_exhausted after the end, that a status on
 * a synchronized run *may* be refused (`synchronizedStatus` chooses). Inferred: that a log's terminationStatus
 * ends a synchronized run even so; whether `/response` ends it (`responseEndsRun` chooses), and that it does so
 * as SUCCESS; that `/response` and the approval are refused after the end like everything else.
 */
import { randomBytes } from 'node:crypto';
import { type Invocation, isTrue, type Origin } from './port-actions.js';
import type { Lease } from './port-leases.js';
import { type Body, refusal } from './port-requests.js';

export type RunStatus = 'IN_PROGRESS' | 'SUCCESS' | 'FAILURE' | 'WAITING_FOR_APPROVAL' | 'DECLINED';
export type TerminationStatus = 'SUCCESS' | 'FAILURE';

export interface RunLog {
  id: string;
  message: string;
  terminationStatus?: TerminationStatus;
  statusLabel?: string;
  at: string;
}

export interface Run extends Lease {
  id: string;
  actionIdentifier: string;
  status: RunStatus;
  statusLabel: string | null;
  link: string | string[];
  summary: string | null;
  externalRunId: string | null;
  /** The deprecated object of a PATCH. */
  message: Body | null;
  /** What `/response` was told; undefined while nothing was. */
  response: unknown;
  logs: RunLog[];
  endedAt: string | null;
  /** How many requests ended the run: 0 or 1. */
  endedTimes: number;
  /** How many requests tried to, the refused ones included. */
  endAttempts: number;
  /** Every well-formed PATCH in order, whether Port took it or not. */
  patches: { body: Body; accepted: boolean; at: string }[];
  synchronized: boolean;
  source: Origin;
  invocation: Invocation;
  approval: { state: string; description?: string } | null;
  createdAt: string;
  updatedAt: string;
}

export interface RunRules {
  synchronizedStatus: 'accepted' | 'refused';
  responseEndsRun: boolean;
}

export interface RunBook {
  runs: Map<string, Run>;
  /** Throws 404. */
  get(id: string): Run;
  add(invocation: Invocation): Run;
  patch(run: Run, body: Body): void;
  log(run: Run, body: Body): RunLog;
  respond(run: Run, response: unknown): void;
  /** True when the run may now be invoked. */
  approve(run: Run, body: Body): boolean;
  touch(run: Run): void;
}

/** Keeps the runs; `changed` hears the id of each run that is new or different. */
export function createRunBook(rules: RunRules, now: () => number, changed: (id: string) => void): RunBook {
  const runs = new Map<string, Run>();
  const timestamp = (): string => new Date(now()).toISOString();

  function touch(run: Run): void {
    run.updatedAt = timestamp();
    changed(run.id);
  }

  function end(run: Run, status: 'SUCCESS' | 'FAILURE' | 'DECLINED'): void {
    run.status = status;
    run.endedAt = timestamp();
    run.endedTimes += 1;
    run.pendingExecution = false;
  }

  function requireOpen(run: Run): void {
    if (run.endedAt !== null) throw refusal.exhausted(run.id);
  }

  return {
    runs,
    touch,
    get(id) {
      const run = runs.get(id);
      if (!run) throw refusal.notFound();
      return run;
    },
    add(invocation) {
      const run = newRun(invocation, timestamp());
      runs.set(run.id, run);
      changed(run.id);
      return run;
    },
    patch(run, body) {
      const patch = { body, accepted: false, at: timestamp() };
      run.patches.push(patch);
      const status = body['status'] as TerminationStatus | undefined;
      if (status) run.endAttempts += 1;
      try {
        requireOpen(run);
        if (status && run.synchronized && rules.synchronizedStatus === 'refused')
          throw refusal.synchronized();
        patch.accepted = true;
        const { status: _, ...fields } = body;
        Object.assign(run, fields);
        if (status) end(run, status);
      } finally {
        touch(run);
      }
    },
    log(run, body) {
      const { message, terminationStatus, statusLabel } = body as unknown as Omit<RunLog, 'id' | 'at'>;
      if (terminationStatus) run.endAttempts += 1;
      try {
        requireOpen(run);
        const log: RunLog = { id: newId('rl_'), message, at: timestamp() };
        if (terminationStatus) log.terminationStatus = terminationStatus;
        if (statusLabel !== undefined) log.statusLabel = run.statusLabel = statusLabel;
        run.logs.push(log);
        if (terminationStatus) end(run, terminationStatus);
        return log;
      } finally {
        touch(run);
      }
    },
    respond(run, response) {
      const ends = run.synchronized && rules.responseEndsRun;
      if (ends) run.endAttempts += 1;
      try {
        requireOpen(run);
        run.response = response;
        if (ends) end(run, 'SUCCESS');
      } finally {
        touch(run);
      }
    },
    approve(run, body) {
      if (run.status !== 'WAITING_FOR_APPROVAL') throw refusal.notWaiting(run.id);
      const approved = body['status'] === 'APPROVE';
      const description = body['description'] as string | undefined;
      run.approval = {
        state: approved ? 'APPROVED' : 'DECLINED',
        ...(description !== undefined && { description }),
      };
      if (approved) {
        run.status = 'IN_PROGRESS';
      } else {
        run.endAttempts += 1;
        end(run, 'DECLINED');
      }
      touch(run);
      return approved;
    },
  };
}

/** An id such as Port makes: a prefix and 16 letters and digits. */
export function newId(prefix: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return prefix + [...randomBytes(16)].map((byte) => letters[byte % letters.length]).join('');
}

/**
 * The run as the API shows it. v2 is what the API reference describes; v1 is the example in Port's guide, with the
 * action as a string. That v1 is what one gets without `?version=` is inferred.
 */
export function viewRun(run: Run, version: string | null): Body {
  const { invocation } = run;
  const named = (identifier: string): Body => ({ identifier, title: identifier, icon: null });
  const common = {
    id: run.id,
    status: run.status,
    statusLabel: run.statusLabel,
    ...(invocation.blueprint !== null && { blueprint: named(invocation.blueprint) }),
    ...(invocation.entity && { entity: named(invocation.entity.identifier) }),
    endedAt: run.endedAt,
    source: run.source,
    link: run.link,
    summary: run.summary,
    externalRunId: run.externalRunId,
    properties: invocation.properties,
    response: run.response ?? null,
    createdAt: run.createdAt,
    updatedAt: run.updatedAt,
    createdBy: invocation.trigger.by.userId,
    updatedBy: invocation.trigger.by.userId,
  };
  if (version !== 'v2') {
    return {
      ...common,
      action: run.actionIdentifier,
      relatedEntityExists: invocation.entity !== null,
      relatedBlueprintExists: invocation.blueprint !== null,
    };
  }
  return {
    ...common,
    action: { identifier: run.actionIdentifier, title: invocation.action.title ?? null, icon: null },
    requiredApproval: invocation.action.requiredApproval ?? false,
    approval: run.approval,
    payload: invocation.method,
    pendingExecution: run.pendingExecution,
    claimedUntil: run.claimedUntil,
    installationId: run.installationId,
  };
}

function newRun(invocation: Invocation, at: string): Run {
  const { method, action } = invocation;
  return {
    id: invocation.runId,
    actionIdentifier: action.identifier,
    status: action.requiredApproval ? 'WAITING_FOR_APPROVAL' : 'IN_PROGRESS',
    statusLabel: null,
    link: [],
    summary: null,
    externalRunId: null,
    message: null,
    response: undefined,
    logs: [],
    endedAt: null,
    endedTimes: 0,
    endAttempts: 0,
    patches: [],
    synchronized: method.type === 'WEBHOOK' && isTrue(method.synchronized),
    source: invocation.trigger.origin,
    invocation,
    approval: null,
    pendingExecution: false,
    claimedUntil: null,
    installationId: null,
    createdAt: at,
    updatedAt: at,
  };
}
