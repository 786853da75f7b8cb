/**
 * The jq threads, and the clock over them: a program that does not end costs its thread, nothing else.
 *
 * Never rejects. A task waits for a thread without limit; its deadline counts from when its work began, which
 * the thread writes down, so that a busy process does not end what was done in time.
 */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { JqResult, JqTask } from './jq-worker.js';

export interface JqLimits {
  threads: number;
  /** For one program. */
  deadlineMs: number;
  /** Of one thread's jq. The rest of a thread needs some 40 MB more. */
  maxMemoryMb: number;
}

export interface JqPool {
  /** Runs a program over a JSON text, or compiles it when there is none. */
  run(program: string, data?: string): Promise<JqResult>;
  /** Ends what still runs. */
  close(): Promise<void>;
}

const WORKER_IN_BUILD = new URL('../../dist/port/mapping/jq-worker.js', import.meta.url);
const WORKER_BESIDE = new URL('./jq-worker.js', import.meta.url);
/** For the thread's own JavaScript; a thread that needs more ends, and is replaced. */
const MAX_HEAP_MB = 128;

export function createJqPool({ threads, deadlineMs, maxMemoryMb }: JqLimits): JqPool {
  const pool = new Piscina({
    // A thread runs JavaScript only: started from sources, it comes from the build.
    filename: fileURLToPath(import.meta.url.endsWith('.ts') ? WORKER_IN_BUILD : WORKER_BESIDE),
    minThreads: threads,
    maxThreads: threads,
    workerData: { maxMemoryMb },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 16 },
    // A thread needs nothing of the environment; what mappings may see is handed to them.
    env: {},
    execArgv: [],
  });
  // A thread that dies between two tasks is replaced, and no one's error.
  pool.on('error', () => undefined);
  let closed = false;

  return {
    async run(program, data) {
      if (closed) return { failure: 'closed', text: '' };
      const task: JqTask = { program, clock: new SharedArrayBuffer(8), ...(data !== undefined && { data }) };
      const deadline = startDeadline(task.clock, deadlineMs);
      try {
        return await pool.run(task, { signal: deadline.signal });
      } catch (error) {
        if (deadline.signal.aborted) return { failure: 'deadline', text: '' };
        if (closed) return { failure: 'closed', text: '' };
        const outOfMemory = (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
        return { failure: outOfMemory ? 'memory' : 'crash', text: '' };
      } finally {
        deadline.clear();
      }
    },
    async close() {
      closed = true;
      await pool.destroy();
    },
  };
}

/** Aborts when the work, once begun, has taken longer than it may. Aborting a running task ends its thread. */
function startDeadline(clock: SharedArrayBuffer, deadlineMs: number) {
  const controller = new AbortController();
  const startedAt = new BigInt64Array(clock);
  let timer = setTimeout(look, deadlineMs);
  function look(): void {
    const started = Atomics.load(startedAt, 0);
    // Done: its result is on the way to us, and only our own thread was slow.
    if (started < 0n) return;
    const leftMs =
      started === 0n ? deadlineMs : deadlineMs - Number(process.hrtime.bigint() - started) / 1_000_000;
    if (leftMs <= 0) controller.abort();
    else timer = setTimeout(look, Math.ceil(leftMs));
  }
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
