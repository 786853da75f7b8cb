/** The agent's own processes, started as their user starts them: the command, with an environment. */
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './parts/child.js';

export type Role = 'worker' | 'ingest' | 'both' | 'sweep';

const COMMAND = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const COMMAND_BESIDE_THE_BUILD = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const READY: Record<Role, RegExp> = {
  worker: /"msg":"worker ready"/,
  ingest: /"msg":"ingester ready"/,
  both: /"msg":"ingester ready"/,
  sweep: /"msg":"swept"/,
};

export interface AgentOptions {
  environment: Record<string, string>;
  /** Set false to get the process at once, whether or not it will come up. */
  waitUntilReady?: boolean;
  onLine?: (line: string) => void;
}

/** Starts `temporal-port-agent <role>` from the build, and waits until it says that it is ready. */
export function startAgent(role: Role, options: AgentOptions): Promise<Child> {
  return startChild({
    name: role === 'ingest' ? 'ingester' : role,
    command: process.execPath,
    args: [import.meta.url.includes('/dist/') ? COMMAND_BESIDE_THE_BUILD : COMMAND, role],
    env: options.environment,
    ...(options.onLine && { onLine: options.onLine }),
    ...(options.waitUntilReady !== false && { ready: READY[role], readyTimeoutMs: 60_000 }),
  });
}
