/** Where threats are tried: a house with a local policy, and a producer that writes to its topics as it likes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import type { Child } from '../../../local/parts/child.js';
import type { Run } from '../../../local/simulators/port.js';
import type { InvocationMethod } from '../../../local/simulators/port-actions.js';
import { buildRunMessage, signMessage } from '../../../local/simulators/port-message.js';
import { type House, startHouse, until } from '../house.js';

export type Message = ReturnType<typeof buildRunMessage>;

/** What came of one try, as far as docs/threat-model.md speaks of it. */
export interface Seen {
  /** How often a target was called for the run. */
  calls: number;
  /** Of the run in Port; undefined where it has none of this id. */
  status: string | undefined;
  summary: string | null;
  /** `FAILED`, or `FAILED rejectMessage`; undefined when there is none. */
  workflow: string | undefined;
}

/** Makes the threat of a row happen. */
export type Threat = (site: Site) => Promise<Seen[]>;

/** Which topics a message is written to: those of the agent without a mapping file, or of the one with one. */
type Topic = 'runs' | 'change.log' | 'mapped';

/** To names below `.test` the agent's own resolver gives these addresses. */
const NAMES = { 'metadata.test': '169.254.169.254', 'inside.test': '127.0.0.1' };

/** One of them holds what a mapping reads out of the message, and the other grows with it. */
const MAPPINGS = [
  {
    enabled: '.payload.action.identifier == "threat_time"',
    body: '[range(.payload.properties.size)] | length',
  },
  {
    enabled: '.payload.action.identifier == "threat_memory"',
    body: '[range(.payload.properties.size) | "x" * 1000]',
  },
];

export class Site {
  readonly agents: Child[] = [];
  private count = 0;

  private constructor(
    readonly house: House,
    private readonly producer: Producer,
  ) {}

  /** With an agent that has a policy, and one that has mappings and topics of its own. */
  static async open(folder: string): Promise<Site> {
    const house = await startHouse({ CALL_RETRY_WINDOW_SECONDS: '1', WEBHOOK_INVOKER_TIMEOUT: '8' });
    const kafka = new Kafka({ brokers: house.kafka.plaintextBrokers, logLevel: logLevel.NOTHING });
    const topics = ['mapped', 'mapped.changes'].map((name) => `${house.orgId}.${name}`);
    await house.kafka.createTopics(topics.map((name) => ({ name, partitions: 3 })));
    const producer = kafka.producer();
    await producer.connect();
    const site = new Site(house, producer);
    const policy = await policyOf(house, folder);
    const mapped = await mappedOf(house, folder);
    site.agents.push(
      ...(await Promise.all([policy, mapped].map((environment) => house.agent('both', environment)))),
    );
    // Without a good signature, bad ones would be taken for a wrong secret of ours.
    for (const topic of ['runs', 'mapped'] as const) {
      const run = await site.run(`${house.service.url}/ok`);
      await site.publish(site.sign(site.messageOf(run)), topic);
    }
    return site;
  }

  async close(): Promise<void> {
    await this.producer.disconnect();
    await this.house.close();
  }

  /** A run that Port has and has published to nobody; its action is `threat_<n>`, unless it is named. */
  async run(url: string, more: object = {}, identifier = `threat_${++this.count}`): Promise<Run> {
    const { port } = this.house;
    const invocationMethod = {
      type: 'WEBHOOK',
      url,
      agent: false,
      synchronized: true,
      method: 'POST',
      ...more,
    };
    port.actions.set(identifier, {
      identifier,
      trigger: { type: 'self-service', operation: 'CREATE' },
      invocationMethod: invocationMethod as InvocationMethod,
    });
    return port.run(await port.trigger(identifier));
  }

  /** The message of a run as Port would write it, for an agent and unsigned. */
  messageOf({ invocation }: Run, method: object = {}): Message {
    return buildRunMessage({
      ...invocation,
      method: { ...invocation.method, agent: true, ...method } as never,
    });
  }

  /** As Port signs, unless with another secret. */
  sign(message: Message, secret = this.house.environment['PORT_CLIENT_SECRET'] ?? ''): Message {
    return signMessage(message, secret, Math.floor(Date.now() / 1000), 'WEBHOOK');
  }

