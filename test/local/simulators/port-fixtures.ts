/** A simulator of Port for one test, with a few actions, a token, and everything it published. */
import { randomUUID } from 'node:crypto';
import {
  type ActionDefinition,
  type PortSimulator,
  type PortSimulatorOptions,
  startPortSimulator,
} from '../../../local/simulators/port.js';
import { type Answer, ask } from './port-contract.js';

export const CLIENT_SECRET = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ';

export const WEBHOOK: ActionDefinition = {
  identifier: 'deploy_service',
  title: 'Deploy a service',
  trigger: {
    type: 'self-service',
    operation: 'CREATE',
    blueprintIdentifier: 'service',
    userInputs: { properties: { region: { type: 'string' } }, required: ['region'] },
  },
  invocationMethod: {
    type: 'WEBHOOK',
    url: 'https://deploy.internal/hook',
    agent: true,
    synchronized: false,
    method: 'POST',
    headers: { RUN_ID: '{{ .run.id }}' },
    body: { '{{ spreadValue() }}': '{{ .inputs }}', port_context: { runId: '{{ .run.id }}' } },
  },
};

export const SYNCHRONIZED: ActionDefinition = {
  identifier: 'ask_service',
  trigger: { type: 'self-service', operation: 'DAY-2', blueprintIdentifier: 'service' },
  invocationMethod: { type: 'WEBHOOK', url: 'https://ask.internal', agent: 'true', synchronized: 'true' },
};

export const GITLAB: ActionDefinition = {
  identifier: 'create_bucket',
  trigger: { type: 'self-service', operation: 'CREATE' },
  invocationMethod: {
    type: 'GITLAB',
    groupName: 'platform/infra',
    projectName: 'buckets',
    defaultRef: 'main',
    pipelineVariables: { NAME: '{{ .inputs.name }}', TAGS: '{{ .inputs.tags }}' },
  },
};

export const AUTOMATION: ActionDefinition = {
  identifier: 'on_service_change',
  trigger: { type: 'automation', event: { type: 'ENTITY_UPDATED', blueprintIdentifier: 'service' } },
  invocationMethod: {
    type: 'WEBHOOK',
    url: 'https://automation.internal',
    agent: true,
    body: { changed: '{{ .event.context.entityIdentifier }}' },
  },
};

export interface PortUnderTest {
  port: PortSimulator;
  published: { topic: string; value: string; key?: string | undefined }[];
  /** The last message published, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: a message is what the test says it is.
  message(): any;
  send(method: string, pathAndQuery: string, body?: unknown): Promise<Answer>;
  /** Moves the simulator's clock, which stands still otherwise. */
  advance(ms: number): void;
}

const open: PortSimulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((port) => port.close()));
});

/** Starts a simulator that publishes into an array (`kafka: false`: whose runs wait to be claimed). */
export async function startPort(
  overrides: Partial<PortSimulatorOptions> = {},
  { kafka = true } = {},
): Promise<PortUnderTest> {
  const published: PortUnderTest['published'] = [];
  let clock = Date.parse('2026-11-21T12:00:00Z');
  const port = await startPortSimulator({
    orgId: `org_${randomUUID().slice(0, 8)}`,
    clientId: 'client',
    clientSecret: CLIENT_SECRET,
    actions: [WEBHOOK, SYNCHRONIZED, GITLAB, AUTOMATION],
    now: () => clock,
    ...(kafka && {
      publish: async (topic: string, value: string, key?: string) => {
        published.push({ topic, value, key });
      },
    }),
    ...overrides,
  });
  open.push(port);
  const credentials = { clientId: 'client', clientSecret: CLIENT_SECRET };
  const { body } = await ask(port.url, 'POST', '/v1/auth/access_token', { body: credentials });
  return {
    port,
    published,
    message: () => JSON.parse(published.at(-1)?.value ?? 'null'),
    send: (method, pathAndQuery, content) =>
      ask(port.url, method, pathAndQuery, { token: body.accessToken, body: content }),
    advance: (ms) => {
      clock += ms;
    },
  };
}
