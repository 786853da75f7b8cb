/** Where endings are made to happen: a house, and short ways to have a run carried out and to see how it ended. */

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { createOutbound, type Outbound } from '../../../http/outbound.js';
import type { Child } from '../../../local/parts/child.js';
import { freePorts } from '../../../local/parts/ports.js';
import { createTestCa, type TestCa } from '../../../local/parts/test-ca.js';
import type { SimulatorServer } from '../../../local/simulators/http-server.js';
import type { Run } from '../../../local/simulators/port.js';
import type { InvocationMethod, WebhookMethod } from '../../../local/simulators/port-actions.js';
import { buildRunMessage } from '../../../local/simulators/port-message.js';
import { PortClient } from '../../../port/client.js';
import type { CallPolicy, RunInput } from '../../../workflows/contract.js';
import { type House, startHouse, until } from '../house.js';
import { type PlantedEnvironment, plantedEnvironment } from '../leaks/planted.js';
import { testNetwork } from '../network.js';

/** How one run ended, as far as docs/endings.md speaks of it. */
export interface Ending {
  /** Undefined when Port has no such run. */
  status: string | undefined;
  summary: string | null;
  /** How often the target was called. */
  calls: number;
  /** Undefined when there is no workflow. */
  workflow: string | undefined;
}

/** Makes the endings of a row happen. */
export type Driver = (stage: Stage) => Promise<Ending[]>;

/** A run whose call is under way. */
export interface CallingRun {
  run: Run;
  /** Lets the target answer. */
  letGo(): void;
}

export const GROUP = 'ends';
/** Every webhook's message has it in a header. */
export const HEADER_TOKEN = randomBytes(16).toString('hex');
/** The limits of every run on this stage, unless it is started with others. */
export const POLICY: CallPolicy = {
  // Nobody waits for these two: a run that is to meet them is started with shorter ones.
  callTimeoutMs: 120_000,
  workerLostAfterMs: 60_000,
  retryWindowMs: 1000,
  maxWaitMs: 60_000,
};

export class Stage {
  readonly house: House;
  /** All that were opened, the stage's own first; what they write is looked through for secrets. */
  readonly houses: House[];
  /** For the agents of every house. */
  readonly planted: PlantedEnvironment;
  /** Trusted by the worker. */
  readonly ca: TestCa;
  readonly ingester: Child;
  /** This process's own ways, for workers that tests bring themselves. */
  readonly outbound: Outbound;
  readonly portClient: PortClient;
  /** Targets beside the house's own. */
  readonly targets: SimulatorServer[] = [];
  private readonly closers: (() => Promise<unknown>)[] = [];
  private count = 0;

  private constructor(
    parts: Pick<Stage, 'house' | 'planted' | 'ca' | 'ingester' | 'outbound' | 'portClient'>,
  ) {
    this.house = parts.house;
    this.houses = [parts.house];
    this.planted = parts.planted;
    this.ca = parts.ca;
    this.ingester = parts.ingester;
    this.outbound = parts.outbound;
    this.portClient = parts.portClient;
  }

  /** A house with a worker and an ingester; `projects` are made in GitLab, in the group of this stage. */
  static async open(projects: string[], folder: string): Promise<Stage> {
    const tokens = Object.fromEntries(projects.map((name) => [`${GROUP}_${name}`, `glptt-${name}`]));
    const proxy = await startRefusingProxy();
    const planted = plantedEnvironment(new URL(proxy.url));
    const house = await startHouse(
      {
        WEBHOOK_INVOKER_TIMEOUT: String(POLICY.callTimeoutMs / 1000),
        WORKER_LOST_AFTER_SECONDS: String(POLICY.workerLostAfterMs / 1000),
        CALL_RETRY_WINDOW_SECONDS: String(POLICY.retryWindowMs / 1000),
        RUN_MAX_WAIT_SECONDS: String(POLICY.maxWaitMs / 1000),
        NODE_EXTRA_CA_CERTS: join(folder, 'trusted.pem'),
        ...planted.environment,
        NO_PROXY: '127.0.0.1,localhost,invalid',
        ...tokens,
      },
      {
        projects: projects.map((name) => ({
          path: `${GROUP}/${name}`,
          refs: ['main'],
          triggerTokens: [{ token: `glptt-${name}`, owner: 'bot', role: 'maintainer' }],
        })),
      },
    );
    const ca = createTestCa('endings');
    await writeFile(join(folder, 'trusted.pem'), house.kafka.caPem + ca.caPem);
    const [ingester] = await Promise.all([house.agent('ingest'), house.agent('worker')]);
    const outbound = createOutbound({
      network: testNetwork(),
      verifyTls: true,
      keepAlive: false,
      followRedirects: false,
      userAgent: 'test',
    });
    const { PORT_CLIENT_ID: clientId = '', PORT_CLIENT_SECRET: clientSecret = '' } = house.environment;
    const portClient = new PortClient({ apiUrl: house.port.url, clientId, clientSecret }, outbound);
    const stage = new Stage({ house, planted, ca, ingester, outbound, portClient });
    stage.closing(proxy);
    return stage;
  }

