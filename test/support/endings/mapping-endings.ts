/** Endings that a mapping brings about: in a house of their own, since a mapping file decides on every run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type House, startHouse } from '../house.js';
import type { Driver, Ending, Stage } from './stage.js';

const ACTIONS = ['mapping-ended', 'mapping-unusable', 'unmatched', 'undecrypted'] as const;

export const mappingEndings: Record<string, Driver> = Object.fromEntries(
  ACTIONS.map((action) => [
    action,
    async (stage: Stage) => [await ending(await mappingHouse(stage), action)],
  ]),
);

let opened: Promise<House> | undefined;
function mappingHouse(stage: Stage): Promise<House> {
  opened ??= open(stage);
  return opened;
}

async function open(stage: Stage): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), 'mapping-endings-'));
  const file = join(folder, 'mappings.json');
  const house = await startHouse({
    ...stage.planted.environment,
    NO_PROXY: '127.0.0.1',
    CONTROL_THE_PAYLOAD_CONFIG_PATH: file,
    UNMATCHED_RUNS: 'fail',
  });
  stage.houses.push(house);
  stage.closing({
    close: async () => {
      await house.close();
      await rm(folder, { recursive: true });
    },
  });
  for (const identifier of ACTIONS) {
    house.port.actions.set(identifier, {
      identifier,
      trigger: {
        type: 'self-service',
        operation: 'CREATE',
        userInputs: { properties: { password: { type: 'string' } } },
      },
      invocationMethod: { type: 'WEBHOOK', url: `${house.service.url}/ok`, agent: true, synchronized: true },
    });
  }
  const takes = (action: string) => `.payload.action.identifier == "${action}"`;
  const mappings = [
    { enabled: takes('mapping-ended'), body: '[range(1e9)]' },
    { enabled: takes('mapping-unusable'), url: '.payload.action.url' },
    { enabled: takes('undecrypted'), fieldsToDecryptPaths: ['payload.properties.password'] },
  ];
  await writeFile(file, JSON.stringify(mappings));
  await Promise.all([house.agent('ingest'), house.agent('worker')]);
  return house;
}

async function ending(house: House, action: string): Promise<Ending> {
  const { runId, workflow } = await house.carryOut(action, {
    properties: { password: Buffer.alloc(48).toString('base64') },
  });
  const { status, summary } = house.port.run(runId);
  return { status, summary, calls: house.service.calls(runId).length, workflow: workflow.status.name };
}
