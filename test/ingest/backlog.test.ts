import { pino } from 'pino';
import { Backlog } from '../../ingest/backlog.js';
import type { SourceRecord } from '../../ingest/record-source.js';
import { Health } from '../../telemetry/health.js';

const NOW = 1_700_000_000_000;

function record(offset: number, ageMs: number, partition = 0): SourceRecord {
  return {
    origin: 'runs',
    topic: 't',
    partition,
    offset: BigInt(offset),
    timestampMs: NOW - ageMs,
    value: null,
  };
}

function setup() {
  const health = new Health();
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(line) });
  return { health, lines, backlog: new Backlog(logger, health, () => NOW) };
}

const position = (committed: number | undefined, high: number) => ({
  topic: 't',
  partition: 0,
  low: 0n,
  high: BigInt(high),
  ...(committed !== undefined && { committed: BigInt(committed) }),
});

test('the oldest record that waits is the oldest of all partitions', () => {
  const { backlog } = setup();
  expect(backlog.oldestMs()).toBe(0);
  backlog.fetched([record(1, 5000), record(2, 4000)]);
  backlog.fetched([record(7, 9000, 1)]);
  expect(backlog.oldestMs()).toBe(9000);
  backlog.accepted('t', 1, 7n);
  expect(backlog.oldestMs()).toBe(5000);
  backlog.accepted('t', 0, 1n);
  expect(backlog.oldestMs()).toBe(4000);
  backlog.accepted('t', 0, 2n);
  expect(backlog.oldestMs()).toBe(0);
});

test('what was fetched before the partitions were shared out anew counts no more', () => {
  const { backlog, health } = setup();
  backlog.fetched([record(3, 95_000)]);
  backlog.clear();
  expect(backlog.oldestMs()).toBe(0);
  backlog.tell([position(3, 15)]);
  expect(health.readiness().notes).toEqual([]);
});

test('what waits for more than a minute is told in log and notes, until it moves', () => {
  const { backlog, health, lines } = setup();
  backlog.fetched([record(3, 95_000)]);
  backlog.tell([position(3, 15), position(undefined, 2)]);
  expect(health.readiness()).toMatchObject({
    isGood: true,
    notes: [{ part: 'backlog', reason: '14 records of the group wait; the oldest one here for 95 s' }],
  });
  expect(lines.join()).toContain('"lag":14');
  backlog.accepted('t', 0, 3n);
  backlog.tell([position(15, 15)]);
  expect(health.readiness().notes).toEqual([]);
});

test('a backlog that moves quickly is not worth telling', () => {
  const { backlog, health, lines } = setup();
  backlog.fetched([record(3, 2000)]);
  backlog.tell([position(3, 15)]);
  expect(health.readiness().notes).toEqual([]);
  expect(lines).toEqual([]);
});
