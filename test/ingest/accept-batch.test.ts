import { pino } from 'pino';
import { createBatchHandler } from '../../ingest/accept-batch.js';
import type { HasEnded } from '../../ingest/old-runs.js';
import type { BatchHandler, BatchVerdict, SourceRecord } from '../../ingest/record-source.js';
import { Health } from '../../telemetry/health.js';
import { NotStartedError, type WorkflowStart, type WorkflowStarter } from '../../temporal/start-workflow.js';
import { signed, webhookMessage } from '../port/messages.js';
import { recordOf, SETTINGS } from './records.js';

const SECRET_INPUT = 'planted-input';

function good(offset: number): SourceRecord {
  const payload = webhookMessage()['payload'];
  const message = webhookMessage(
    {},
    { context: { runId: `r_${offset}` }, payload: payload ?? null, input: SECRET_INPUT },
  );
  return recordOf(signed(message), offset);
}

function forged(offset: number): SourceRecord {
  return recordOf(signed(webhookMessage(), 'wrong'), offset);
}

const notOurs = (offset: number): SourceRecord => recordOf(webhookMessage({ agent: false }), offset);

interface Setup {
  handle: BatchHandler;
  /** Hands a batch to the handler; what was accepted, in order, and the verdict. */
  accept(
    records: SourceRecord[],
    signal?: AbortSignal,
  ): Promise<{ verdict: BatchVerdict; accepted: bigint[] }>;
  started: WorkflowStart[];
  health: Health;
  log: Record<string, unknown>[];
}

