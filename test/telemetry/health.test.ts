import { Health } from '../../telemetry/health.js';

const NOON = Date.parse('2026-11-21T12:00:00Z');
const MINUTE_MS = 60_000;

function setup() {
  let clock = NOON;
  return {
    health: new Health(() => clock),
    advance: (ms: number): void => {
      clock += ms;
    },
  };
}

describe('a process is ready', () => {
  test('when nothing that it needs is down', () => {
    const { health } = setup();
    health.part('temporal').up();
    expect(health.readiness()).toEqual({ isGood: true, reasons: [], notes: [] });
  });

  test('not before a part that begins down is up', () => {
    const { health } = setup();
    const temporal = health.part('temporal', 'not connected yet');
    expect(health.readiness()).toEqual({
      isGood: false,
      reasons: [{ part: 'temporal', reason: 'not connected yet', since: '2026-11-21T12:00:00.000Z' }],
      notes: [],
    });
    temporal.up();
    expect(health.readiness().isGood).toBe(true);
  });

  test('not while any of several parts of one name is down', () => {
    const { health } = setup();
    const [one, other] = [health.part('temporal', 'away'), health.part('temporal', 'away')];
    one.up();
    expect(health.readiness().isGood).toBe(false);
    other.up();
    expect(health.readiness().isGood).toBe(true);
  });

  test('although there is a note', () => {
    const { health } = setup();
    const note = health.note('mapping file');
    expect(health.readiness().notes).toEqual([]);
    note.down('unusable');
    expect(health.readiness()).toMatchObject({
      isGood: true,
      notes: [{ part: 'mapping file', reason: 'unusable' }],
    });
    note.up();
    expect(health.readiness().notes).toEqual([]);
  });
});

describe('a reason', () => {
  test('counts from when its part went down, however its words change', () => {
    const { health, advance } = setup();
    const kafka = health.part('kafka', 'starting');
    advance(MINUTE_MS);
    kafka.down('away');
    expect(health.readiness().reasons).toMatchObject([{ reason: 'away', since: '2026-11-21T12:00:00.000Z' }]);
    kafka.up();
    kafka.down('away');
    expect(health.readiness().reasons).toMatchObject([{ since: '2026-11-21T12:01:00.000Z' }]);
  });

  test('that two parts give in the same words is told once, with the earlier time', () => {
    const { health, advance } = setup();
    const [one, other] = [health.part('temporal'), health.part('temporal')];
    other.down('away');
    advance(MINUTE_MS);
    one.down('away');
    expect(health.readiness().reasons).toEqual([
      { part: 'temporal', reason: 'away', since: '2026-11-21T12:00:00.000Z' },
    ]);
    other.down('refused');
    expect(health.readiness().reasons.map(({ reason }) => reason)).toEqual(['refused', 'away']);
  });

  test('that holds for a while ends by itself, and begins anew after that', () => {
    const { health, advance } = setup();
    const part = health.part('ingest');
    part.down('held', MINUTE_MS);
    advance(MINUTE_MS - 1);
    expect(health.readiness().isGood).toBe(false);
    advance(1);
    expect(health.readiness().isGood).toBe(true);
    part.down('held', MINUTE_MS);
    expect(health.readiness().reasons).toMatchObject([{ since: '2026-11-21T12:01:00.000Z' }]);
  });
});

describe('a process is live', () => {
  test('whatever it needs is away, for however long', () => {
    const { health, advance } = setup();
    for (const part of ['temporal', 'kafka', 'polling']) health.part(part, 'away');
    advance(365 * 24 * 60 * MINUTE_MS);
    expect(health.liveness()).toEqual({ isGood: true, reasons: [], notes: [] });
  });

  test('as long as its loops tick, and neither live nor ready after that', () => {
    const { health, advance } = setup();
    const loop = health.loop('kafka');
    advance(5 * MINUTE_MS);
    expect(health.liveness().isGood).toBe(true);
    loop.tick();
    advance(5 * MINUTE_MS);
    expect(health.liveness().isGood).toBe(true);
    advance(1);
    const stuck = {
      isGood: false,
      reasons: [
        { part: 'kafka', reason: expect.stringContaining('stands still'), since: '2026-11-21T12:05:00.000Z' },
      ],
      notes: [],
    };
    expect(health.liveness()).toEqual(stuck);
    expect(health.readiness()).toEqual(stuck);
    loop.tick();
    expect(health.liveness().isGood).toBe(true);
  });

  test('while a loop waits on purpose', () => {
    const { health, advance } = setup();
    health.loop('polling').tick(60 * MINUTE_MS);
    advance(65 * MINUTE_MS);
    expect(health.liveness().isGood).toBe(true);
    advance(1);
    expect(health.liveness().isGood).toBe(false);
  });

  test('after a loop has ended', () => {
    const { health, advance } = setup();
    health.loop('ingest').end();
    advance(60 * MINUTE_MS);
    expect(health.liveness().isGood).toBe(true);
  });
});

test('without a clock given, the time is the real one', () => {
  const before = Date.now();
  const health = new Health();
  health.part('temporal', 'away');
  const since = Date.parse(health.readiness().reasons[0]?.since ?? '');
  expect(Math.abs(since - before)).toBeLessThan(60_000);
});
