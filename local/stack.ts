/**
 * The whole house on this machine: real Temporal and Kafka, simulated Port, GitLab and private service, and
 * what the agent needs to know to work in it.
 */
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { type RunningKafka, startKafka } from './parts/kafka.js';
import type { Progress } from './parts/progress.js';
import { type RunningTemporal, startTemporal, type TemporalOptions } from './parts/temporal.js';
import { type GitlabProject, type GitlabSimulator, startGitlabSimulator } from './simulators/gitlab.js';
import { type ActionDefinition, type PortSimulator, startPortSimulator } from './simulators/port.js';
import { type PrivateService, startPrivateService } from './simulators/private-service.js';

/** Fixed ports; free ones where left out. */
export interface StackPorts {
  temporal?: number;
  ui?: number;
  kafka?: number;
  port?: number;
  gitlab?: number;
  service?: number;
}

export interface World {
  port: PortSimulator;
  gitlab: GitlabSimulator;
  service: PrivateService;
  /** Every message that Port has put on Kafka, in order. */
  published: string[];
  /** The environment that an agent of this organization is started with. */
  environment: Record<string, string>;
  close(): Promise<void>;
}

export interface WorldOptions {
  orgId: string;
  temporal: Pick<RunningTemporal, 'address' | 'uiUrl' | 'namespace'>;
  kafka: RunningKafka;
  projects: GitlabProject[];
  /** Trigger tokens and whatever else the agent is to have. */
  environment?: Record<string, string>;
  ports?: Pick<StackPorts, 'port' | 'gitlab' | 'service'>;
  /** The organization has no Kafka: its runs wait in Port to be claimed. */
  polling?: boolean;
}

/** Temporal and Kafka, side by side. What was started is stopped again when the other fails; both failures are told. */
export async function startParts(
  kafka: { username: string; topics: { name: string; partitions: number }[] },
  ports: StackPorts,
  progress: Progress,
  temporalOptions: Pick<TemporalOptions, 'dbFilename'> = {},
  signal?: AbortSignal,
): Promise<{ temporal: RunningTemporal; kafka: RunningKafka; stop(): Promise<void> }> {
  const [temporal, broker] = await Promise.allSettled([
    startTemporal({
      ...temporalOptions,
      progress,
      ...(signal && { signal }),
      ...(ports.temporal !== undefined && { port: ports.temporal }),
      ...(ports.ui !== undefined && { uiPort: ports.ui }),
    }).then((started) => {
      progress(`Temporal is up: ${started.address}, its UI ${started.uiUrl}`);
      return started;
    }),
    startKafka({
      ...kafka,
      password: randomBytes(12).toString('hex'),
      progress,
      ...(signal && { signal }),
      ...(ports.kafka !== undefined && { ports: { saslSsl: ports.kafka } }),
    }).then((started) => {
      progress(`Kafka is up: ${started.brokers} (SASL_SSL)`);
      return started;
    }),
  ]);
  if (temporal.status === 'fulfilled' && broker.status === 'fulfilled') {
    const parts = { temporal: temporal.value, kafka: broker.value };
    return {
      ...parts,
      stop: async () => void (await Promise.all([parts.temporal.stop(), parts.kafka.stop()])),
    };
  }
  for (const part of [temporal, broker]) if (part.status === 'fulfilled') await part.value.stop();
  const reasons = [temporal, broker].flatMap((part) => (part.status === 'rejected' ? [part.reason] : []));
  throw reasons.length === 1 ? reasons[0] : new Error(reasons.map((reason) => reason.message).join('\n'));
}

/** The simulators of one organization, on parts that run already. What was opened is closed when one fails. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => void (await Promise.all(opened.map((shut) => shut())));
  try {
    return { ...(await openWorld(options, opened)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openWorld(
  options: WorldOptions,
  opened: (() => Promise<unknown>)[],
): Promise<Omit<World, 'close'>> {
  const { orgId, temporal, kafka, ports = {} } = options;
  const clientSecret = randomBytes(24).toString('hex');
  const producer = new Kafka({ brokers: kafka.plaintextBrokers, logLevel: logLevel.NOTHING }).producer();
  opened.push(() => producer.disconnect());
  await producer.connect();
  const published: string[] = [];
  const gitlab = await startGitlabSimulator({ projects: options.projects, ...portOf(ports.gitlab) });
  opened.push(gitlab.close);
  const service = await startPrivateService({ clientSecret, ...portOf(ports.service) });
  opened.push(service.close);
  const port = await startPortSimulator({
    orgId,
    clientId: 'demo-client',
    clientSecret,
    ...(!options.polling && {
      kafka: { brokers: kafka.brokers, username: kafka.username, password: kafka.password },
      publish: async (topic: string, value: string, key?: string) => {
        published.push(value);
        await producer.send({ topic, messages: [{ value, ...(key !== undefined && { key }) }] });
      },
    }),
    ...portOf(ports.port),
  });
  opened.push(port.close);
  return {
    port,
    gitlab,
    service,
    published,
    environment: {
      PORT_ORG_ID: orgId,
      PORT_CLIENT_ID: 'demo-client',
      PORT_CLIENT_SECRET: clientSecret,
      PORT_API_BASE_URL: port.url,
      KAFKA_CONSUMER_GROUP_ID: `${orgId}.agent`,
      KAFKA_CONSUMER_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: 'SCRAM-SHA-512',
      NODE_EXTRA_CA_CERTS: kafka.caFile,
      GITLAB_URL: gitlab.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      ...options.environment,
    },
  };
}

/** Adds actions to Port, as an administrator would. */
export function addActions(port: PortSimulator, actions: ActionDefinition[]): void {
  for (const action of actions) port.actions.set(action.identifier, action);
}

function portOf(port: number | undefined): { port?: number } {
  return port === undefined ? {} : { port };
}
