import type { BatchHandler, RecordBatch } from '../../ingest/record-source.js';
import { PortError } from '../../port/client.js';
import { SYNCHRONIZED, WEBHOOK } from '../local/simulators/port-fixtures.js';
import { accepting, idOf, SETTINGS, startPolling } from './polling.js';

const CLAIM = 'runs/claim-pending';
const ACK = 'runs/ack';

function gate(): { passed: Promise<void>; open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

describe('a claimed run', () => {
  test('is acknowledged once it is accepted, and not before', async () => {
    const { port, run, pending, source } = await startPolling();
    const [runId = ''] = await pending(1);
    const [started, goOn] = [gate(), gate()];
    const waited = run(async (batch, { onAccepted }) => {
      started.open();
      await goOn.passed;
      onAccepted(batch.records[0]?.offset ?? 0n);
      return {};
    });
    await started.passed;
    expect(port.run(runId)).toMatchObject({ pendingExecution: true, installationId: '_PORT_EXEC_AGENT' });
    goOn.open();
    expect(await waited).toBe(SETTINGS.intervalMs);
    expect(port.run(runId).pendingExecution).toBe(false);
    expect(source.counts).toEqual({ claimed: 1, acknowledged: 1, acknowledgedByOthers: 0, left: 0 });
  });

  test('comes as a record of the claims, with offsets that go up from poll to poll', async () => {
    const { run, again, pending, port } = await startPolling();
    const batches: RecordBatch[] = [];
    const ids = await pending(2);
    await run(accepting(batches));
    ids.push(...(await pending(1)));
    await again();
    expect(batches.map(({ topic, partition }) => ({ topic, partition }))).toEqual([
      { topic: 'polling/runs', partition: 0 },
      { topic: 'polling/runs', partition: 0 },
    ]);
    const records = batches.flatMap((batch) => batch.records);
    expect(records.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
    expect(records.map(idOf)).toEqual(ids);
    expect(records[0]).toMatchObject({
      origin: 'claim',
      timestampMs: Date.parse(port.run(ids[0] ?? '').createdAt),
    });
  });

  test('that was held is not acknowledged, and comes again after its lease', async () => {
    const { run, again, advance, pending, asked } = await startPolling();
    const [runId] = await pending(1);
    let held = 0;
    const seen: string[] = [];
    const handle: BatchHandler = async (batch, context) => {
      seen.push(...batch.records.map(idOf));
      return held++ === 0 ? { retryAfterMs: 30_000 } : accepting()(batch, context);
    };
    expect(await run(handle)).toBe(30_000);
    expect(asked(ACK)).toEqual([]);
    advance(59_999);
    await again();
    expect(seen).toEqual([runId]);
    advance(1);
    await again();
    expect(seen).toEqual([runId, runId]);
    expect(asked(ACK)).toEqual([{ runIds: [runId] }]);
  });

  test('behind one that was held is not acknowledged either', async () => {
    const { run, pending, asked } = await startPolling();
    const [first] = await pending(3);
    await run(async (batch, { onAccepted }) => {
      onAccepted(batch.records[0]?.offset ?? 0n);
      return { retryAfterMs: 1 };
    });
    expect(asked(ACK)).toEqual([{ runIds: [first] }]);
  });

  test('that another agent took over when its lease had ended is counted, and no error', async () => {
    const { run, again, advance, pending, source, health, other, said } = await startPolling();
    const [runId = ''] = await pending(1);
    const waitMs = await run(async (batch, context) => {
      advance(60_000);
      const taken = await other.claimRuns({ limit: 10, visibilityTimeoutMs: 60_000 });
      expect(taken.map(({ id }) => id)).toEqual([runId]);
      expect(await other.ackRun(runId)).toBe('acknowledged');
      return accepting()(batch, context);
    });
    expect(waitMs).toBe(SETTINGS.intervalMs);
    expect(source.counts).toMatchObject({ acknowledged: 0, acknowledgedByOthers: 1 });
    expect(said()).toContainEqual(expect.stringContaining('acknowledged by another agent before'));
    expect(await again()).toBe(SETTINGS.intervalMs);
    expect(health.readiness().isGood).toBe(true);
  });

  test('whose acknowledgement fails comes again after its lease, and is acknowledged then', async () => {
    const { run, again, advance, pending, port, said } = await startPolling();
    const [runId = ''] = await pending(1);
    port.inject({ kind: 'respond', path: /\/ack$/, times: 1, response: { status: 502 } });
    const batches: RecordBatch[] = [];
    await run(accepting(batches));
    expect(said()).toContainEqual(expect.stringContaining('could not be acknowledged'));
    advance(60_000);
    await again();
    expect(batches.map((batch) => batch.records.map(idOf))).toEqual([[runId], [runId]]);
    expect(port.run(runId).pendingExecution).toBe(false);
  });

  test('without an id is passed over', async () => {
    const claimRuns = async () => [{ status: 'IN_PROGRESS' }];
    const { run, said } = await startPolling({}, { api: { claimRuns } });
    expect(await run(accepting())).toBe(SETTINGS.intervalMs);
    expect(said()).toContainEqual(expect.stringContaining('without an id'));
  });

  test('nested deeper than JSON can be written is handed on as unreadable', async () => {
    let body: unknown = 1;
    for (let level = 0; level < 20_000; level++) body = [body];
    const claimRuns = async () => [{ id: 'r_1', payload: { body: { body } } }] as never;
    const { run } = await startPolling({}, { api: { claimRuns, ackRun: async () => 'acknowledged' } });
    const batches: RecordBatch[] = [];
    await run(accepting(batches));
    expect(batches[0]?.records[0]?.value).toBeNull();
  });

  test('is not started any more when its lease is nearly over', async () => {
    const { run, pending, asked } = await startPolling({ visibilityTimeoutMs: 200 });
    await pending(1);
    await run(async (_batch, { signal }) => {
      while (!signal.aborted) await new Promise((resolve) => setImmediate(resolve));
      return {};
    });
    expect(asked(ACK)).toEqual([]);
  });
});

describe('what is ignored', () => {
  /** Ignores the runs of one action. */
  const ignoring =
    (action: string, seen: string[] = []): BatchHandler =>
    async (batch, { onIgnored, onAccepted }) => {
      for (const record of batch.records) {
        seen.push(idOf(record));
        if (Buffer.from(record.value ?? []).includes(`"${action}"`)) onIgnored?.(record.offset);
        onAccepted(record.offset);
      }
      return {};
    };

  test('is not acknowledged, and the rest of its batch is', async () => {
    const { run, pending, port, source } = await startPolling();
    const [theirs = ''] = await pending(1, SYNCHRONIZED.identifier);
    const [ours = ''] = await pending(1);
    await run(ignoring(SYNCHRONIZED.identifier));
    expect(port.run(theirs).pendingExecution).toBe(true);
    expect(port.run(ours).pendingExecution).toBe(false);
    expect(source.counts).toMatchObject({ acknowledged: 1, left: 1 });
  });

  test('is left to others: its action is not claimed until they have had two polls', async () => {
    const { run, again, advance, pending, asked } = await startPolling();
    const seen: string[] = [];
    const [theirs = ''] = await pending(1, SYNCHRONIZED.identifier);
    await run(ignoring(SYNCHRONIZED.identifier, seen));
    await again();
    expect(asked(CLAIM).map((claim) => claim['exclude'])).toEqual([undefined, [SYNCHRONIZED.identifier]]);
    advance(79_999);
    const [ours = ''] = await pending(1);
    await again();
    expect(seen).toEqual([theirs, ours]);
    advance(1);
    await again();
    expect(asked(CLAIM).at(-1)).not.toHaveProperty('exclude');
    expect(seen).toEqual([theirs, ours, theirs]);
  });

  test('reaches an agent whose polls always come after ours', async () => {
    const { run, again, advance, pending, other } = await startPolling();
    const [theirs = ''] = await pending(1, SYNCHRONIZED.identifier);
    await run(ignoring(SYNCHRONIZED.identifier));
    const taken: unknown[] = [];
    for (let poll = 0; poll < 8 && taken.length === 0; poll++) {
      advance(SETTINGS.intervalMs);
      await again();
      taken.push(...(await other.claimRuns({ limit: 10, visibilityTimeoutMs: 60_000 })));
    }
    expect(taken).toMatchObject([{ id: theirs }]);
  });

  test('is no reason to poll again at once, however many they are', async () => {
    const { run, pending } = await startPolling();
    await pending(SETTINGS.batchSize);
    expect(await run(ignoring(WEBHOOK.identifier))).toBe(SETTINGS.intervalMs);
  });
});

describe('the pace', () => {
  test('is the interval, and no wait at all after a full batch', async () => {
    const { run, pending, asked } = await startPolling();
    await pending(2 * SETTINGS.batchSize + 1);
    const batches: RecordBatch[] = [];
    expect(await run(accepting(batches))).toBe(SETTINGS.intervalMs);
    expect(batches.map(({ records }) => records.length)).toEqual([3, 3, 1]);
    expect(asked(CLAIM)).toHaveLength(3);
  });

  test('backs off with factor and longest wait, and starts anew after a success', async () => {
    const { run, again, port, said } = await startPolling({ jitterFactor: 0.1 });
    const fault = { kind: 'respond', path: /claim-pending$/, response: { status: 503 } } as const;
    port.inject(fault);
    const waits = [await run(accepting())];
    for (let failure = 0; failure < 4; failure++) waits.push(await again());
    expect(waits).toEqual([1100, 2200, 4400, 5500, 5500]);
    port.clearFaults();
    expect(await again()).toBe(SETTINGS.intervalMs);
    port.inject(fault);
    expect(await again()).toBe(1100);
    expect(said()).toContainEqual(expect.stringContaining("runs can't be claimed: Port answered 503"));
  });

  test('backs off when Port can not be reached at all', async () => {
    const { run, again, port } = await startPolling();
    await port.refuse();
    expect([await run(accepting()), await again()]).toEqual([1000, 2000]);
    await port.listen();
    expect(await again()).toBe(SETTINGS.intervalMs);
  });

  test("waits as long as Port's rate limit asks, if that is not longer than the longest wait", async () => {
    const { run, again, port } = await startPolling();
    const limited = (seconds: string) =>
      port.inject({
        kind: 'respond',
        path: /claim-pending$/,
        times: 1,
        response: { status: 429, headers: { 'retry-after': seconds } },
      });
    limited('3');
    expect(await run(accepting())).toBe(3000);
    limited('3000');
    expect(await again()).toBe(SETTINGS.maxBackoffMs);
  });

  test('is not lost when a handler fails', async () => {
    const { run, again, advance, pending, port } = await startPolling();
    const [runId = ''] = await pending(1);
    let failed = false;
    const handle: BatchHandler = async (batch, context) => {
      if (failed) return accepting()(batch, context);
      failed = true;
      throw new Error('a mistake of ours');
    };
    expect(await run(handle)).toBe(SETTINGS.initialBackoffMs);
    advance(60_000);
    await again();
    expect(port.run(runId).pendingExecution).toBe(false);
  });

  test('an answer that is too long to be read is asked for in halves, and then in full again', async () => {
    const { run, again, port, pending, advance, asked } = await startPolling({ batchSize: 8 });
    await pending(1);
    const cut = { kind: 'truncate', path: /claim-pending$/, times: 1, bytes: 40 } as const;
    port.inject(cut);
    await run(accepting());
    advance(60_000);
    port.inject(cut);
    await again();
    advance(60_000);
    await again();
    for (let success = 0; success < 2; success++) {
      await pending(1);
      await again();
    }
    expect(asked(CLAIM).map(({ limit }) => limit)).toEqual([8, 4, 2, 4, 8]);
  });
});

describe('health', () => {
  test('fails when nothing could be claimed for too long, is told once, and recovers', async () => {
    const { run, again, advance, port, health, said } = await startPolling();
    await run(accepting());
    port.inject({ kind: 'respond', path: /claim-pending$/, response: { status: 500 } });
    await again();
    advance(20_000);
    await again();
    expect(health.readiness().isGood).toBe(true);
    advance(1);
    await again();
    await again();
    expect(health.readiness().reasons).toMatchObject([
      { part: 'polling', reason: expect.stringContaining('POLLING_MAX_FAILURE_DURATION_SECONDS') },
    ]);
    const told = said().filter((line) => line.includes('POLLING_MAX_FAILURE_DURATION_SECONDS'));
    expect(told).toHaveLength(1);
    port.clearFaults();
    await again();
    expect(health.readiness().isGood).toBe(true);
    expect(said()).toContainEqual('Port can be polled again');
  });

  test('is not good before the first poll that succeeded, and the reason quotes nothing of Port', async () => {
    const { run, again, port, health } = await startPolling();
    const response = { status: 500, body: { message: 'planted answer' } };
    port.inject({ kind: 'respond', path: /claim-pending$/, times: 1, response });
    await run(accepting());
    const { reasons } = health.readiness();
    expect(reasons).toMatchObject([
      { part: 'polling', reason: expect.stringContaining('no poll has succeeded yet') },
    ]);
    expect(JSON.stringify(reasons)).not.toContain('planted');
    await again();
    expect(health.readiness().isGood).toBe(true);
  });

  test('tells a loop that waits from one that stands still', async () => {
    const { run, again, advance, health } = await startPolling();
    await run(accepting());
    advance(SETTINGS.intervalMs + 300_000);
    expect(health.liveness().isGood).toBe(true);
    advance(1);
    expect(health.liveness().reasons).toMatchObject([{ part: 'polling' }]);
    await again();
    expect(health.liveness().isGood).toBe(true);
  });

  test('credentials that Port refuses are logged with advice', async () => {
    const { run, port, said } = await startPolling();
    port.inject({ kind: 'respond', path: /claim-pending$/, response: { status: 403, body: {} } });
    await run(accepting());
    expect(said()).toContainEqual(expect.stringContaining('Use the credentials of the organization'));
  });

  test('"ingester ready" is said once, after the first claim that succeeded', async () => {
    const { run, again, port, said } = await startPolling();
    port.inject({ kind: 'respond', path: /claim-pending$/, times: 1, response: { status: 500 } });
    await run(accepting());
    expect(said()).not.toContain('ingester ready');
    await again();
    await again();
    expect(said().filter((line) => line === 'ingester ready')).toHaveLength(1);
  });
});

describe('a stop', () => {
  test('ends the wait at once', async () => {
    const { run, stop, asked } = await startPolling();
    await run(accepting());
    await stop();
    expect(asked(CLAIM)).toHaveLength(1);
  });

  test('lets the batch under way finish, acknowledges it, and claims no more', async () => {
    const { run, stop, pending, asked } = await startPolling();
    const ids = await pending(SETTINGS.batchSize + 1);
    const [started, goOn] = [gate(), gate()];
    let isAborted: boolean | undefined;
    void run(async (batch, context) => {
      started.open();
      await goOn.passed;
      isAborted = context.signal.aborted;
      return accepting()(batch, context);
    });
    await started.passed;
    let hasStopped = false;
    const stopped = stop().then(() => {
      hasStopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasStopped).toBe(false);
    goOn.open();
    await stopped;
    expect(isAborted).toBe(false);
    expect(asked(ACK)).toEqual(ids.slice(0, SETTINGS.batchSize).map((id) => ({ runIds: [id] })));
    expect(asked(CLAIM)).toHaveLength(1);
  });
});

describe('workflow node runs', () => {
  const CONFIG = { url: 'https://node.internal', body: { k: 'v' } };

  test('are claimed, handed on and acknowledged by their own API', async () => {
    const { run, port, asked } = await startPolling({}, { queue: 'nodes' });
    const id = await port.triggerNode(CONFIG);
    const batches: RecordBatch[] = [];
    await run(accepting(batches));
    expect(batches[0]).toMatchObject({ topic: 'polling/nodes', records: [{ origin: 'claim', offset: 0n }] });
    expect(idOf(batches[0]?.records[0])).toBe(id);
    expect(asked('workflows/runs/ack')).toEqual([{ nodeRunIdentifier: id }]);
    expect(port.nodeRuns.get(id)?.pendingExecution).toBe(false);
  });

  test('that are ignored are left to others by the uid of their node', async () => {
    const { run, again, port, asked } = await startPolling({}, { queue: 'nodes' });
    const id = await port.triggerNode(CONFIG);
    await run(async (batch, { onIgnored, onAccepted }) => {
      for (const { offset } of batch.records) {
        onIgnored?.(offset);
        onAccepted(offset);
      }
      return {};
    });
    await again();
    expect(asked(CLAIM).at(-1)?.['exclude']).toEqual([port.nodeRuns.get(id)?.nodeUid]);
  });

  test('that Port refuses to hand out are told once, asked for rarely, and no sign of ill health', async () => {
    const claimNodeRuns = async () => {
      throw new PortError(404, 'not_found', 'Port answered 404', { headers: {} }, true);
    };
    const { run, again, advance, health, log } = await startPolling(
      {},
      { queue: 'nodes', api: { claimNodeRuns } },
    );
    expect(await run(accepting())).toBe(SETTINGS.maxBackoffMs);
    advance(3_600_000);
    expect(await again()).toBe(SETTINGS.maxBackoffMs);
    expect(log).toHaveLength(1);
    expect(log[0]?.['msg']).toContain('Port hands out no workflow node runs');
    expect(JSON.stringify(health.readiness())).not.toContain('POLLING_MAX_FAILURE_DURATION_SECONDS');
  });
});
