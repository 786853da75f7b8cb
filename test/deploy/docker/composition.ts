/** docker-compose.yml with the demo's profile, running on an engine, in a folder and a network of its own. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TriggerOptions } from '../../../local/simulators/port-actions.js';
import type { Run } from '../../../local/simulators/port-runs.js';
import { findCompose } from '../linters.js';
import { type Engine, output } from './engine.js';
import { type Images, ROOT } from './images.js';

const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 500;

export interface Composition {
  /** Where docker-compose.yml stands, and beside it `certs/` and `mapping/`. */
  dir: string;
  network: string;
  /** Runs `docker compose` and returns what it printed. */
  compose(...args: string[]): Promise<string>;
  /** Starts what is not running, or the services named, and waits until everything is healthy. */
  up(...services: string[]): Promise<void>;
  /** Runs `temporal` inside the network and returns the JSON that it printed. */
  temporal(...args: string[]): Promise<unknown>;
  /** `host:port` on this machine. */
  addressOf(service: string, port: number): Promise<string>;
  /** The runs that Port knows, oldest first. */
  runs(): Promise<Run[]>;
  /** Publishes a run as Port does; returns its id. */
  trigger(action: string, how: TriggerOptions): Promise<string>;
  /** Waits until Port holds a run's end. */
  ended(runId: string): Promise<Run>;
  /** Removes everything, volumes included. */
  remove(): Promise<void>;
}

/** Starts nothing yet. */
export async function prepareComposition(engine: Engine, images: Images): Promise<Composition> {
  const dir = await mkdtemp(join(tmpdir(), 'composition-'));
  await mkdir(join(dir, 'deploy'));
  for (const file of ['docker-compose.yml', 'deploy/demo.env']) await cp(join(ROOT, file), join(dir, file));
  await writeFile(join(dir, 'here.yml'), hereFor(images));
  const project = `on-docker-${randomBytes(4).toString('hex')}`;
  const { command, args: words } = await findCompose();
  const files = ['--file', 'docker-compose.yml', '--file', 'here.yml', '--profile', 'demo'];
  const fixed = [...words, '--project-name', project, '--project-directory', dir, ...files];
  // A PORT_ORG_ID of the developer's would switch the demo off.
  const environment = { ...engine.environment, PORT_ORG_ID: undefined };
  const compose = (...args: string[]) => output(command, [...fixed, ...args], environment, dir);
  const addressOf = async (service: string, port: number) =>
    (await compose('port', service, `${port}`)).trim();
  const askPort = simulatorAt(() => addressOf('simulators', 8080));
  /** Adds what the containers have to say to an error. */
  const explained = <T>(work: () => Promise<T>): Promise<T> =>
    work().catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await compose('logs', '--tail', '20')}`);
    });
  const runs = async () => ((await askPort('runs')) as { runs: Run[] }).runs;
  return {
    dir,
    network: `${project}_default`,
    compose,
    up: async (...services) =>
      void (await explained(() => compose('up', '--detach', '--wait', '--quiet-pull', ...services))),
    addressOf,
    runs,
    async temporal(...args) {
      const command = ['temporal', ...args, '--address=temporal:7233', '--output=json'];
      return JSON.parse(await compose('exec', '-T', 'temporal', ...command));
    },
    trigger: async (action, how) => ((await askPort(`trigger/${action}`, how)) as { runId: string }).runId,
    ended: (runId) =>
      explained(() =>
        eventually(async () =>
          (await runs()).find((run) => run.id === runId && run.status !== 'IN_PROGRESS'),
        ),
      ),
    async remove() {
      await compose('down', '--volumes', '--timeout', '10');
      await rm(dir, { recursive: true });
    },
  };
}

/** Asks Port's simulator, whose address is looked up once. */
function simulatorAt(find: () => Promise<string>): (path: string, body?: object) => Promise<unknown> {
  let address: Promise<string> | undefined;
  return async (path, body) => {
    address ??= find();
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(
      `http://${await address}/_simulator/${path}`,
      body && { method: 'POST', headers, body: JSON.stringify(body) },
    );
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
}

/** Asks until there is an answer. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`There was no answer within ${PATIENCE_MS / 1000} s`);
    await delay(LOOK_EVERY_MS);
  }
}

/** The images that are on the engine, and any free ports instead of the fixed ones. */
function hereFor({ agent, simulators, temporal, kafka }: Images): string {
  const ours = (image: string) => `image: ${image}, build: !reset null, pull_policy: never`;
  const theirs = (image: string) => `image: ${image}, pull_policy: missing`;
  return `services:
  temporal: { ${theirs(temporal)}, ports: !override ["127.0.0.1::8233"] }
  temporal-retention: { ${theirs(temporal)} }
  kafka: { ${theirs(kafka)} }
  kafka-setup: { ${theirs(kafka)} }
  worker: { ${ours(agent)} }
  ingester: { ${ours(agent)} }
  simulators: { ${ours(simulators)}, ports: !override ["127.0.0.1::8080"] }
`;
}
