/** `npm start` as its user has it: the command, its output, its end, and nothing left behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO_RUNS } from '../../local/demo/runs.js';
import { findJava } from '../../local/parts/java.js';
import { onPath } from '../../local/parts/sources.js';
import { findTemporal } from '../../local/parts/temporal.js';
import { until } from '../support/house.js';

const MAIN = join(process.cwd(), 'dist/local/main.js');
/** The first start on a machine fetches the parts. */
const TIMEOUT_MS = 600_000;

interface Launched {
  process: ChildProcess;
  /** Everything that it has printed so far. */
  output(): string;
  exitCode: Promise<number | null>;
  /** Its processes that are still there: every process that has its environment. */
  leftovers(): string[];
  /** What it has left in its folder for temporary files. */
  temporaryFiles(): string[];
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act();
});

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'start-test-'));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts `node dist/local/main.js` with a folder of its own for temporary files, by which its processes are known. */
function launch(args: string[], env: NodeJS.ProcessEnv = {}): Launched {
  const temporary = temporaryFolder();
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  undo.push(async () => {
    child.kill('SIGKILL');
    await exitCode;
  });
  return {
    process: child,
    output: () => output,
    exitCode,
    leftovers: () => processesWith(`TMPDIR=${temporary}`),
    temporaryFiles: () => readdirSync(temporary),
  };
}

/** The processes whose environment has this entry; `ps` shows it behind the command (`e`), on Linux and macOS. */
function processesWith(entry: string): string[] {
  return execFileSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 64 << 20 })
    .split('\n')
    .filter((line) => line.includes(entry))
    .map((line) => line.trim().slice(0, 80));
}

/** Resolves once nothing is left; a process that was killed takes a moment to go. */
async function untilNothingIsLeft(launched: Launched): Promise<void> {
  await until('its processes are gone', () => launched.leftovers().length === 0, 30_000).catch(() => {});
  expect(launched.leftovers()).toEqual([]);
  expect(launched.temporaryFiles()).toEqual([]);
}

/** A PATH with these commands alone. */
async function pathWith(commands: Record<string, string>): Promise<string> {
  const dir = temporaryFolder();
  for (const [name, target] of Object.entries({ sh: await onPath('sh'), ...commands }))
    symlinkSync(target, join(dir, name));
  return dir;
}

describe('npm start', () => {
  test(
    'with --once shows what came of every run, and leaves nothing behind',
    async () => {
      const start = launch(['--once']);
      expect(await start.exitCode).toBe(0);
      for (const { action, workflow } of DEMO_RUNS) {
        expect(start.output()).toMatch(new RegExp(`^✓ r_\\w+ +${action} .*${workflow}`, 'm'));
      }
      expect(start.output()).toContain(`${DEMO_RUNS.length} runs, all as expected`);
      expect(
        Math.max(
          ...start
            .output()
            .split('\n')
            .map((line) => line.length),
        ),
      ).toBeLessThanOrEqual(120);
      await untilNothingIsLeft(start);
    },
    TIMEOUT_MS,
  );

  test(
    'says what runs where and what to try, and stops everything on Ctrl-C',
    async () => {
      const start = launch([]);
      await until('it is up', () => start.output().includes('Ctrl-C stops everything'), TIMEOUT_MS);
      const url = /http:\S+\/workflows$/m.exec(start.output())?.[0] ?? '';
      expect((await fetch(url)).status).toBe(200);
      const trigger = /http:\S+\/_simulator\/trigger\/deploy_service/.exec(start.output())?.[0] ?? '';
      const published = await fetch(trigger, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"properties": {"service": "checkout", "replicas": 2}}',
      });
      expect(published.ok).toBe(true);
      // The launcher, Temporal, Kafka, worker, ingester; beside them the shell that outlives the launcher.
      expect(start.leftovers().length).toBeGreaterThanOrEqual(5);
      start.process.kill('SIGINT');
      expect(await start.exitCode).toBe(0);
      await untilNothingIsLeft(start);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['the parts are starting', /^Kafka 4\S+ \(/m],
    ['worker and ingester are starting', /^Simulators are up/m],
    ['runs are being carried out', /^Publishing/m],
  ])(
    'stops everything when Ctrl-C comes while %s',
    async (_, moment) => {
      const start = launch([]);
      await until('that moment has come', () => moment.test(start.output()), TIMEOUT_MS);
      start.process.kill('SIGINT');
      expect(await start.exitCode).toBe(130);
      expect(start.output()).toContain('Stopping');
      await untilNothingIsLeft(start);
    },
    TIMEOUT_MS,
  );

  test(
    'stops at once when Ctrl-C comes while a part does not come up',
    async () => {
      const home = temporaryFolder();
      const { path } = await findJava();
      mkdirSync(join(home, 'bin'));
      // Java that never gets Kafka up.
      const script = `#!/bin/sh\ncase "$*" in *kafka.Kafka*) exec sleep 600;; *) exec '${path}' "$@";; esac\n`;
      writeFileSync(join(home, 'bin', 'java'), script, { mode: 0o755 });
      const start = launch(['--once'], { JAVA_HOME: home });
      await until('Kafka is starting', () => start.temporaryFiles().length > 0, TIMEOUT_MS);
      start.process.kill('SIGINT');
      expect(await start.exitCode).toBe(130);
      await untilNothingIsLeft(start);
    },
    TIMEOUT_MS,
  );

  test(
    'leaves nothing behind when it is killed',
    async () => {
      const start = launch([]);
      await until('parts are up', () => /^Temporal is up/m.test(start.output()), TIMEOUT_MS);
      start.process.kill('SIGKILL');
      await until('its processes are gone', () => start.leftovers().length === 0);
    },
    TIMEOUT_MS,
  );
});

