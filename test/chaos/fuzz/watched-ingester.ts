/** An ingester whose every decision is read from its log, and whose memory is watched. */
import { readFileSync } from 'node:fs';
import { startAgent } from '../../../local/agent.js';
import type { Child } from '../../../local/parts/child.js';

/** What the ingester says of a record. */
export interface Decided {
  kind: 'accepted' | 'ignored' | 'rejected';
  reason: string | undefined;
  workflowId: string | undefined;
}

export interface WatchedIngester {
  child: Child;
  /** By `topic/partition/offset`; the last word on each. */
  decisions: Map<string, Decided>;
  /** Lines that tell of trouble: errors, and what is no JSON. */
  troubles: string[];
  /** The most memory that it has held, in MB. */
  peakMegabytes(): number;
}

const SAMPLE_MS = 200;

export async function startWatchedIngester(environment: Record<string, string>): Promise<WatchedIngester> {
  const decisions = new Map<string, Decided>();
  const troubles: string[] = [];
  const child = await startAgent('ingest', {
    // What is not for an agent is told at this level only.
    environment: { ...environment, LOG_LEVEL: 'DEBUG' },
    onLine(line) {
      const entry = parse(line);
      if (!entry || entry['level'] === 'error' || entry['level'] === 'fatal') troubles.push(line);
      const decided = entry && decisionIn(entry);
      if (decided) decisions.set(String(entry['record']), decided);
    },
  });
  let peakKilobytes = 0;
  const timer = setInterval(() => {
    if (child.isRunning()) peakKilobytes = Math.max(peakKilobytes, residentKilobytes(child.pid));
  }, SAMPLE_MS);
  void child.exited.then(() => clearInterval(timer));
  return { child, decisions, troubles, peakMegabytes: () => peakKilobytes / 1024 };
}

function decisionIn(entry: Record<string, unknown>): Decided | undefined {
  const kind = entry['msg'];
  if (kind !== 'accepted' && kind !== 'ignored' && kind !== 'rejected') return undefined;
  const text = (name: string): string | undefined =>
    typeof entry[name] === 'string' ? (entry[name] as string) : undefined;
  return { kind, reason: text('reason'), workflowId: text('workflowId') ?? text('runId') };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function residentKilobytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    // It has just ended.
    return 0;
  }
}
