/** Port away, busy, broken, or silent while runs are carried out. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../../../local/simulators/http-server.js';
import { until } from '../../support/house.js';
import { type Happened, isCarriedOut, type PublishedRun, type Row } from './row.js';
import { anything, type Site } from './site.js';

const NEVER_CALLED = 'target never called, none reported, ever';
const OUTAGE_MS = 3000;
/** Between two runs of the load: it goes on when Port is back. */
const PACE_MS = 120;

export const portRows: Row[] = [
  {
    fault: 'Port refuses connections until each report was tried twice',
    before: NEVER_CALLED,
    happen: async (site, runs) => {
      await site.house.port.refuse();
      return away(site, runs, () => site.house.port.listen());
    },
    complaint: isCarriedOut,
  },
  ...[429, 500, 503].map(
    (status): Row => ({
      fault: `Port answers ${status} until each report was tried twice`,
      before: NEVER_CALLED,
      happen: (site, runs) => answering(status, {}, site, runs),
      complaint: isCarriedOut,
    }),
  ),
  {
    fault: 'Port answers 500 where tokens are issued, and no token is valid any more',
    before: NEVER_CALLED,
    happen: (site, runs) => {
      site.house.port.revokeTokens();
      return answering(500, { path: /\/auth\/access_token$/ }, site, runs);
    },
    complaint: isCarriedOut,
  },
  {
    fault: 'Port is away for 3 s in mid-load',
    before: '40 of 50 never called, and never reported',
    scale: 2.5,
    happen: outageInMidLoad,
    complaint: isCarriedOut,
  },
  {
    fault: 'Port answers 500 to PATCH alone, until each report was tried twice',
    before: 'targets called, none reported, ever',
    happen: (site, runs) => answering(500, { method: 'PATCH' }, site, runs, onlyWithPatch),
    complaint: isCarriedOut,
  },
  {
    fault: "Port takes a run's requests and never answers them; later ones it does",
    before: 'stuck for ever, and not to be ended by SIGTERM',
    happen: silentPort,
    complaint: isCarriedOut,
  },
];

/** Publishes, and ends the fault when every report has been tried in vain. */
async function away(
  site: Site,
  count: number,
  end: () => unknown,
  reports: (runs: PublishedRun[]) => PublishedRun[] = (runs) => runs,
): Promise<Happened> {
  const runs = await site.publish(count, (n) => anything(site, n));
  await site.triedTwice(reports(runs));
  await end();
  return { runs, sinceMs: Date.now() };
}

function answering(
  status: number,
  which: Pick<Fault, 'method' | 'path'>,
  site: Site,
  runs: number,
  reports?: (runs: PublishedRun[]) => PublishedRun[],
): Promise<Happened> {
  const body = { ok: false, error: 'injected', message: 'injected' };
  return away(
    site,
    runs,
    site.house.port.inject({ kind: 'respond', response: { status, body }, ...which }),
    reports,
  );
}

/** An asynchronous webhook is reported by its log alone. */
function onlyWithPatch(runs: PublishedRun[]): PublishedRun[] {
  return runs.filter((_, n) => n % 3 !== 1);
}

async function outageInMidLoad(site: Site, count: number): Promise<Happened> {
  const { port } = site.house;
  const runs: PublishedRun[] = [];
  const isTold = ({ runId }: PublishedRun): boolean => port.run(runId).logs.length > 0;
  const publishing = (async () => {
    for (let n = 0; n < count; n++) {
      runs.push(...(await site.publish(1, () => anything(site, n))));
      await delay(PACE_MS);
    }
  })();
  const before = Math.ceil(count / 5);
  await until('a fifth of them is reported', () => runs.filter(isTold).length >= before);
  await port.refuse();
  await delay(OUTAGE_MS);
  await port.listen();
  const sinceMs = Date.now();
  await publishing;
  return { runs, sinceMs };
}

async function silentPort(site: Site, count: number): Promise<Happened> {
  const { port } = site.house;
  const recover = port.inject({ kind: 'hang', path: /\/runs\// });
  const runs = await site.publish(count, (n) => anything(site, n));
  const hangs = ({ runId }: PublishedRun) => port.requestsFor(runId).some(({ fault }) => fault === 'hang');
  await until('a request for each run hangs', () => runs.every(hangs));
  recover();
  return { runs, sinceMs: Date.now() };
}
