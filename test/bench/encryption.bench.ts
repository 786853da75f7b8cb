/**
 * What encrypted histories cost: runs a second with `CODEC_KEYS` and without, by turns, on one machine.
 *
 * The ratio of the two medians is what counts; the figures themselves are this machine's.
 */
import { randomBytes } from 'node:crypto';
import { type House, startHouse } from '../support/house.js';
import { carryOut } from './carry-out.js';

const ROUNDS = 7;
const RUNS = 300;
const WARM_UP_RUNS = 60;
const ACCEPTABLE_COST = 10;
const TIMEOUT_MS = 3_600_000;

let house: House;
beforeAll(async () => {
  house = await startHouse({ LOG_LEVEL: 'WARNING' });
}, TIMEOUT_MS);
afterAll(() => house?.close(), TIMEOUT_MS);

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Runs a second of a worker and an ingester that start for it. */
async function runsPerSecond(environment: Record<string, string>): Promise<number> {
  const ready = { waitUntilReady: false };
  const agents = [
    await house.agent('worker', environment, ready),
    await house.agent('ingest', environment, ready),
  ];
  await carryOut(house, WARM_UP_RUNS);
  const startedAt = performance.now();
  await carryOut(house, RUNS);
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all(agents.map((agent) => agent.stop()));
  return RUNS / seconds;
}

test(
  'encrypted histories',
  async () => {
    const CODEC_KEYS = `k1:${randomBytes(32).toString('base64')}`;
    const [plain, encrypted]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      // Whoever comes first has the smaller database.
      if (round % 2 === 0) plain.push(await runsPerSecond({}));
      encrypted.push(await runsPerSecond({ CODEC_KEYS }));
      if (round % 2 === 1) plain.push(await runsPerSecond({}));
    }
    const cost = (1 - median(encrypted) / median(plain)) * 100;
    const verdict = cost < ACCEPTABLE_COST ? 'less than' : 'NOT LESS THAN';
    const each = plain.map((figure, at) => `${figure.toFixed(1)}/${encrypted[at]?.toFixed(1)}`).join(' ');
    process.stdout.write(
      `\nplain ${median(plain).toFixed(1)} runs/s   encrypted ${median(encrypted).toFixed(1)} runs/s   cost ${cost.toFixed(1)} %, ${verdict} ${ACCEPTABLE_COST} %   (${each})\n`,
    );
    expect(cost).toBeLessThan(ACCEPTABLE_COST);
  },
  TIMEOUT_MS,
);