  /** Writes a record, always into the same partition; its name in the agent's log. */
  async publish(value: Message | string, name: Topic = 'runs'): Promise<string> {
    const topic = `${this.house.orgId}.${name}`;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const [sent] = await this.producer.send({
      topic,
      // As a broker takes no larger batch than a megabyte.
      compression: CompressionTypes.GZIP,
      messages: [{ value: text, partition: 0 }],
    });
    return `${topic}/0/${sent?.baseOffset}`;
  }

  /** What becomes of a record that is written: waits until the agent has decided on it, and done what follows. */
  async outcomeOf(record: string, runId: string): Promise<Seen> {
    const entry = await this.decisionOn(record);
    const workflowId = entry.workflowId ?? entry.runId;
    if (workflowId !== undefined) await this.house.closed(workflowId);
    return this.seen(runId, workflowId);
  }

  /** What becomes of a run that Port signs, and that asks for this. */
  async signed(url: string, method: object = {}): Promise<Seen> {
    const run = await this.run(url);
    const record = await this.publish(this.sign(this.messageOf(run, method)));
    return this.outcomeOf(record, run.id);
  }

  async seen(runId: string, workflowId: string | undefined): Promise<Seen> {
    const run = this.house.port.runs.get(runId);
    const described = await this.house.client.workflow
      .getHandle(workflowId ?? runId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
    const type = described?.type === 'rejectMessage' ? ' rejectMessage' : '';
    return {
      calls: this.callsOf(runId, workflowId),
      status: run?.status,
      summary: run?.summary ?? null,
      workflow: described && `${described.status.name}${type}`,
    };
  }

  /** By the keys that the agent sends along; a change goes by its workflow's id. */
  callsOf(...ids: (string | undefined)[]): number {
    const journal = [this.house.service, this.house.gitlab].flatMap((target) => target.journal);
    return journal.filter(({ headers }) => ids.includes(String(headers['idempotency-key']))).length;
  }

  /** Everything that the agents have written, line by line. */
  lines(): string[] {
    return this.house.logs.map(({ line }) => line);
  }

  private async decisionOn(record: string): Promise<{ runId?: string; workflowId?: string }> {
    let line: string | undefined;
    await until(`${record} is decided on`, () => {
      line = this.lines().find((text) => text.includes(`"record":${JSON.stringify(record)}`));
      return line !== undefined;
    });
    return JSON.parse(line ?? '') as { runId?: string; workflowId?: string };
  }
}

/** The environment of the agent whose policy is tried; what is not for an agent is told at this level only. */
async function policyOf(house: House, folder: string): Promise<Record<string, string>> {
  const targets = [house.service, house.gitlab].map(({ port }) => `127.0.0.1:${port}`);
  const resolver = join(folder, 'resolver.cjs');
  await writeFile(resolver, RESOLVER);
  return {
    LOG_LEVEL: 'DEBUG',
    ALLOWED_ACTIONS: 'threat*,change/listed',
    ALLOWED_METHODS: 'GET,POST,PUT',
    ALLOWED_TARGETS: [...targets, `inside.test:${house.service.port}`, 'metadata.test'].join(','),
    NODE_OPTIONS: `--require ${resolver}`,
  };
}

/** As the name server of whoever owns a name would answer. */
const RESOLVER = `
  const { promises } = require('node:dns');
  const names = ${JSON.stringify(NAMES)};
  const { lookup } = promises;
  promises.lookup = (host, options) =>
    names[host] ? Promise.resolve([{ address: names[host], family: 4 }]) : lookup(host, options);
  require('node:module').syncBuiltinESMExports();
`;

async function mappedOf(house: House, folder: string): Promise<Record<string, string>> {
  const file = join(folder, 'mappings.json');
  const url = '.payload.action.invocationMethod.url';
  const others = { enabled: '.payload.properties.size == null', url };
  await writeFile(file, JSON.stringify([...MAPPINGS.map((mapping) => ({ url, ...mapping })), others]));
  return {
    CONTROL_THE_PAYLOAD_CONFIG_PATH: file,
    KAFKA_RUNS_TOPIC: `${house.orgId}.mapped`,
    KAFKA_CHANGE_LOG_TOPIC: `${house.orgId}.mapped.changes`,
    KAFKA_CONSUMER_GROUP_ID: `${house.orgId}.mapped`,
  };
}
