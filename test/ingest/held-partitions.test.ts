import { pino } from 'pino';
import { HeldPartitions } from '../../ingest/held-partitions.js';
import { Health } from '../../telemetry/health.js';

const REFUSAL = { reason: 'Temporal is down', told: 'Temporal is down' };
const batch = (partition: number) => ({ topic: 't', partition, records: [] });
const create = (random = () => 1) =>
  new HeldPartitions(pino({ level: 'silent' }), new Health(() => 0), random);

test('a partition that moves leaves another one with its growing waits', () => {
  const partitions = create();
  const waits = [0, 0, 0, 0].map(() => {
    partitions.moved(batch(1));
    return partitions.hold(batch(0), REFUSAL);
  });
  expect(waits).toEqual([1000, 2000, 4000, 8000]);
  expect(partitions.hold(batch(1), REFUSAL)).toBe(1000);
});

test.each([
  [0, [500, 1000, 2000]],
  [0.5, [750, 1500, 3000]],
  [1, [1000, 2000, 4000]],
])('waits are spread: with %d of chance they are %j', (random, expected) => {
  const partitions = create(() => random);
  expect(expected.map(() => partitions.hold(batch(0), REFUSAL))).toEqual(expected);
});
