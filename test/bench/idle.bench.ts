/**
 * What worker and ingester cost while there is nothing to do: their CPU time over `BENCH_IDLE_SECONDS` (default
 * 30), as a share of one core, once they have carried out a few runs.
 *
 * kafkajs looks at each connection every millisecond, which is the greater part of the ingester's.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from '../../local/parts/child.js';
import { type House, startHouse } from '../support/house.js';
import { carryOut } from './carry-out.js';

const SECONDS = Number(process.env['BENCH_IDLE_SECONDS'] ?? 30);
const WARM_UP_RUNS = 10;
const ACCEPTABLE_PERCENT = 10;
/** Linux counts the time of processes in hundredths of a second, on every machine. */
const TICKS_PER_SECOND = 100;
const TIMEOUT_MS = 600_000;

let house: House;
beforeAll(async () => {
  house = await startHouse({ LOG_LEVEL: 'WARNING' });
}, TIMEOUT_MS);
afterAll(() => house?.close(), TIMEOUT_MS);

test(
  `CPU over ${SECONDS} s without a run`,
  async () => {
    const ready = { waitUntilReady: false };
    const processes: [string, Child][] = [
      ['worker', await house.agent('worker', {}, ready)],
      ['ingester', await house.agent('ingest', {}, ready)],
    ];
    await carryOut(house, WARM_UP_RUNS);
    const before = processes.map(([, child]) => cpuSeconds(child.pid));
    const startedAt = performance.now();
    await delay(SECONDS * 1000);
    const seconds = (performance.now() - startedAt) / 1000;
    const lines = processes.map(([name, child], index) => {
      const percent = ((cpuSeconds(child.pid) - (before[index] ?? 0)) / seconds) * 100;
      const verdict = percent <= ACCEPTABLE_PERCENT ? 'within' : 'MORE THAN';
      return `${name.padEnd(9)} ${percent.toFixed(1)} % of a core, ${verdict} ${ACCEPTABLE_PERCENT} %`;
    });
    process.stdout.write(`\n${lines.join('\n')}\n`);
    expect(processes.every(([, child]) => child.isRunning())).toBe(true);
  },
  TIMEOUT_MS,
);

/** In user mode and in the system's, so far: fields 14 and 15 of proc_pid_stat(5), the name before them in brackets. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
