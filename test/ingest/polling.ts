/** A polling source on a simulator of Port, whose clock and waits are the test's. */
import { pino } from 'pino';
import { createOutbound } from '../../http/outbound.js';
import type { ClaimApi } from '../../ingest/claim-queue.js';
import { PollingSource, type PollingSourceOptions } from '../../ingest/polling-source.js';
import type { BatchHandler, RecordBatch, SourceRecord } from '../../ingest/record-source.js';
import type { PortSimulator } from '../../local/simulators/port.js';
import { PortClaims } from '../../port/claims.js';
import { PortClient } from '../../port/client.js';
import { Health } from '../../telemetry/health.js';
import { CLIENT_SECRET, startPort, WEBHOOK } from '../local/simulators/port-fixtures.js';
import { testNetwork } from '../support/network.js';

export const SETTINGS: PollingSourceOptions['settings'] = {
  intervalMs: 10_000,
  batchSize: 3,
  visibilityTimeoutMs: 60_000,
  initialBackoffMs: 1000,
  backoffFactor: 2,
  maxBackoffMs: 5000,
  jitterFactor: 0,
  maxFailureMs: 20_000,
};

export interface Polling {
  port: PortSimulator;
  source: PollingSource;
  health: Health;
  log: Record<string, unknown>[];
  /** What the log says, in order. */
  said(): string[];
  /** Starts polling with this handler; returns the wait after what could be claimed at once. */
  run(handle: BatchHandler): Promise<number>;
  /** Lets the wait be over; returns the next one. */
  again(): Promise<number>;
  /** Moves Port's clock and ours. */
  advance(ms: number): void;
  /** Runs of the action, which wait to be claimed. */
  pending(count: number, action?: string): Promise<string[]>;
  /** What another agent would do. */
  other: PortClaims;
  /** What was asked of Port by the source, for the path's end. */
  asked(pathEnd: string): Record<string, unknown>[];
  stop(): Promise<void>;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Polls one of the two queues; the other one's claim stays open until the stop. */
export async function startPolling(
  changes: Partial<PollingSourceOptions['settings']> = {},
  more: Partial<PollingSourceOptions> & { api?: Partial<ClaimApi>; queue?: 'runs' | 'nodes' } = {},
): Promise<Polling> {
  const { port, advance } = await startPort({}, { kafka: false });
  let clock = Date.parse('2026-11-21T12:00:00Z');
  const now = () => clock;
  const api = claimsAt(port.url, now);
  let openTheOther = (): void => {};
  const never = new Promise<never[]>((resolve) => {
    openTheOther = () => resolve([]);
  });
  const asked: { ms: number; over: () => void }[] = [];
  let seen = 0;
  let onWait = (): void => {};
  const wait: PollingSourceOptions['wait'] = (ms, signal) =>
    new Promise((over) => {
      if (signal.aborted) return over();
      asked.push({ ms, over });
      signal.addEventListener('abort', () => over(), { once: true });
      onWait();
    });
  const nextWait = async (): Promise<number> => {
    while (asked.length === seen) await new Promise<void>((resolve) => (onWait = resolve));
    return asked[seen++]?.ms ?? -1;
  };
  const log: Record<string, unknown>[] = [];
  const { api: changedApi, queue = 'runs', ...options } = more;
  const health = new Health(now);
  const source = new PollingSource({
    port: {
      claimRuns: (o) => (queue === 'runs' ? api.claimRuns(o) : never),
      claimNodeRuns: (o) => (queue === 'nodes' ? api.claimNodeRuns(o) : never),
      ackRun: (id) => api.ackRun(id),
      ackNodeRun: (id) => api.ackNodeRun(id),
      ...changedApi,
    },
    settings: { ...SETTINGS, ...changes },
    logger: pino({ level: 'debug' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
    health,
    now,
    wait,
    random: () => 1,
    ...options,
  });
  const stop = async (): Promise<void> => {
    openTheOther();
    await source.stop();
  };
  closers.push(stop);
  return {
    port,
    source,
    health,
    log,
    said: () => log.map(({ msg }) => String(msg)),
    run(handle) {
      void source.run(handle);
      return nextWait();
    },
    async again() {
      asked[seen - 1]?.over();
      return nextWait();
    },
    advance(ms) {
      clock += ms;
      advance(ms);
    },
    pending: (count, action = WEBHOOK.identifier) =>
      Promise.all(
        Array.from({ length: count }, () =>
          port.trigger(action, { properties: { region: 'eu' }, entity: 'api' }),
        ),
      ),
    other: claimsAt(port.url, now),
    asked: (pathEnd) =>
      port.journal.filter(({ path }) => path.endsWith(pathEnd)).map(({ rawBody }) => JSON.parse(rawBody)),
    stop,
  };
}

function claimsAt(apiUrl: string, now: () => number): PortClaims {
  const outbound = createOutbound({
    network: testNetwork(),
    verifyTls: true,
    keepAlive: true,
    followRedirects: false,
    userAgent: 'test',
  });
  closers.push(() => outbound.close());
  return new PortClaims(
    new PortClient({ apiUrl, clientId: 'client', clientSecret: CLIENT_SECRET }, outbound, now),
  );
}

/** Accepts everything, and keeps the batches. */
export function accepting(into: RecordBatch[] = []): BatchHandler {
  return async (batch, { onAccepted }) => {
    into.push(batch);
    for (const record of batch.records) onAccepted(record.offset);
    return {};
  };
}

/** The run that a record is about. */
export function idOf(record: SourceRecord | undefined): string {
  return JSON.parse(Buffer.from(record?.value ?? []).toString()).context.runId;
}
