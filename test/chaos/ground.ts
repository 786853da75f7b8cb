/** Where the chaos takes place: real Temporal and Kafka that survive their death, the simulators, and wires between. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startAgent } from '../../local/agent.js';
import { type KafkaOptions, type RunningKafka, startKafka } from '../../local/parts/kafka.js';
import { type RunningTemporal, startTemporal } from '../../local/parts/temporal.js';
import { startWorld, type World } from '../../local/stack.js';
import { type Part, startPart } from './parts.js';
import type { LinkName, PartName } from './schedule.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

export interface Ground {
  orgId: string;
  world: World;
  kafka: RunningKafka;
  temporal: RunningTemporal;
  client: Client;
  links: Record<LinkName, TcpProxy>;
  /** What the agent is started with: everything it calls stands behind a wire. */
  environment: Record<string, string>;
  /** Temporal and Kafka from the beginning, the agent's from `startAgents` on. */
  parts: Map<PartName, Part>;
  /** Every line that the agent's processes have logged. */
  logs: { whom: string; line: string }[];
  close(): Promise<void>;
}

export const PROJECT = 'platform/infra';
/** Where the agent finds the trigger token of `PROJECT`. */
export const TRIGGER_TOKEN_VARIABLE = 'platform_infra';
const PARTITIONS = 3;

/** Brings up everything but the agent; what was opened is closed again when a part fails. */
export async function startGround(environment: Record<string, string> = {}): Promise<Ground> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const shut of opened.splice(0).reverse()) await shut();
  };
  try {
    return { ...(await open(environment, opened)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  environment: Record<string, string>,
  opened: (() => Promise<unknown>)[],
): Promise<Omit<Ground, 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-'));
  opened.push(() => rm(folder, { recursive: true, force: true }));
  const orgId = `org_${randomBytes(6).toString('hex')}`;
  const parts = new Map<PartName, Part>();
  opened.push(async () => {
    await Promise.all([...parts.values()].map((part) => part.end('SIGKILL', 0)));
  });
  const temporal = await openTemporal(join(folder, 'temporal.db'), parts);
  const kafka = await openKafka(orgId, join(folder, 'kafka'), parts);
  const triggerToken = `glptt-${randomBytes(12).toString('hex')}`;
  const world = await startWorld({
    orgId,
    temporal,
    kafka,
    projects: [
      {
        path: PROJECT,
        refs: ['main'],
        triggerTokens: [{ token: triggerToken, owner: 'bot', role: 'maintainer' }],
      },
    ],
  });
  opened.push(world.close);
  const wire = async (port: number): Promise<TcpProxy> => {
    const proxy = await startTcpProxy(port);
    opened.push(proxy.close);
    return proxy;
  };
  const links: Record<LinkName, TcpProxy> = {
    Temporal: await wire(portOf(temporal.address)),
    Port: await wire(world.port.port),
    GitLab: await wire(world.gitlab.port),
    service: await wire(world.service.port),
  };
  // Past the wire: whoever looks on must see what is there.
  const connection = await Connection.connect({ address: temporal.address });
  opened.push(() => connection.close());
  return {
    ...{ orgId, world, kafka, temporal, links, parts, logs: [] },
    client: new Client({ connection, namespace: temporal.namespace }),
    environment: {
      ...world.environment,
      TEMPORAL_ADDRESS: `127.0.0.1:${links.Temporal.port}`,
      PORT_API_BASE_URL: `http://127.0.0.1:${links.Port.port}`,
      GITLAB_URL: `http://127.0.0.1:${links.GitLab.port}`,
      [TRIGGER_TOKEN_VARIABLE]: triggerToken,
      ...environment,
    },
  };
}

async function openTemporal(dbFilename: string, parts: Map<PartName, Part>): Promise<RunningTemporal> {
  let running = await startTemporal({ dbFilename });
  const port = portOf(running.address);
  let isFirst = true;
  const part = await startPart('Temporal', async () => {
    if (!isFirst) running = await startTemporal({ dbFilename, port });
    isFirst = false;
    return running.child;
  });
  parts.set('Temporal', part);
  return running;
}

async function openKafka(orgId: string, dataDir: string, parts: Map<PartName, Part>): Promise<RunningKafka> {
  const topics = ['runs', 'change.log'].map((name) => ({ name: `${orgId}.${name}`, partitions: PARTITIONS }));
  const options: KafkaOptions = {
    username: orgId,
    password: randomBytes(12).toString('hex'),
    topics,
    dataDir,
  };
  const first = await startKafka(options);
  let isFirst = true;
  const part = await startPart('Kafka', async () => {
    const running = isFirst ? first : await startKafka({ ...options, ports: first.ports, topics: [] });
    isFirst = false;
    return running.child;
  });
  parts.set('Kafka', part);
  return first;
}

/** Starts the agent's processes, and returns once both work. */
export async function startAgents(ground: Ground, which: ('worker' | 'ingester')[]): Promise<void> {
  for (const name of which) {
    let waitUntilReady = true;
    const part = await startPart(name, async () => {
      const child = await startAgent(name === 'ingester' ? 'ingest' : name, {
        environment: ground.environment,
        waitUntilReady,
        onLine: (line) => ground.logs.push({ whom: name, line }),
      });
      // Later ones may be started while what they need is away.
      waitUntilReady = false;
      return child;
    });
    ground.parts.set(name, part);
  }
}

function portOf(address: string): number {
  return Number(address.split(':')[1]);
}
