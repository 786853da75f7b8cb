/**
 * Plants secrets in every place at which the agent gets hold of one, has runs carried out that handle them, and looks
 * for them in everything that is written down. That the search finds them is shown with a redaction taken away.
 */

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notesOf, type VariableName, variables } from '../../config/variables.js';
import type { Child } from '../../local/parts/child.js';
import { describeInBrowser } from '../support/chromium.js';
import { startRefusingProxy } from '../support/endings/stage.js';
import { type House, startHouse, until } from '../support/house.js';
import { BROKEN_BUILDS, makeBrokenBuild } from '../support/leaks/broken-builds.js';
import { plantedEnvironment, secretsOf } from '../support/leaks/planted.js';
import { leaksIn, type Secret, type Written } from '../support/leaks/search.js';
import { addUnmapped, carryOut, MESSAGE, MESSAGE_SECRETS, writeMappings } from '../support/leaks/ways-in.js';
import { writtenIn } from '../support/leaks/written.js';

let folder: string;
let house: House;
let worker: Child;
let planted: Secret[];
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leaks-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const proxy = await startRefusingProxy();
  undo.push(proxy.close);
  const { environment, secrets } = plantedEnvironment(new URL(proxy.url));
  const file = join(folder, 'mappings.json');
  house = await startHouse({
    ...environment,
    NO_PROXY: '127.0.0.1,localhost',
    JENKINS_TOKEN: MESSAGE.jenkinsToken,
    CONTROL_THE_PAYLOAD_CONFIG_PATH: file,
    CALL_RETRY_WINDOW_SECONDS: '2',
    LOG_LEVEL: 'debug',
    HEALTH_PORT: '0',
  });
  undo.push(() => house.close());
  const actions = await writeMappings(house, file);
  await carryOutUnmapped();
  [worker] = await Promise.all([house.agent('worker'), house.agent('ingest')]);
  await Promise.all(actions.map((action) => carryOut(house, action)));
  const signed = house.published.at(-1) ?? '{}';
  await house.port.publishRaw(
    `{"this": "is no JSON", "token": "${MESSAGE.portSecret}", "note": "${MESSAGE.note}`,
  );
  await house.port.publishRaw(JSON.stringify({ ...JSON.parse(signed), note: MESSAGE.note }));
  await until(
    'both are rejected',
    () => house.logs.filter(({ line }) => /"rejected"/.test(line)).length === 2,
  );
  planted = [...secrets, ...MESSAGE_SECRETS];
});
afterAll(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** The same house, before it has mappings. */
async function carryOutUnmapped(): Promise<void> {
  const without = { CONTROL_THE_PAYLOAD_CONFIG_PATH: '' };
  const agents = await Promise.all([house.agent('worker', without), house.agent('ingest', without)]);
  await Promise.all(addUnmapped(house).map((action) => carryOut(house, action)));
  await Promise.all(agents.map((agent) => agent.stop()));
}

const secrets = (): Secret[] => [...planted, ...secretsOf(house)];
const leaks = async (): Promise<string[]> => leaksIn(await writtenIn(house), secrets());

test('the secrets were at work: they reached the targets that they are for', async () => {
  const toTargets = (await writtenIn(house)).filter(({ place }) => place === 'target');
  const found = leaksIn(
    toTargets,
    MESSAGE_SECRETS.map(({ name, value }) => ({ name, value })),
  );
  expect(found.map((leak) => leak.split(' stands in ')[0])).toEqual(
    expect.arrayContaining(MESSAGE_SECRETS.map(({ name }) => name)),
  );
});

test('no secret is written down anywhere, and no message but encrypted', async () => {
  expect(await leaks()).toEqual([]);
});

test('neither the help nor a refused configuration shows what a secret variable holds', async () => {
  const names = Object.keys(variables.shape) as VariableName[];
  const given = names
    .filter((name) => notesOf(name).secret)
    .map((name) => [name, `plant/${name}@${MESSAGE.key}`]);
  const child = await house.agent('both', Object.fromEntries(given), { waitUntilReady: false });
  expect(await child.exited).toMatchObject({ code: 1 });
  expect(child.lines(100).join('\n')).toMatch(/The configuration has \d+ mistakes/);
  expect(child.lines(100).join('\n')).not.toContain(MESSAGE.key);
  const help = spawnSync(process.execPath, ['dist/cli/main.js', '--help'], { env: house.environment });
  const shown: Written = { place: 'help', where: '--help', text: `${help.stdout}` };
  expect(shown.text).toContain('PORT_CLIENT_SECRET');
  expect(leaksIn([shown], secrets())).toEqual([]);
});

describeInBrowser("Temporal's UI without a codec server", (browser) => {
  test.each(['quoted-by-target', 'as-url', 'as-host'])('shows nothing of the run %s', async (action) => {
    const page = await browser().newPage();
    const [run] = [...house.port.runs.values()].filter(
      (each) => each.invocation.action.identifier === action,
    );
    const { uiUrl, namespace } = house.temporal;
    await page.goto(`${uiUrl}/namespaces/${namespace}/workflows/${run?.id}`);
    await page.getByText('Encoded failure').first().waitFor();
    const text = await page.innerText('body');
    const shown: Written = { place: 'UI', where: `the page of ${action}`, text };
    expect(leaksIn([shown], secrets())).toEqual([]);
  });
});

describe('what a build leaks without', () => {
  test.each(Object.entries(BROKEN_BUILDS))('%s', async (name, broken) => {
    const build = await makeBrokenBuild(join(folder, name.replaceAll(' ', '-')), broken);
    const before = await leaks();
    await worker.stop();
    worker = await house.agent('worker', {}, { build });
    await carryOut(house, broken.action);
    const found = (await leaks()).filter((leak) => !before.includes(leak));
    expect(found).toContainEqual(expect.stringMatching(broken.leak));
  });
});
