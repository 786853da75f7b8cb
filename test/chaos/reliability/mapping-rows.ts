/** Mappings whose filter writes to the console, reads what is not there, or never comes to an end. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fails, type Happened, isCarriedOut, type Row } from './row.js';
import type { Site } from './site.js';

const CRASH_LOOP = 'the process crashes, and again at each start: the offset is not committed';

/** `shown` where the filter itself would break the table. */
const FILTERS: { filter: string; shown?: string; before: string; complaint: Row['complaint'] }[] = [
  { filter: 'debug', before: CRASH_LOOP, complaint: isCarriedOut },
  { filter: 'input', before: CRASH_LOOP, complaint: isCarriedOut },
  {
    filter: '.context.runId | gsub("^";"-")',
    shown: 'gsub("^";"-")',
    before: 'busy for ever, 900 MB after 15 s',
    complaint: isCarriedOut,
  },
  { filter: '[range(1e9)]', before: 'not measured', complaint: fails(/^mapping 3, body: jq/, 0) },
];

/** With the settings that an agent has by default: filters may queue for a thread. */
const SETTINGS = {
  WEBHOOK_INVOKER_TIMEOUT: '30',
  CALL_RETRY_WINDOW_SECONDS: '600',
  WORKER_LOST_AFTER_SECONDS: '60',
};

export const mappingRows: Row[] = FILTERS.map(({ filter, shown, before, complaint }, index) => ({
  fault: `a mapping with the filter \`${shown ?? filter}\``,
  before,
  complaint,
  happen: (site, runs) => mapped(index, site, runs),
}));

const prepared = new WeakSet<Site>();

async function mapped(index: number, site: Site, count: number): Promise<Happened> {
  if (!prepared.has(site)) await startWithMappings(site);
  prepared.add(site);
  const url = `${site.house.service.url}/ok/mapped-${index}`;
  const runs = await site.publish(count, () => ({ type: 'WEBHOOK', url, agent: true, synchronized: true }));
  return { runs, sinceMs: Date.now() };
}

async function startWithMappings(site: Site): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'reliability-'));
  site.closing({ close: () => rm(folder, { recursive: true, force: true }) });
  const file = join(folder, 'control_the_payload_config.json');
  const url = '.payload.action.invocationMethod.url';
  const mappings = FILTERS.map(({ filter }, index) => ({
    enabled: `${url} | endswith("/mapped-${index}")`,
    url,
    body: filter,
  }));
  await writeFile(file, JSON.stringify([...mappings, { enabled: true, url }]));
  await site.stopAgents();
  await site.startAgents({ ...SETTINGS, CONTROL_THE_PAYLOAD_CONFIG_PATH: file });
}
