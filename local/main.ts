/** `npm start`: the whole house on this machine, a handful of runs through it, and then it is yours to try. */
import { startAgent } from './agent.js';
import { runDemo } from './demo/demo.js';
import { assertPortsFree, BadOptions, type Options, readOptions, USAGE } from './demo/options.js';
import { actionsOf, ORG_ID, PROJECTS, TRIGGER_TOKENS } from './demo/organization.js';
import { DEMO_RUNS } from './demo/runs.js';
import { Started } from './demo/started.js';
import { asTable } from './demo/table.js';
import type { Child } from './parts/child.js';
import { addActions, startParts, startWorld, type World } from './stack.js';

/** As a shell has it for a command that Ctrl-C ended before it was through. */
const EXIT_INTERRUPTED = 130;
const TABLE_WIDTH = 120;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(options: Options): Promise<number> {
  await assertPortsFree(options.ports);
  const startedAt = Date.now();
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve('interrupted'));
  });
  const started = new Started();
  try {
    const work = demonstrate(options, started, startedAt);
    work.catch(() => {});
    const outcome = await Promise.race([work, interrupted]);
    if (outcome === 'interrupted') return EXIT_INTERRUPTED;
    if (options.once) return outcome;
    say('\nCtrl-C stops everything.');
    await interrupted;
    return 0;
  } finally {
    say('Stopping …');
    await started.stopAll((error) => say(`  while stopping: ${error}`));
  }
}

/** Returns the exit code: 0 when every run came out as expected. */
async function demonstrate(options: Options, started: Started, startedAt: number): Promise<number> {
  const topics = ['runs', 'change.log'].map((name) => ({ name: `${ORG_ID}.${name}`, partitions: 3 }));
  const parts = await started.add(
    (signal) => startParts({ username: ORG_ID, topics }, options.ports, say, {}, signal),
    ({ stop }) => stop(),
  );
  const world = await started.add(
    () =>
      startWorld({
        ...parts,
        orgId: ORG_ID,
        projects: PROJECTS,
        environment: { ...TRIGGER_TOKENS, TEMPORAL_UI_URL: parts.temporal.uiUrl },
        ports: options.ports,
      }),
    ({ close }) => close(),
  );
  addActions(world.port, actionsOf(world.service.url));
  const { port, gitlab, service } = world;
  say(`Simulators are up: Port ${port.url}, GitLab ${gitlab.url}, a private service ${service.url}`);
  await started.add((signal) => startAgents(world, options.verbose, signal), stopAgents);
  say(`Worker and ingester are ready. Everything is up after ${seconds(startedAt)}.\n`);

  say(`Publishing ${DEMO_RUNS.length} runs as Port does, and waiting for each to come out …\n`);
  const results = await runDemo(world, parts.temporal);
  say(asTable(results, process.stdout.columns || TABLE_WIDTH));
  const wrong = results.filter((result) => result.wrong).length;
  const onPurpose = DEMO_RUNS.filter(({ workflow }) => workflow === 'Failed').length;
  const verdict = wrong === 0 ? `all as expected (${onPurpose} fail on purpose)` : `${wrong} NOT as expected`;
  say(`\n${results.length} runs, ${verdict}, after ${seconds(startedAt)}.`);
  if (!options.once) say(whatToTry(world, parts.temporal.uiUrl));
  return wrong === 0 ? 0 : 1;
}

async function startAgents(world: World, verbose: boolean, signal: AbortSignal): Promise<Child[]> {
  const onLine = verbose ? { onLine: say } : {};
  const outcomes = await Promise.allSettled(
    (['worker', 'ingest'] as const).map((role) =>
      startAgent(role, { environment: world.environment, signal, ...onLine }),
    ),
  );
  const agents = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failed) return agents;
  await stopAgents(agents);
  throw failed.reason;
}

async function stopAgents(agents: Child[]): Promise<void> {
  await Promise.all(agents.map((agent) => agent.stop()));
}

function whatToTry(world: World, uiUrl: string): string {
  const list = `${uiUrl}/namespaces/default/workflows`;
  return `
Look at the runs in the Temporal UI (a run's id is its workflow's id):
  ${list}
  ${list}?query=${encodeURIComponent('PortAction="deploy_service"')}
Publish another one as Port would:
  curl -X POST ${world.port.url}/_simulator/trigger/deploy_service -H 'content-type: application/json' \\
       -d '{"properties": {"service": "checkout", "replicas": 2}}'
See what Port holds:
  curl ${world.port.url}/_simulator/runs`;
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  const usage = error instanceof BadOptions ? `\n\n${USAGE}` : '';
  process.stderr.write(`\n${error instanceof Error ? error.message : error}${usage}\n`);
  process.exitCode = 1;
}
// Whatever has not ended by now, its children included, ends here.
process.exit();
