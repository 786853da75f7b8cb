/**
 * Whether worker and ingester grow: their resident memory over `BENCH_RUNS` runs (default 10000), after a warm-up.
 *
 * Targets and Port answer at once. The slope is the line of least squares through all samples, as the share by
 * which it rises from the first measured run to the last.
 */
import { readFileSync } from 'node:fs';
import type { Child } from '../../local/parts/child.js';
import { type House, startHouse } from '../support/house.js';
import { carryOut, SIDE_BY_SIDE } from './carry-out.js';

const RUNS = Number(process.env['BENCH_RUNS'] ?? 10_000);
const WARM_UP_RUNS = 1000;
const SAMPLE_EVERY = 50;
const ACCEPTABLE_SLOPE = 5;
const TIMEOUT_MS = 3_600_000;

interface Sample {
  run: number;
  megabytes: number;
}

let house: House;
beforeAll(async () => {
  house = await startHouse({ LOG_LEVEL: 'WARNING' });
}, TIMEOUT_MS);
afterAll(() => house?.close(), TIMEOUT_MS);

test(
  `memory over ${RUNS} runs`,
  async () => {
    const ready = { waitUntilReady: false };
    const processes: [string, Child][] = [
      ['worker', await house.agent('worker', {}, ready)],
      ['ingester', await house.agent('ingest', {}, ready)],
    ];
    await carryOut(house, WARM_UP_RUNS);
    const samples = processes.map((): Sample[] => []);
    const startedAt = performance.now();
    await carryOut(house, RUNS, (run) => {
      if (run % SAMPLE_EVERY !== 0) return;
      for (const [index, [, child]] of processes.entries())
        samples[index]?.push({ run, megabytes: residentMegabytes(child.pid) });
    });
    const perSecond = RUNS / ((performance.now() - startedAt) / 1000);
    const lines = processes.map(([name], index) => lineOf(name, samples[index] ?? []));
    lines.push(`${perSecond.toFixed(1)} runs/s, ${SIDE_BY_SIDE} side by side`);
    process.stdout.write(`\n${lines.join('\n')}\n`);
    expect(processes.every(([, child]) => child.isRunning())).toBe(true);
  },
  TIMEOUT_MS,
);

function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function lineOf(name: string, samples: Sample[]): string {
  const { start, end } = lineThrough(samples);
  const slope = (end / start - 1) * 100;
  const peak = Math.max(...samples.map(({ megabytes }) => megabytes));
  const verdict = slope <= ACCEPTABLE_SLOPE ? 'within' : 'MORE THAN';
  return `${name.padEnd(9)} start ${start.toFixed(0)} MB   end ${end.toFixed(0)} MB   peak ${peak.toFixed(0)} MB   slope ${slope.toFixed(1)} %, ${verdict} ${ACCEPTABLE_SLOPE} %`;
}

/** The line of least squares at the first sample and at the last. */
function lineThrough(samples: Sample[]): { start: number; end: number } {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(({ run }) => run)), mean(samples.map(({ megabytes }) => megabytes))];
  const covariance = mean(samples.map((sample) => (sample.run - x) * (sample.megabytes - y)));
  const variance = mean(samples.map(({ run }) => (run - x) ** 2));
  const perRun = variance === 0 ? 0 : covariance / variance;
  const at = (run: number): number => y + perRun * (run - x);
  return { start: at(samples[0]?.run ?? 0), end: at(samples.at(-1)?.run ?? 0) };
}