function setup(
  start?: WorkflowStarter['start'],
  concurrentStarts = 4,
  settings = SETTINGS,
  now?: () => number,
  hasEnded?: HasEnded,
): Setup {
  const started: WorkflowStart[] = [];
  const log: Record<string, unknown>[] = [];
  const health = new Health(now);
  const handle = createBatchHandler({
    starter: {
      start: (workflow) => {
        started.push(workflow);
        return start ? start(workflow) : Promise.resolve('started');
      },
    },
    decision: settings,
    concurrentStarts,
    random: () => 1,
    ...(hasEnded && { hasEnded }),
    health,
    logger: pino({ level: 'trace' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
  });
  const accept: Setup['accept'] = async (records, signal = new AbortController().signal) => {
    const accepted: bigint[] = [];
    const batch = { topic: 'org_1.runs', partition: 3, records };
    const verdict = await handle(batch, { signal, onAccepted: (offset) => void accepted.push(offset) });
    return { verdict, accepted };
  };
  return { handle, accept, started, health, log };
}

/** A starter that refuses some ids. */
function refusing(...ids: string[]): WorkflowStarter['start'] {
  return async ({ id }) => {
    if (ids.includes(id)) throw new Error('Temporal is down');
    return 'started';
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

describe('a batch', () => {
  test('is accepted to its last record, and starts one workflow for each run', async () => {
    const { accept, started } = setup();
    const { verdict, accepted } = await accept([good(1), good(2), good(3)]);
    expect(verdict).toEqual({});
    expect(accepted.at(-1)).toBe(3n);
    expect(started.map(({ id }) => id)).toEqual(['r_1', 'r_2', 'r_3']);
  });

  test('without records is done', async () => {
    await expect(setup().accept([])).resolves.toEqual({ verdict: {}, accepted: [] });
  });

  test('counts what Temporal knew before as accepted', async () => {
    const { accept } = setup(async () => 'known');
    expect((await accept([good(1)])).accepted).toEqual([1n]);
  });

  test('counts what is ignored as accepted, and starts nothing for it', async () => {
    const { accept, started } = setup();
    const { verdict, accepted } = await accept([notOurs(1), good(2), notOurs(3)]);
    expect(verdict).toEqual({});
    expect(accepted.at(-1)).toBe(3n);
    expect(started.map(({ id }) => id)).toEqual(['r_2']);
  });

  test('tells which records are ignored before it counts them as accepted', async () => {
    const told: string[] = [];
    await setup().handle(
      { topic: 'org_1.runs', partition: 3, records: [notOurs(1), good(2), notOurs(3)] },
      {
        signal: new AbortController().signal,
        onAccepted: (offset) => void told.push(`accepted ${offset}`),
        onIgnored: (offset) => void told.push(`ignored ${offset}`),
      },
    );
    expect(told.filter((line) => line.startsWith('ignored'))).toEqual(['ignored 1', 'ignored 3']);
    expect(told.indexOf('ignored 1')).toBeLessThan(told.indexOf('accepted 1'));
  });

  test('counts what is rejected as accepted once its evidence is kept', async () => {
    const { accept, started } = setup();
    const { accepted } = await accept([recordOf('no JSON', 1), good(2)]);
    expect(accepted.at(-1)).toBe(2n);
    expect(started[0]?.type).toBe('rejectMessage');
  });

  test('with gaps between its offsets is accepted like any other', async () => {
    const { accepted } = await setup().accept([good(10), good(17), good(40)]);
    expect(accepted.at(-1)).toBe(40n);
  });
});

describe('what is accepted', () => {
  test('ends before the first record that Temporal did not take; later ones were started all the same', async () => {
    const { accept, started } = setup(refusing('r_3'), 10);
    const { verdict, accepted } = await accept([1, 2, 3, 4, 5].map(good));
    expect(accepted).toEqual([1n, 2n]);
    expect(verdict.retryAfterMs).toBeGreaterThan(0);
    expect(started.map(({ id }) => id)).toEqual(expect.arrayContaining(['r_1', 'r_2', 'r_3', 'r_4']));
  });

  test('is nothing when the first was not taken', async () => {
    const { accepted } = await setup(refusing('r_1'), 10).accept([1, 2, 3].map(good));
    expect(accepted).toEqual([]);
  });

  test('waits for the earlier ones, whatever order they are taken in', async () => {
    const gates = new Map(['r_1', 'r_2', 'r_3'].map((id) => [id, deferred()]));
    const { handle } = setup(async ({ id }) => {
      await gates.get(id)?.promise;
      return 'started';
    });
    const accepted: bigint[] = [];
    const records = [1, 2, 3].map(good);
    const done = handle(
      { topic: 'org_1.runs', partition: 3, records },
      { signal: new AbortController().signal, onAccepted: (offset) => void accepted.push(offset) },
    );
    for (const id of ['r_3', 'r_2']) {
      gates.get(id)?.resolve();
      await new Promise(setImmediate);
      expect(accepted).toEqual([]);
    }
    gates.get('r_1')?.resolve();
    await done;
    expect(accepted).toEqual([3n]);
  });

  test('is told on the way, before the batch is done', async () => {
    const last = deferred();
    const { handle } = setup(async ({ id }) => {
      if (id === 'r_2') await last.promise;
      return 'started';
    });
    const accepted: bigint[] = [];
    const first = deferred();
    const done = handle(
      { topic: 'org_1.runs', partition: 3, records: [good(1), good(2)] },
      {
        signal: new AbortController().signal,
        onAccepted: (offset) => {
          accepted.push(offset);
          first.resolve();
        },
      },
    );
    await first.promise;
    expect(accepted).toEqual([1n]);
    last.resolve();
    await done;
    expect(accepted).toEqual([1n, 2n]);
  });
});

describe('while Temporal does not take a record', () => {
  test('nothing more is started than was under way', async () => {
    const { accept, started } = setup(refusing('r_1'), 1);
    await accept([1, 2, 3].map(good));
    expect(started.map(({ id }) => id)).toEqual(['r_1']);
  });

  test('the wait grows up to a minute, and starts over after a success', async () => {
    let down = true;
    const { accept } = setup(async () => {
      if (down) throw new Error('Temporal is down');
      return 'started';
    });
    const waits: (number | undefined)[] = [];
    for (let time = 0; time < 9; time++) waits.push((await accept([good(1)])).verdict.retryAfterMs);
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    down = false;
    expect((await accept([good(1)])).verdict).toEqual({});
    down = true;
    expect((await accept([good(2)])).verdict.retryAfterMs).toBe(1000);
  });

  test('a batch that was broken off does not end the row of its holds', async () => {
    const { accept } = setup(refusing('r_1'));
    const brokenOff = AbortSignal.abort();
    await accept([good(1)]);
    await accept([good(1)], brokenOff);
    expect((await accept([good(1)])).verdict.retryAfterMs).toBe(2000);
  });

  test('the log says which record, why, and how long', async () => {
    const { accept, log } = setup(refusing('r_1'));
    await accept([good(1)]);
    expect(log.at(-1)).toMatchObject({
      msg: 'holding the partition: Temporal did not take org_1.runs/3/1: Temporal is down',
      topic: 'org_1.runs',
      partition: 3,
      retryInMs: 1000,
    });
  });
});

describe('a handler never rejects', () => {
  const failures: [string, WorkflowStarter['start']][] = [
    ['rejects', () => Promise.reject(new Error('down'))],
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects with no error', () => Promise.reject(undefined)],
    ['rejects with a symbol', () => Promise.reject(Symbol('down'))],
    ['rejects with what has no text', () => Promise.reject(Object.create(null))],
  ];
  test.each(failures)('when the starter %s', async (_, start) => {
    const { verdict, accepted } = await setup(start).accept([good(1), good(2)]);
    expect(accepted).toEqual([]);
    expect(verdict).toEqual({ retryAfterMs: 1000 });
  });

  test('when a record can not be decided on: it is held, and gives its place back', async () => {
    const broken = {
      ...good(2),
      get value(): never {
        throw new Error('no bytes');
      },
    };
    const { accept, log } = setup(undefined, 1);
    const { verdict, accepted } = await accept([good(1), broken, good(3)]);
    expect(accepted).toEqual([1n]);
    expect(verdict).toEqual({ retryAfterMs: 1000 });
    expect(log.at(-1)?.['msg']).toBe("holding the partition: org_1.runs/3/2 can't be decided on: no bytes");
    expect((await accept([good(4)])).accepted).toEqual([4n]);
  });

  test('when the source can not take word of progress', async () => {
    const { handle } = setup();
    const verdict = await handle(
      { topic: 'org_1.runs', partition: 3, records: [good(1)] },
      {
        signal: new AbortController().signal,
        onAccepted: () => {
          throw new Error('gone');
        },
      },
    );
    expect(verdict).toEqual({ retryAfterMs: 1000 });
  });
});

describe('a run that ended in Port before Temporal forgot it', () => {
  test('is counted as accepted, and not started again', async () => {
    const { accept, started, log } = setup(undefined, 4, SETTINGS, undefined, async () => true);
    expect(await accept([good(1)])).toEqual({ verdict: {}, accepted: [1n] });
    expect(started).toEqual([]);
    expect(log).toContainEqual(
      expect.objectContaining({ reason: 'ended or handed over before, as Port says', msg: 'ignored' }),
    );
  });

  test('is held as long as Port can not be asked', async () => {
    const { accept, started } = setup(undefined, 4, SETTINGS, undefined, async () => {
      throw new Error('Port is away');
    });
    expect(await accept([good(1)])).toEqual({ verdict: { retryAfterMs: 1000 }, accepted: [] });
    expect(started).toEqual([]);
  });
});

test('fewer are started at a time when Temporal asks for it, and more again when it takes them', async () => {
  let exhausted = true;
  let atOnce = 0;
  let most = 0;
  const { accept } = setup(async () => {
    most = Math.max(most, ++atOnce);
    await new Promise(setImmediate);
    atOnce--;
    if (exhausted) throw new NotStartedError('Temporal is busy', true);
    return 'started';
  }, 8);
  const records = Array.from({ length: 40 }, (_, n) => good(n + 1));
  await accept(records);
  expect(most).toBe(8);
  exhausted = false;
  most = 0;
  await accept(records.slice(0, 4));
  expect(most).toBeLessThan(4);
  most = 0;
  await accept(records);
  expect(most).toBe(8);
});

describe('an abort', () => {
  test('before the batch starts nothing, and asks for no wait', async () => {
    const { accept, started } = setup();
    expect(await accept([good(1)], AbortSignal.abort())).toEqual({ verdict: {}, accepted: [] });
    expect(started).toEqual([]);
  });

  test('in the middle starts nothing more, and what is under way still counts', async () => {
    const stop = new AbortController();
    const { accept, started } = setup(async () => {
      stop.abort();
      return 'started';
    }, 1);
    const { verdict, accepted } = await accept([1, 2, 3].map(good), stop.signal);
    expect(started.map(({ id }) => id)).toEqual(['r_1']);
    expect(accepted).toEqual([1n]);
    expect(verdict).toEqual({});
  });
});

test('no more start at the same time than are allowed, over all partitions together', async () => {
  let [running, most] = [0, 0];
  const { accept, started } = setup(async () => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    return 'started';
  }, 3);
  const batches = [0, 100, 200].map((first) => accept(Array.from({ length: 20 }, (_, n) => good(first + n))));
  expect((await Promise.all(batches)).map(({ accepted }) => accepted.at(-1))).toEqual([19n, 119n, 219n]);
  expect(started).toHaveLength(60);
  expect(most).toBe(3);
});

describe('bad signatures', () => {
  test('hold the partition from the third on, with nothing of it accepted', async () => {
    const { accept, log } = setup();
    const { verdict, accepted } = await accept([1, 2, 3, 4].map(forged));
    expect(accepted.at(-1)).toBe(2n);
    expect(verdict.retryAfterMs).toBe(1000);
    expect(log.at(-1)?.['msg']).toMatch(/PORT_CLIENT_SECRET does not belong to this organization/);
  });

  test('of one record that comes again and again count once', async () => {
    const { accept } = setup();
    for (let time = 0; time < 5; time++) expect((await accept([forged(1), forged(2)])).verdict).toEqual({});
  });

  test('are rejected for good once one was good, even while the partition was held', async () => {
    const { accept } = setup();
    await accept([1, 2, 3].map(forged));
    expect((await accept([forged(3)])).verdict.retryAfterMs).toBe(2000);
    expect((await accept([good(9)])).verdict).toEqual({});
    expect(await accept([3, 4, 5, 6, 7].map(forged))).toMatchObject({ verdict: {} });
  });

  const genuine: [string, SourceRecord][] = [
    ['has an unusable id', recordOf(signed(webhookMessage({}, { context: { runId: '../x' } })), 9)],
    ['is too large', recordOf(signed(webhookMessage({}, { text: 'x'.repeat(1_500_000) })), 9)],
  ];
  test.each(genuine)('prove nothing about the secret after a genuine message that %s', async (_, record) => {
    const { accept } = setup();
    await accept([forged(1), forged(2), record]);
    expect((await accept([3, 4, 5].map(forged))).verdict).toEqual({});
  });

  test('prove as much after records that were no messages, not ours, or that nobody signs', async () => {
    const { accept } = setup();
    const change: SourceRecord = { ...recordOf(webhookMessage(), 6), origin: 'change log' };
    await accept([forged(1), forged(2), recordOf('no JSON', 3), notOurs(4), recordOf('[1]', 7), change]);
    expect((await accept([forged(5)])).verdict.retryAfterMs).toBe(1000);
  });
});

describe('the log', () => {
  test('tells each record by its place, and never what it says', async () => {
    const { accept, log } = setup();
    await accept([good(1), notOurs(2), recordOf(`${SECRET_INPUT} no JSON`, 3), forged(4)]);
    expect(log.map(({ record, msg }) => [record, msg])).toEqual(
      expect.arrayContaining([
        ['org_1.runs/3/1', 'accepted'],
        ['org_1.runs/3/2', 'ignored'],
        ['org_1.runs/3/3', 'rejected'],
        ['org_1.runs/3/4', 'rejected'],
      ]),
    );
    expect(JSON.stringify(log)).not.toContain(SECRET_INPUT);
    expect(JSON.stringify(log)).not.toContain('ada@example.com');
  });

  test('warns of what is ignored though it may have been meant for this agent', async () => {
    const { accept, log } = setup();
    const node = webhookMessage({}, { context: { runId: 'wfnr_1' } });
    await accept([notOurs(1), recordOf(node, 2)]);
    const level = (record: string) => log.find((line) => line['record'] === record)?.['level'];
    expect(level('org_1.runs/3/1')).toBe(20);
    expect(level('org_1.runs/3/2')).toBe(40);
  });
});

test('bad signatures on several partitions at once are counted one by one: the third holds', async () => {
  const { accept, started } = setup();
  const verdicts = await Promise.all([1, 2, 3, 4].map((offset) => accept([forged(offset)])));
  expect(started).toHaveLength(2);
  expect(verdicts.filter(({ verdict }) => verdict.retryAfterMs !== undefined)).toHaveLength(2);
});

describe('health', () => {
  test('names a held partition in words that name no record, until it moves again', async () => {
    let down = true;
    const { accept, health } = setup(async () => {
      if (down) throw new Error('planted error');
      return 'started';
    });
    await accept([good(1)]);
    const { reasons } = health.readiness();
    expect(reasons).toMatchObject([
      { part: 'ingest', reason: expect.stringContaining('Temporal does not take') },
    ]);
    expect(JSON.stringify(reasons)).not.toMatch(/planted|org_1|r_1/);
    down = false;
    await accept([good(1)]);
    expect(health.readiness().isGood).toBe(true);
  });

  test('tells of a wrong client secret, and what to do', async () => {
    const { accept, health } = setup();
    await accept([1, 2, 3].map(forged));
    expect(health.readiness().reasons).toMatchObject([
      { part: 'ingest', reason: expect.stringMatching(/PORT_CLIENT_SECRET .* correct it and restart/) },
    ]);
  });

  test('tells of a record that can not be decided on, without its name', async () => {
    const broken = {
      ...good(2),
      get value(): never {
        throw new Error('planted error');
      },
    };
    const { accept, health } = setup();
    await accept([broken]);
    expect(JSON.stringify(health.readiness().reasons)).not.toMatch(/planted|org_1/);
    expect(health.readiness().reasons).toMatchObject([
      { reason: expect.stringContaining("can't be decided on") },
    ]);
  });

  test('forgets a held partition that never comes again', async () => {
    let clock = 0;
    const { accept, health } = setup(refusing('r_1'), 4, SETTINGS, () => clock);
    await accept([good(1)]);
    clock += 60_000;
    expect(health.readiness().isGood).toBe(false);
    clock += 60_000;
    expect(health.readiness().isGood).toBe(true);
  });

  test.each([1, 2])(
    'with %d starts at once, is stuck when a batch makes no step for five minutes, until it ends',
    async (concurrentStarts) => {
      let clock = 0;
      const [first, second] = [deferred(), deferred()];
      const { accept, health } = setup(
        ({ id }) => (id === 'r_1' ? first : second).promise.then(() => 'started'),
        concurrentStarts,
        SETTINGS,
        () => clock,
      );
      const done = accept([good(1), good(2)]);
      await new Promise(setImmediate);
      clock += 300_000;
      expect(health.liveness().isGood).toBe(true);
      first.resolve();
      await new Promise(setImmediate);
      clock += 300_000;
      expect(health.liveness().isGood).toBe(true);
      clock += 1;
      expect(health.liveness().reasons).toMatchObject([{ part: 'ingest' }]);
      second.resolve();
      await done;
      expect(health.liveness().isGood).toBe(true);
    },
  );
});
