/** Publishes runs at a pace, of every kind, whatever else happens; among them some that can only fail, and poison. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ActionDefinition, InvocationMethod } from '../../local/simulators/port-actions.js';
import { addActions } from '../../local/stack.js';
import { type Ground, PROJECT } from './ground.js';
import type { Random } from './random.js';

/** While Kafka is away, so many are kept waiting; no more are published. */
const MOST_WAITING = 50;

export interface Load {
  /** Stops publishing, and waits for what is on its way; resolves with how many Kafka did not take. */
  stop(): Promise<{ refused: number }>;
}

/** Publishes one run of an action of the load's. */
export function publisherOf(ground: Ground): (action: string) => Promise<void> {
  addActions(ground.world.port, actions(serviceUrlOf(ground)));
  return (action) => run(action)(ground, serviceUrlOf(ground));
}

/** Publishes `perSecond` messages a second until it is stopped. */
export function startLoad(ground: Ground, perSecond: number, random: Random): Load {
  const serviceUrl = serviceUrlOf(ground);
  addActions(ground.world.port, actions(serviceUrl));
  const kinds = MIX.flatMap(([publish, weight]) => Array<Publish>(weight).fill(publish));
  const waiting = new Set<Promise<void>>();
  let refused = 0;
  let isStopped = false;

  async function publishing(): Promise<void> {
    for (let dueMs = Date.now(); !isStopped; dueMs = Math.max(dueMs + 1000 / perSecond, Date.now() - 1000)) {
      await delay(Math.max(0, dueMs - Date.now()));
      const publish = random.pick(kinds);
      if (waiting.size >= MOST_WAITING) continue;
      const one = publish(ground, serviceUrl)
        .catch(() => {
          refused += 1;
        })
        .finally(() => waiting.delete(one));
      waiting.add(one);
    }
  }

  const finished = publishing();
  return {
    async stop() {
      isStopped = true;
      await finished;
      await Promise.all(waiting);
      return { refused };
    },
  };
}

function serviceUrlOf({ links }: Ground): string {
  return `http://127.0.0.1:${links.service.port}`;
}

type Publish = (ground: Ground, serviceUrl: string) => Promise<void>;

const run =
  (action: string): Publish =>
  async ({ world }) =>
    void (await world.port.trigger(action));

const node: Publish = async ({ world }, serviceUrl) =>
  void (await world.port.triggerNode({ url: `${serviceUrl}/ok`, synchronized: true }));

const change: Publish = ({ world, orgId }, serviceUrl) =>
  world.port.publishRaw(
    JSON.stringify({
      action: 'UPDATE',
      resourceType: 'entity',
      context: { entity: 'e1' },
      diff: {},
      changelogDestination: { type: 'WEBHOOK', agent: true, url: `${serviceUrl}/ok` },
    }),
    `${orgId}.change.log`,
  );

const broken: Publish = ({ world }) => world.port.publishRaw('{"context": {"runId": ');

/** Of a run that Port does not have, signed by somebody else. */
const forged: Publish = ({ world }, serviceUrl) =>
  world.port.publishRaw(
    JSON.stringify({
      headers: { 'X-Port-Signature': 'v1,AAAA', 'X-Port-Timestamp': '1' },
      payload: { action: { invocationMethod: { type: 'WEBHOOK', agent: true, url: `${serviceUrl}/ok` } } },
      context: { runId: `r_${randomUUID().replaceAll('-', '').slice(0, 16)}` },
    }),
  );

/** What is published, and how often in a hundred. */
const MIX: [Publish, number][] = [
  [run('answers'), 25],
  [run('answers late'), 15],
  [run('takes over'), 18],
  [run('pipeline'), 20],
  [run('breaks'), 5],
  [run('refuses'), 4],
  [node, 5],
  [change, 5],
  [broken, 2],
  [forged, 1],
];

function actions(serviceUrl: string): ActionDefinition[] {
  const action = (identifier: string, invocationMethod: InvocationMethod): ActionDefinition => ({
    identifier,
    trigger: { type: 'self-service', operation: 'CREATE' },
    invocationMethod,
  });
  const webhook = (identifier: string, path: string, synchronized = true): ActionDefinition =>
    action(identifier, { type: 'WEBHOOK', url: `${serviceUrl}${path}`, agent: true, synchronized });
  const [groupName = '', projectName = ''] = PROJECT.split('/');
  return [
    webhook('answers', '/ok'),
    webhook('answers late', '/slow/700'),
    webhook('takes over', '/accepted', false),
    webhook('breaks', '/status/500'),
    webhook('refuses', '/status/404', false),
    action('pipeline', { type: 'GITLAB', groupName, projectName }),
  ];
}
