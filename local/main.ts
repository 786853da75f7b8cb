/** `npm start`: the whole house on this machine, a handful of runs through it, and then it is yours to try. */
import { parseArgs } from 'node:util';
import { startAgent } from './agent.js';
import { runDemo } from './demo/demo.js';
import { actionsOf, ORG_ID, PROJECTS, TRIGGER_TOKENS } from './demo/organization.js';
import { asTable } from './demo/table.js';
import type { Child } from './parts/child.js';
import { addActions, type StackPorts, startParts, startWorld, type World } from './stack.js';

const USAGE = `Usage: npm start [-- options]
  --once                 publish the demo's runs, print what came of them, stop; exit 0 if all came out as expected
  --temporal-port N      fixed ports instead of free ones
  --ui-port N
  --kafka-port N
  --port-port N          Port's simulator
  --gitlab-port N
  --service-port N       the private service
  --verbose              show the log of worker and ingester`;

const PORT_FLAGS = {
  temporal: 'temporal-port',
  ui: 'ui-port',
  kafka: 'kafka-port',
  port: 'port-port',
  gitlab: 'gitlab-port',
  service: 'service-port',
} as const;

interface Options {
  once: boolean;
  verbose: boolean;
  ports: StackPorts;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(options: Options): Promise<number> {
  const startedAt = Date.now();
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
  const undo: (() => Promise<unknown>)[] = [];
  const shutDown = async (): Promise<void> => {
    for (const stop of undo.splice(0).reverse())
      await stop().catch((error) => say(`  while stopping: ${error}`));
  };
  const work = demonstrate(options, undo, startedAt);
  try {
    const outcome = await Promise.race([work, interrupted.then(() => 'interrupted' as const)]);
    if (outcome === 'interrupted' || options.once) return outcome === 'as expected' ? 0 : 1;
    say('\nCtrl-C stops everything.');
    await interrupted;
    return 0;
  } finally {
    work.catch(() => {});
    say('Stopping …');
    await shutDown();
  }
}

async function demonstrate(
  options: Options,
  undo: (() => Promise<unknown>)[],
  startedAt: number,
): Promise<string> {
  const topics = ['runs', 'change.log'].map((name) => ({ name: `${ORG_ID}.${name}`, partitions: 3 }));
  const parts = await startParts({ username: ORG_ID, topics }, options.ports, say);
  undo.push(parts.stop);
  const world = await startWorld({
    ...parts,
    orgId: ORG_ID,
    projects: PROJECTS,
    environment: { ...TRIGGER_TOKENS, TEMPORAL_UI_URL: parts.temporal.uiUrl },
    ports: options.ports,
  });
  undo.push(world.close);
  addActions(world.port, actionsOf(world.service.url));
  say(
    `Port ${world.port.url}, GitLab ${world.gitlab.url}, a private service ${world.service.url} (simulators)`,
  );
  const agents = await startAgents(world, options.verbose);
  undo.push(...agents.map((agent) => () => agent.stop()));
  say(`worker and ingester are ready; everything is up after ${seconds(startedAt)}\n`);

  const results = await runDemo(world, parts.temporal);
  say(asTable(results));
  const wrong = results.filter((result) => result.wrong).length;
  say(
    `\n${results.length} runs, ${wrong === 0 ? 'all as expected' : `${wrong} NOT as expected`}, after ${seconds(startedAt)}.`,
  );
  if (!options.once) say(whatToTry(world, parts.temporal.uiUrl));
  return wrong === 0 ? 'as expected' : 'not as expected';
}

async function startAgents(world: World, verbose: boolean): Promise<Child[]> {
  const onLine = verbose ? { onLine: say } : {};
  const started = await Promise.allSettled(
    (['worker', 'ingest'] as const).map((role) =>
      startAgent(role, { environment: world.environment, ...onLine }),
    ),
  );
  const agents = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = started.find((result) => result.status === 'rejected');
  if (!failed) return agents;
  await Promise.all(agents.map((agent) => agent.stop()));
  throw failed.reason;
}

function whatToTry(world: World, uiUrl: string): string {
  return `
Look at the runs in the Temporal UI:  ${uiUrl}
Publish another one as Port would:
  curl -X POST ${world.port.url}/_simulator/trigger/deploy_service -H 'content-type: application/json' \\
       -d '{"properties": {"service": "checkout", "replicas": 2}}'
See what Port holds:                  curl ${world.port.url}/_simulator/runs`;
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

function readOptions(args: string[]): Options {
  const flags = Object.values(PORT_FLAGS);
  const { values } = parseArgs({
    args,
    options: {
      once: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      ...Object.fromEntries(flags.map((flag) => [flag, { type: 'string' as const }])),
    },
  });
  const ports: StackPorts = {};
  for (const [part, flag] of Object.entries(PORT_FLAGS) as [keyof StackPorts, string][]) {
    const given = (values as Record<string, unknown>)[flag];
    if (given === undefined) continue;
    const number = Number(given);
    if (!Number.isInteger(number) || number < 1 || number > 65_535)
      throw new TypeError(`--${flag} is not a port`);
    ports[part] = number;
  }
  return { once: values['once'] === true, verbose: values['verbose'] === true, ports };
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  const usage = error instanceof TypeError ? `\n\n${USAGE}` : '';
  process.stderr.write(`\n${error instanceof Error ? error.message : error}${usage}\n`);
  process.exitCode = 1;
}
process.exit();
