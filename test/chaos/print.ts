/** What is shown of a run of chaos. */
import type { ChaosResult } from './chaos.js';
import type { InjectedFault } from './evidence.js';
import { slowestRecoveries } from './recovery.js';
import { nameOf } from './schedule.js';

const MOST_DETAILS = 40;

/** The lines of a result: figures first, then every violation. */
export function linesOf({ verdict, evidence, refused, settledAfterMs }: ChaosResult): string[] {
  const { runs, rejected, details, ambiguousBy, ...counts } = verdict;
  const { lost, unreported, untrue, doubled, ambiguous, leaks, uncommitted, unclean } = counts;
  return [
    `faults      ${evidence.faults.length}: ${counted(evidence.faults.map(nameOf))}`,
    `published   ${runs} runs and ${rejected} records that are none; Kafka was away for ${refused} more`,
    `runs        ${runs}`,
    `lost        ${lost}`,
    `unreported  ${unreported}`,
    `untrue      ${untrue}`,
    `doubled     ${doubled}`,
    `ambiguous   ${ambiguous}${ambiguous > 0 ? ` (${tally(ambiguousBy)})` : ''}`,
    `leaks       ${leaks}`,
    `uncommitted ${uncommitted}`,
    `unclean     ${unclean}`,
    `settled     ${seconds(settledAfterMs)} after the last run was published`,
    'recovery    from the fault to the end of the first new run, the slowest of its kind:',
    ...slowestRecoveries(evidence).map(({ fault, ms }) => `            ${seconds(ms).padStart(7)}  ${fault}`),
    ...details.slice(0, MOST_DETAILS).map((detail) => `! ${detail}`),
    ...(details.length > MOST_DETAILS ? [`! and ${details.length - MOST_DETAILS} more`] : []),
  ];
}

export function lineOf(fault: InjectedFault, startedMs: number): string {
  const at = seconds(fault.fromMs - startedMs).padStart(8);
  const exit = fault.exit ? `, ended with ${fault.exit.code ?? fault.exit.signal}` : '';
  return `${at}  ${nameOf(fault)}, ${seconds(fault.toMs - fault.fromMs)}${exit}`;
}

function counted(names: string[]): string {
  const tallied: Record<string, number> = {};
  for (const name of names) tallied[name] = (tallied[name] ?? 0) + 1;
  return tally(tallied);
}

function tally(counts: Record<string, number>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
