/** The agent's own processes: killed in mid-work, and two of them for one partition. */
import { randomBytes } from 'node:crypto';
import type { Child } from '../../../local/parts/child.js';
import type { Run } from '../../../local/simulators/port.js';
import { until } from '../../support/house.js';
import { signed } from './messages.js';
import { fails, type Happened, isCarriedOut, type PublishedRun, type Row } from './row.js';
import { anything, type Site, webhook } from './site.js';

export const agentRows: Row[] = [
  {
    fault: 'kill -9 of the worker, with every run in its call; another is started',
    before: 'one process, one call at a time: that one doubled, then 45 s of silence',
    happen: killedInTheCall,
    complaint: fails(/the worker stopped in the middle of the call.*may have been reached/, 1),
  },
  {
    fault: 'kill -9 of the ingester in mid-load; another is started',
    before: 'the same process, the same 45 s',
    happen: ingesterKilled,
    complaint: isCarriedOut,
  },
  {
    fault: 'a second agent joins the group, one partition; then the working one is killed with -9',
    before: 'one of the two exits with 0, in 1 of 4 trials the one that was working',
    happen: secondAgent,
    complaint: isCarriedOut,
  },
];

async function killedInTheCall(site: Site, count: number): Promise<Happened> {
  const { service } = site.house;
  let letGo = () => {};
  const open = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const endFault = service.inject({ kind: 'holdBefore', path: /^\/ok\/held$/, until: open });
  const runs = await site.publish(count, (n) => webhook(`${service.url}/ok/held`, n));
  await site.called(runs);
  const sinceMs = await kill(site.worker);
  letGo();
  endFault();
  site.worker = await site.house.agent('worker');
  return { runs, sinceMs };
}

async function ingesterKilled(site: Site, count: number): Promise<Happened> {
  const accepted = () => site.ingester.lines(1000).filter((line) => line.includes('"accepted"')).length;
  const before = accepted();
  const half = Math.ceil(count / 2);
  const first = site.publish(half, (n) => anything(site, n));
  await until('one is accepted', () => accepted() > before);
  const sinceMs = await kill(site.ingester);
  const second = await site.publish(count - half, (n) => anything(site, n));
  site.ingester = await site.house.agent('ingest');
  return { runs: [...(await first), ...second], sinceMs };
}

/** A topic and a group of their own; the first half of the runs is published while the second agent joins. */
async function secondAgent(site: Site, count: number): Promise<Happened> {
  const { house } = site;
  const name = `${house.orgId}.single-${randomBytes(4).toString('hex')}`;
  await house.kafka.createTopics([{ name, partitions: 1 }]);
  const environment = {
    KAFKA_RUNS_TOPIC: name,
    KAFKA_CHANGE_LOG_TOPIC: `${name}.change.log`,
    KAFKA_CONSUMER_GROUP_ID: name,
    // The worker of the site carries them out.
    TEMPORAL_TASK_QUEUE: house.environment['KAFKA_CONSUMER_GROUP_ID'] ?? '',
  };
  const published: PublishedRun[] = [];
  const publish = async (runs: number): Promise<void> => {
    for (let n = 0; n < runs; n++) published.push(await publishOn(name, await site.unpublished(), site));
  };
  const half = Math.ceil(count / 2);
  const working = await house.agent('ingest', environment);
  const [second] = await Promise.all([house.agent('ingest', environment), publish(half)]);
  await untilOneStandsBy([working, second]);
  // Whichever of the two has the partition by now.
  const [dies, lives] = assigned(working) ? [working, second] : [second, working];
  await kill(dies);
  const sinceMs = Date.now();
  await publish(count - half);
  const carriedOut = () => published.every(({ runId }) => site.callsOf(runId) > 0);
  await until('the other has taken over', carriedOut, 60_000);
  expect(lives.isRunning()).toBe(true);
  await lives.stop();
  return { runs: published, sinceMs };
}

async function publishOn(topic: string, run: Run, site: Site): Promise<PublishedRun> {
  await site.house.port.publishRaw(JSON.stringify(signed(run, site)), topic);
  return { runId: run.id, workflowId: run.id };
}

async function untilOneStandsBy(agents: Child[]): Promise<void> {
  await until(
    'one has the partition, and the other none',
    () => agents.every((agent) => agent.isRunning()) && agents.filter(assigned).length === 1,
  );
}

/** By the last assignment that it has logged. */
function assigned(agent: Child): boolean {
  const joins = agent.lines(1000).filter((line) => line.includes('"ingester ready"'));
  const { assignment = {} } = JSON.parse(joins.at(-1) ?? '{}') as { assignment?: Record<string, number[]> };
  return Object.values(assignment).flat().length > 0;
}

/** Resolves with when it was killed, once it is dead. */
async function kill(child: Child): Promise<number> {
  const atMs = Date.now();
  child.signal('SIGKILL');
  await child.exited;
  return atMs;
}
