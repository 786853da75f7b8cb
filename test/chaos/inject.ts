/** Carries out planned faults, one after the other, and notes when each began and when everything stood again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Exit } from '../../local/parts/child.js';
import { gitlabAnswers } from '../../local/simulators/gitlab.js';
import type { Fault as ServerBehaviour, SimResponse } from '../../local/simulators/http-server.js';
import type { InjectedFault } from './evidence.js';
import type { Ground } from './ground.js';
import type { LinkFault, PlannedFault, ServerFault } from './schedule.js';
import type { Cut } from './tcp-proxy.js';

const LATENCY_MS = 400;
/** What a process that is told to stop may take, before it is killed. */
export const STOP_GRACE_MS = 60_000;

/**
 * Each fault begins at its time. What took longer than planned, a start above all, puts off everything behind it,
 * so that no two come closer together; what would begin after `seconds` is left out.
 */
export async function injectAll(
  plan: PlannedFault[],
  seconds: number,
  ground: Ground,
  onFault: (fault: InjectedFault) => void,
): Promise<InjectedFault[]> {
  const startedMs = Date.now();
  const injected: InjectedFault[] = [];
  let lateMs = 0;
  for (const planned of plan) {
    const dueMs = planned.atMs + lateMs;
    if (dueMs + planned.forMs > seconds * 1000) break;
    await delay(Math.max(0, startedMs + dueMs - Date.now()));
    const fromMs = Date.now();
    const exit = await inject(planned, ground);
    const fault = { ...planned, fromMs, toMs: Date.now(), ...(exit && { exit }) };
    lateMs = Math.max(lateMs, fault.toMs - startedMs - planned.atMs - planned.forMs);
    injected.push(fault);
    onFault(fault);
  }
  return injected;
}

async function inject(fault: PlannedFault, ground: Ground): Promise<Exit | undefined> {
  if (fault.on === 'process') return hitProcess(fault, ground);
  if (fault.on === 'network') {
    const link = ground.links[fault.whom];
    await link.cut(CUTS[fault.how]);
    await delay(fault.forMs);
    await link.mend();
    return undefined;
  }
  const server = { Port: ground.world.port, GitLab: ground.world.gitlab, service: ground.world.service };
  const heal = server[fault.whom].inject(BEHAVIOURS[fault.how]);
  await delay(fault.forMs);
  heal();
  return undefined;
}

async function hitProcess(
  { whom, how, forMs }: PlannedFault & { on: 'process' },
  { parts }: Ground,
): Promise<Exit | undefined> {
  const part = parts.get(whom);
  if (!part) throw new Error(`${whom} was not started`);
  if (how === 'freeze') {
    part.freeze();
    await delay(forMs);
    part.thaw();
    return undefined;
  }
  const exit = await part.end(how === 'kill -9' ? 'SIGKILL' : 'SIGTERM', STOP_GRACE_MS);
  await delay(forMs);
  await part.start();
  return exit;
}

const CUTS: Record<LinkFault, Cut> = {
  latency: { kind: 'latency', ms: LATENCY_MS },
  'black hole': { kind: 'black hole' },
  reset: { kind: 'reset' },
  refuse: { kind: 'refuse' },
};

const UNAVAILABLE: SimResponse = { status: 503, body: { error: 'service unavailable' } };

const BEHAVIOURS: Record<ServerFault, ServerBehaviour> = {
  '503': { kind: 'respond', response: UNAVAILABLE },
  '429': { kind: 'respond', response: gitlabAnswers.retryLater(1) },
  hang: { kind: 'hang' },
  'drop before': { kind: 'dropBefore' },
  'drop after': { kind: 'dropAfter' },
};
