/**
 * `npm run chaos -- --seed 1 --minutes 10`: ends with 1 when a promise was broken. The same seed and length
 * inject the same faults at the same times, and publish the same kinds of runs.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChaosResult, runChaos } from './chaos.js';
import { isGood } from './checker.js';
import { lineOf, linesOf } from './print.js';

/** A report under way when its worker dies is taken over a minute and WORKER_LOST_AFTER_SECONDS later. */
const STUCK_MS = 300_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: `${Date.now() % 100_000}` },
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '8' },
    keep: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed);
const minutes = Number(values.minutes);
console.log(`seed ${seed}, ${minutes} minutes, ${values.rate} messages a second`);
const startedMs = Date.now();
const result = await runChaos({
  seed,
  seconds: minutes * 60,
  runsPerSecond: Number(values.rate),
  stuckMs: STUCK_MS,
  onProgress: (what) => console.log(what),
  onFault: (fault) => console.log(lineOf(fault, startedMs)),
});
console.log(linesOf(result).join('\n'));
const isKept = isGood(result.verdict);
if (values.keep || !isKept) console.log(`journals and logs: ${await keep(result)}`);
if (isKept) {
  console.log('every promise was kept');
} else {
  console.log('BROKEN');
  console.log(`Again: npm run chaos -- --seed ${seed} --minutes ${minutes} --rate ${values.rate}`);
  process.exitCode = 1;
}

async function keep({ evidence, logs }: ChaosResult): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `chaos-${seed}-`));
  const { texts: _, secrets: __, ...journals } = evidence;
  await writeFile(join(folder, 'journals.json'), JSON.stringify(journals, null, 1));
  await writeFile(join(folder, 'agent.log'), logs.map(({ whom, line }) => `${whom} ${line}`).join('\n'));
  return folder;
}