  /** Has something closed with the stage. */
  closing<T extends { close(): Promise<unknown> }>(thing: T): T {
    this.closers.push(() => thing.close());
    return thing;
  }

  async close(): Promise<void> {
    await Promise.all([...this.closers.map((close) => close()), this.outbound.close()]);
    await this.house.close();
  }

  /** How a run of this webhook ends. */
  async webhook(url: string, more: Partial<WebhookMethod> = {}): Promise<Ending> {
    return this.closed(await this.publish(url, more));
  }

  /** How a run of this project's pipeline ends. */
  async gitlab(projectName: string, more: object = {}): Promise<Ending> {
    const method = { type: 'GITLAB', groupName: GROUP, projectName, ...more } as const;
    return this.closed(await this.trigger(method));
  }

  /** A run that stands in its call, at the house's own service, until it is let go. */
  async calling(path?: string): Promise<CallingRun> {
    const { url, letGo, isReached } = this.gate(path);
    const run = await this.publish(url);
    await until('the target is called', isReached);
    return { run, letGo };
  }

  /** An address of the house's service that does not answer before it is let go. */
  gate(path = `/ok/gate-${++this.count}`): { url: string; letGo: () => void; isReached: () => boolean } {
    const { service } = this.house;
    let letGo = () => {};
    const open = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    service.inject({ kind: 'holdBefore', path: new RegExp(`^${path}$`), until: open });
    return {
      url: `${service.url}${path}`,
      letGo,
      isReached: () => service.journal.some((entry) => entry.path === path),
    };
  }

  /** A run of this webhook, given to the agent. */
  publish(url: string, more: Partial<WebhookMethod> = {}): Promise<Run> {
    return this.trigger(webhookMethod(url, more));
  }

  /** A run that Port has, and has told nobody of: whoever makes it starts or publishes it himself. */
  unpublished(url: string): Promise<Run> {
    return this.trigger(webhookMethod(url, { agent: false }));
  }

  /** The task queue of the house's worker. */
  get mainQueue(): string {
    return this.house.environment['KAFKA_CONSUMER_GROUP_ID'] ?? '';
  }

  /** How a run of this webhook ends that is given up after `callTimeoutMs`. */
  async givenUp(url: string, callTimeoutMs: number): Promise<Ending> {
    const run = await this.unpublished(url);
    await this.start(run, this.mainQueue, { callTimeoutMs });
    return this.closed(run);
  }

  /** Starts the workflow of an unpublished run, on a task queue and with limits of its own. */
  async start(run: Run, taskQueue: string, policy: Partial<CallPolicy> = {}) {
    const input: RunInput = {
      runId: run.id,
      kind: 'run',
      call: 'POST the.target',
      message: buildRunMessage(run.invocation) as RunInput['message'],
      policy: { ...POLICY, ...policy },
    };
    return this.house.client.workflow.start('callWebhook', { workflowId: run.id, taskQueue, args: [input] });
  }

  /** Waits until the workflow of a run has closed. */
  async closed({ id }: { id: string }): Promise<Ending> {
    await this.house.closed(id);
    return this.endingOf(id);
  }

  async endingOf(runId: string, workflowId = runId): Promise<Ending> {
    const run = this.house.port.runs.get(runId);
    const all = [this.house.service, this.house.gitlab, ...this.targets].flatMap(({ journal }) => journal);
    const described = await this.house.client.workflow
      .getHandle(workflowId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
    return {
      status: run?.status,
      summary: run?.summary ?? null,
      calls: all.filter(({ headers }) => headers['idempotency-key'] === runId).length,
      workflow: described?.status.name,
    };
  }

  private async trigger(invocationMethod: InvocationMethod): Promise<Run> {
    const { port } = this.house;
    const identifier = `action_${++this.count}`;
    const trigger = { type: 'self-service', operation: 'CREATE' } as const;
    port.actions.set(identifier, { identifier, trigger, invocationMethod });
    return port.run(await port.trigger(identifier));
  }
}

function webhookMethod(url: string, more: Partial<WebhookMethod>): WebhookMethod {
  const headers = { Authorization: `Bearer ${HEADER_TOKEN}` };
  return { type: 'WEBHOOK', url, agent: true, synchronized: true, method: 'POST', headers, ...more };
}

/** A port at which nothing listens. */
export async function closedPort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** A proxy that answers every CONNECT with the status that the target's name has in it. */
export async function startRefusingProxy(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer();
  server.on('connect', (request, socket) => {
    const status = /(\d{3})/.exec(request.url ?? '')?.[1] ?? '500';
    socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
