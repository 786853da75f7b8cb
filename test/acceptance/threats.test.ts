/** Tries every threat of docs/threat-model.md on the whole agent, one after the other, and compares. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callThreats } from '../support/threats/call-threats.js';
import { messageThreats } from '../support/threats/message-threats.js';
import { Site, type Threat } from '../support/threats/site.js';
import { type ThreatRow, threatRows } from '../support/threats/table.js';
import { textThreats } from '../support/threats/text-threats.js';

const threats: Record<string, Threat> = { ...messageThreats, ...callThreats, ...textThreats };
const rows = threatRows();

let folder: string;
let site: Site;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'threats-'));
  site = await Site.open(folder);
});
afterAll(async () => {
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

test('every row of docs/threat-model.md is tried, and everything that is tried has a row', () => {
  expect(rows.map(({ id }) => id).sort()).toEqual(Object.keys(threats).sort());
});

test.each(rows.map((row): [string, ThreatRow] => [row.id, row]))('%s', async (id, row) => {
  const seen = (await threats[id]?.(site)) ?? [];
  expect(seen).not.toHaveLength(0);
  for (const { calls, status, summary, workflow } of seen) {
    expect({ calls, status, workflow }).toEqual({
      calls: row.calls,
      status: row.status,
      workflow: row.workflow,
    });
    if (row.says !== undefined) expect(summary).toContain(row.says);
  }
});

test('after all of it, the agents run, and a run is carried out', async () => {
  expect(site.agents.map((agent) => agent.isRunning())).toEqual([true, true]);
  expect(await site.signed(`${site.house.service.url}/ok`)).toMatchObject({ calls: 1, status: 'SUCCESS' });
});

test('no secret has come into what the agents wrote, nor into what Port was told', () => {
  const secrets = [
    site.house.environment['PORT_CLIENT_SECRET'] ?? '',
    site.house.kafka.password,
    'glptt-infra',
  ];
  const told = JSON.stringify([...site.house.port.runs.values()].map(({ logs, summary }) => [logs, summary]));
  const texts = [site.lines().join('\n'), told];
  expect(texts.every((text) => text.length > 1000)).toBe(true);
  for (const text of texts) expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
});
