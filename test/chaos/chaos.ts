/** One run of chaos: a load, faults by a seed, time to settle, and a verdict from what is left. */
import { setTimeout as delay } from 'node:timers/promises';
import { check, type Verdict } from './checker.js';
import { collect, settled } from './collect.js';
import type { Evidence, InjectedFault } from './evidence.js';
import { type Ground, startAgents, startGround } from './ground.js';
import { injectAll } from './inject.js';
import { startLoad } from './load.js';
import { createRandom } from './random.js';
import { planFaults, type ScheduleOptions } from './schedule.js';

export interface ChaosOptions extends ScheduleOptions {
  runsPerSecond: number;
  /** Added to the agent's environment. */
  environment?: Record<string, string>;
  /** Once nothing is broken any more: after so long without a step forward, what is open is unreported. */
  stuckMs: number;
  onProgress?: (what: string) => void;
  onFault?: (fault: InjectedFault) => void;
}

export interface ChaosResult {
  verdict: Verdict;
  evidence: Evidence;
  /** How many messages Kafka did not take while it was away. */
  refused: number;
  settledAfterMs: number;
  logs: Ground['logs'];
}

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, seconds, onProgress = () => {}, onFault = () => {} } = options;
  const ground = await startGround(options.environment);
  try {
    await startAgents(ground, ['worker', 'ingester']);
    onProgress(`everything is up; faults for ${seconds} s`);
    const endMs = Date.now() + seconds * 1000;
    const load = startLoad(ground, options.runsPerSecond, createRandom(seed + 1));
    const faults = await injectAll(planFaults(options), seconds, ground, onFault);
    await delay(Math.max(0, endMs - Date.now()));
    const { refused } = await load.stop();
    const settlingMs = Date.now();
    onProgress('nothing is broken any more; waiting for every run to end');
    await settled(ground, options.stuckMs);
    const settledAfterMs = Date.now() - settlingMs;
    onProgress('reading the journals');
    const evidence = await collect(ground, faults);
    return { verdict: check(evidence), evidence, refused, settledAfterMs, logs: ground.logs };
  } finally {
    await ground.close();
  }
}
