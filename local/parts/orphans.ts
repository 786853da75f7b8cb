/**
 * Sees to it that no child outlives this process, however it ends.
 *
 * An exit hook covers every orderly end, signal handlers cover Ctrl-C, and a shell that waits for its input
 * to close covers the end that cannot be caught: SIGKILL. It also covers Jest, whose sandbox never passes
 * the exit event on. All of it exists only while there is a child.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Reads `+ GROUP` and `- GROUP`; when its input ends, kills the groups that are left. POSIX sh. */
const REAPER = `
trap '' HUP INT TERM
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

const groups = new Set<number>();
let reaper: ChildProcess | undefined;

/** Ties a process group (its leader's pid) to the life of this process. */
export function adopt(group: number): void {
  if (groups.size === 0) watch();
  groups.add(group);
  reaper?.stdin?.write(`+ ${group}\n`);
}

/** Kills what is left of a group whose leader has ended, and forgets it. */
export function release(group: number): void {
  killGroup(group, 'SIGKILL');
  groups.delete(group);
  reaper?.stdin?.write(`- ${group}\n`);
  if (groups.size === 0) unwatch();
}

/** Signals a whole group; false when nobody is left in it. */
export function killGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

function watch(): void {
  process.on('exit', killAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // Detached: Ctrl-C goes to the terminal's whole process group, and must not reach the reaper.
  reaper = spawn('sh', ['-c', REAPER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  reaper.on('error', () => {});
  reaper.stdin?.on('error', () => {});
  reaper.unref();
  (reaper.stdin as { unref?: () => void } | null)?.unref?.();
}

function unwatch(): void {
  process.off('exit', killAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
  reaper?.stdin?.end();
  reaper = undefined;
}

function killAll(): void {
  for (const group of groups) killGroup(group, 'SIGKILL');
}

/** A program with a handler of its own shuts down itself; without one, a signal ends it without 'exit'. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  killAll();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}