describe('npm start says what is wrong', () => {
  test.each([
    ['--ui-port', "Temporal's UI"],
    ['--kafka-port', 'Kafka'],
    ['--service-port', 'The private service'],
  ])('when %s is taken, before it starts anything', async (flag, part) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    undo.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    const start = launch(['--once', flag, String(port)]);
    expect(await start.exitCode).toBe(1);
    expect(start.output()).toContain(`${part} cannot have port ${port}: it is taken by another process.`);
    expect(start.output()).toContain(`choose another port with ${flag}`);
    expect(start.output()).not.toMatch(/ is up/);
    await untilNothingIsLeft(start);
  });

  test(
    'when Temporal does not start, and stops Kafka again',
    async () => {
      const dir = temporaryFolder();
      const fake = join(dir, 'temporal');
      writeFileSync(
        fake,
        '#!/bin/sh\ncase $1 in --version) echo temporal version 1.9.9;; *) echo no disk >&2; exit 3;; esac\n',
      );
      chmodSync(fake, 0o755);
      const start = launch(['--once'], { PATH: `${dir}:${process.env['PATH']}` });
      expect(await start.exitCode).toBe(1);
      expect(start.output()).toContain('Temporal exited with code 3 before it was ready\n  no disk');
      expect(start.output()).toMatch(/^Kafka is up/m);
      await untilNothingIsLeft(start);
    },
    TIMEOUT_MS,
  );

  test(
    'when there is no Java and none can be fetched',
    async () => {
      const cache = temporaryFolder();
      const PATH = await pathWith({ temporal: (await findTemporal()).path });
      const start = launch(['--once'], { PATH, JAVA_HOME: '', TEMPORAL_PORT_AGENT_CACHE: cache });
      expect(await start.exitCode).toBe(1);
      expect(start.output()).toContain('Kafka needs Java 17 or later: install one (Debian: apt-get install');
      expect(start.output()).toContain('or set JAVA_HOME');
      await untilNothingIsLeft(start);
      expect(readdirSync(cache)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test('when an option is unknown, no port, or given twice, and shows the usage', async () => {
    for (const [args, words] of [
      [['--onse'], "Unknown option '--onse'"],
      [['--ui-port', 'http'], '--ui-port is not a port: http'],
      [['--ui-port', '8080', '--port-port', '8080'], '--ui-port and --port-port are the same port: 8080'],
    ] as const) {
      const start = launch([...args]);
      expect(await start.exitCode).toBe(1);
      expect(start.output()).toContain(words);
      expect(start.output()).toContain('Usage: npm start');
      expect(start.output()).not.toContain('    at ');
    }
  });
});
