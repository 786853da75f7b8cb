/** The whole house for one test file: real Temporal and Kafka, the simulators, and the agent's real processes. */
import { randomBytes } from 'node:crypto';
import {
  Client,
  Connection,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { type CodecKeys, readCodecKeys } from '../../config/codec-keys.js';
import { type AgentOptions, type Role, startAgent } from '../../local/agent.js';
import type { Child } from '../../local/parts/child.js';
import type { GitlabProject } from '../../local/simulators/gitlab.js';
import type { ActionDefinition } from '../../local/simulators/port.js';
import { addActions, startParts, startWorld, type World } from '../../local/stack.js';
import { dataConverterOf } from '../../temporal/data-converter.js';

type Parts = Awaited<ReturnType<typeof startParts>>;

export interface House extends World, Pick<Parts, 'temporal' | 'kafka'> {
  orgId: string;
  client: Client;
  /** Set if the environment encrypts histories. */
  codecKeys?: CodecKeys;
  /** Starts one of the agent's processes; it is stopped with the house at the latest. */
  agent(
    role: Role,
    environment?: Record<string, string>,
    options?: Pick<AgentOptions, 'waitUntilReady' | 'build'>,
  ): Promise<Child>;
  /** Everything that the agent's processes have logged. */
  logs: { whom: string; line: string }[];
  /** Publishes a run as Port does, and waits until its workflow has closed. */
  carryOut(action: string, how?: Parameters<World['port']['trigger']>[1]): Promise<ClosedRun>;
  /** Keeps the target of the action `held` from answering, until the function returned is called. */
  hold(): () => void;
  /** Waits until the workflow of a run has closed. */
  closed(runId: string): Promise<ClosedRun>;
  /** The attempt that the activity under way is at; 0 when there is none. */
  attemptOf(runId: string): Promise<number>;
}

export interface ClosedRun {
  runId: string;
  workflow: WorkflowExecutionDescription;
  /** The sentence that a failed workflow ended with. */
  failure: string | undefined;
}

export const PROJECT: GitlabProject = {
  path: 'platform/sub-group/infra',
  refs: ['main'],
  tags: ['v1'],
  triggerTokens: [{ token: 'glptt-infra', owner: 'bot', role: 'maintainer' }],
};

const CLOSE_TIMEOUT_MS = 120_000;

export interface HouseOptions {
  /** Runs wait in Port to be claimed. */
  polling?: boolean;
  /** Beside `PROJECT`. */
  projects?: GitlabProject[];
  /** Where Temporal keeps its state, so that it can be killed and started again; in memory when left out. */
  temporalDb?: string;
}

export async function startHouse(
  environment: Record<string, string> = {},
  { projects = [], temporalDb, ...options }: HouseOptions = {},
): Promise<House> {
  const orgId = `org_${randomBytes(6).toString('hex')}`;
  const topics = ['runs', 'change.log'].map((name) => ({ name: `${orgId}.${name}`, partitions: 3 }));
  const stored = temporalDb === undefined ? {} : { dbFilename: temporalDb };
  const parts = await startParts({ username: orgId, topics }, {}, () => {}, stored);
  const world = await startWorld({
    ...parts,
    ...options,
    orgId,
    projects: [PROJECT, ...projects],
    environment: { 'platform_sub-group_infra': 'glptt-infra', ...environment },
  });
  addActions(world.port, actions(world.service.url));
  const connection = await Connection.connect({ address: parts.temporal.address });
  const codec = codecOf(environment);
  const dataConverter = dataConverterOf(codec);
  const client = new Client({ connection, namespace: parts.temporal.namespace, dataConverter });
  const agents: Child[] = [];
  const logs: House['logs'] = [];

  const closed = async (runId: string): Promise<ClosedRun> => {
    const handle = client.workflow.getHandle(runId);
    const failure = await untilClosed(client, runId);
    return { runId, workflow: await handle.describe(), failure };
  };
  return {
    ...world,
    ...parts,
    orgId,
    client,
    ...codec,
    logs,
    closed,
    hold() {
      let letGo = () => {};
      const until = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const takeBack = world.service.inject({ kind: 'holdBefore', path: /^\/ok\/held$/, until });
      return () => {
        takeBack();
        letGo();
      };
    },
    async attemptOf(runId) {
      const described = await client.workflow
        .getHandle(runId)
        .describe()
        .catch(() => undefined);
      return described?.raw.pendingActivities?.[0]?.attempt ?? 0;
    },
    async agent(role, more = {}, options = {}) {
      const environment = { ...world.environment, ...more };
      const onLine = (line: string) => void logs.push({ whom: role, line });
      const child = await startAgent(role, { environment, onLine, ...options });
      agents.push(child);
      return child;
    },
    async carryOut(action, how) {
      return closed(await world.port.trigger(action, how));
    },
    async close() {
      await Promise.all(agents.map((agent) => agent.stop(5000)));
      await connection.close();
      await world.close();
      await parts.stop();
    },
  };
}

/** The keys of this environment, as the agent reads them. */
function codecOf({ CODEC_KEYS }: Record<string, string>): { codecKeys?: CodecKeys } {
  if (CODEC_KEYS === undefined) return {};
  const read = readCodecKeys(CODEC_KEYS);
  if ('problems' in read) throw new Error(read.problems.join('; '));
  return { codecKeys: read.keys };
}

/** Follows a workflow that may not have started yet; resolves with what it failed with, if it did. */
async function untilClosed(client: Client, workflowId: string): Promise<string | undefined> {
  for (const deadline = Date.now() + CLOSE_TIMEOUT_MS; ; ) {
    try {
      await client.connection.withDeadline(deadline, () => client.workflow.getHandle(workflowId).result());
      return undefined;
    } catch (error) {
      if ((error as Error).name === 'WorkflowFailedError') return ((error as Error).cause as Error).message;
      if (!(error instanceof WorkflowNotFoundError) || Date.now() > deadline) throw error;
    }
  }
}

/** Waits until `isTrue`, asking again and again; fails after `timeoutMs` with what was waited for. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await isTrue()); ) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** One action for each way a run can be carried out; their identifiers are what tests call them by. */
function actions(serviceUrl: string): ActionDefinition[] {
  const [groupName, projectName] = ['platform/sub-group', 'infra'];
  const inputs = {
    properties: {
      service: { type: 'string' },
      replicas: { type: 'number' },
      tags: { type: 'array' },
      ref: { type: 'string' },
    },
  };
  const selfService = { type: 'self-service', operation: 'CREATE', userInputs: inputs } as const;
  const webhook = (identifier: string, path: string, synchronized: boolean): ActionDefinition => ({
    identifier,
    trigger: selfService,
    invocationMethod: {
      type: 'WEBHOOK',
      url: `${serviceUrl}${path}`,
      agent: true,
      synchronized,
      method: 'POST',
      headers: { 'X-Team': 'platform' },
      body: { '{{ spreadValue() }}': '{{ .inputs }}', port_context: { runId: '{{ .run.id }}' } },
    },
  });
  return [
    {
      identifier: 'pipeline',
      trigger: selfService,
      invocationMethod: { type: 'GITLAB', groupName, projectName },
    },
    {
      identifier: 'pipeline_variables',
      trigger: selfService,
      invocationMethod: {
        type: 'GITLAB',
        groupName,
        projectName,
        defaultRef: 'v1',
        pipelineVariables: { SERVICE: '{{ .inputs.service }}', TAGS: '{{ .inputs.tags }}' },
      },
    },
    {
      identifier: 'automation',
      trigger: { type: 'automation' },
      invocationMethod: { type: 'GITLAB', groupName, projectName },
    },
    {
      identifier: 'no_token',
      trigger: selfService,
      invocationMethod: { type: 'GITLAB', groupName: 'data', projectName: 'lake' },
    },
    webhook('sync', '/ok', true),
    webhook('async', '/accepted', false),
    webhook('broken', '/status/500', true),
    webhook('slow', '/slow/3000', true),
    webhook('held', '/ok/held', true),
  ];
}
