/** The agent's own processes, started as their user starts them: the command, with an environment. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './parts/child.js';

export type Role = 'worker' | 'ingest' | 'both' | 'sweep' | 'codec-server';

const COMMAND = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../cli/main.js' : '../dist/cli/main.js', import.meta.url),
);
const READY: Record<Role, RegExp> = {
  worker: /"msg":"worker ready"/,
  ingest: /"msg":"ingester ready"/,
  both: /"msg":"ingester ready"/,
  sweep: /"msg":"swept"/,
  'codec-server': /"msg":"codec server ready"/,
};

export interface AgentOptions {
  environment: Record<string, string>;
  /** Set false to get the process at once, whether or not it will come up. */
  waitUntilReady?: boolean;
  onLine?: (line: string) => void;
  /** Ends a start that is not through. */
  signal?: AbortSignal;
  /** Another build of the agent than this checkout's: its folder, with `cli/` in it. */
  build?: string;
}

/** Starts `temporal-port-agent <role>` from the build, and waits until it says that it is ready. */
export function startAgent(role: Role, options: AgentOptions): Promise<Child> {
  return startChild({
    name: role === 'ingest' ? 'ingester' : role,
    command: process.execPath,
    args: [options.build ? join(options.build, 'cli/main.js') : COMMAND, role],
    env: options.environment,
    ...(options.onLine && { onLine: options.onLine }),
    ...(options.signal && { signal: options.signal }),
    ...(options.waitUntilReady !== false && { ready: READY[role], readyTimeoutMs: 180_000 }),
  });
}
