/**
 * Reads the environment once and hands on a settled configuration, or says everything that is wrong with it.
 */
import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { NetworkSettings } from '../http/network.js';
import { type CodecKeys, describeEncryption, readCodecKeys } from './codec-keys.js';
import { describePolicy, type LocalPolicy } from './local-policy.js';
import { settleNetwork } from './network.js';
import { type PrivateKey, readPrivateKey } from './private-key.js';
import { withSecretsDir } from './secrets-dir.js';
import { readTemporalProxy, type TemporalProxy } from './temporal-proxy.js';
import { notesOf, type VariableName, type Variables, variables, WITHOUT_EFFECT } from './variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Config {
  port: { orgId: string; clientId: string; clientSecret: string; apiUrl: string };
  source: Variables['STREAMER_NAME'];
  polling: {
    intervalMs: number;
    batchSize: number;
    /** So long a claimed run is hidden from other agents. */
    visibilityTimeoutMs: number;
    initialBackoffMs: number;
    backoffFactor: number;
    maxBackoffMs: number;
    jitterFactor: number;
    /** Failing for longer is unhealthy. */
    maxFailureMs: number;
  };
  kafka: {
    groupId: string;
    securityProtocol: 'plaintext' | 'ssl' | 'sasl_plaintext' | 'sasl_ssl';
    mechanism: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512';
    sessionTimeoutMs: number;
    startFrom: 'earliest' | 'latest';
    runsTopic: string;
    changeLogTopic: string;
    /** Set for a local Port only; otherwise Port's API names the brokers. */
    brokers?: string[];
  };
  calls: {
    timeoutMs: number;
    verifyTls: boolean;
    retryWindowMs: number;
    retryAmbiguous: boolean;
    maxWaitMs: number;
    workerLostAfterMs: number;
    detailedLogging: boolean;
    gitlabUrl: string;
    gitlabWithoutAgent: 'ignore' | 'accept';
    unmatchedRuns: 'ignore' | 'fail';
    undecryptedInputs: 'fail' | 'send';
  };
  /** Left out: the built-in behaviour. */
  mappingFile?: string;
  /** For inputs that are encrypted on the client side. */
  privateKey?: KeyObject;
  network: NetworkSettings;
  policy: LocalPolicy;
  temporal: {
    taskQueue: string;
    uiUrl?: string;
    proxy?: TemporalProxy;
    /** Left out: the worker has no version. */
    version?: { deploymentName: string; buildId: string };
    /** Left out: histories are not encrypted. */
    codecKeys?: CodecKeys;
  };
  logLevel: Variables['LOG_LEVEL'];
  /** Left out: health is not served. 0: a free port. */
  healthPort?: number;
  concurrentStarts: number;
  concurrentCalls: number;
  /** The whole environment at start, files of `SECRETS_DIR` included: trigger tokens and `TEMPORAL_*` are looked up in it. */
  environment: Environment;
  /** How calls leave this network, as settled: for the log, without secrets. */
  notices: string[];
  /** Things that work, yet are probably not what was meant. */
  warnings: string[];
}

/** Everything that is wrong with the environment, one line each, without any value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  constructor(readonly problems: string[]) {
    const count = problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`;
    super(`The configuration has ${count}:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
  }
}

const DEFAULT_MAPPING_FILE = 'control_the_payload_config.json';

/**
 * Settles the configuration from variables and the files of `SECRETS_DIR`. An empty variable counts as not set.
 *
 * @throws ConfigurationError naming every mistake at once, with its remedy.
 */
export function loadConfig(processEnvironment: Environment): Config {
  const { environment, problems: unread } = withSecretsDir(processEnvironment);
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const parsed = variables.safeParse(given);
  const { network, ...found } = settleNetwork(environment);
  // Rules that span variables are checked as well, on what could be read, so that no mistake waits for its turn.
  const problems = [
    ...unread,
    ...(parsed.error?.issues ?? []).map((i) => problem(i.path[0] as VariableName, i, given)),
    ...mistakes(given),
    ...emptied(environment),
    ...found.problems,
  ];
  if (!parsed.success || !network || problems.length > 0) throw new ConfigurationError(problems);
  const config = settle(parsed.data, environment, given, network);
  const notices = [
    ...found.notices,
    ...describePolicy(config.policy),
    describeEncryption(config.temporal.codecKeys),
  ];
  return { ...config, notices, warnings: [...config.warnings, ...found.warnings] };
}

function settle(
  values: Variables,
  environment: Environment,
  given: Environment,
  network: NetworkSettings,
): Omit<Config, 'notices'> {
  const local = values.USING_LOCAL_PORT_INSTANCE;
  const groupId = values.KAFKA_CONSUMER_GROUP_ID ?? values.PORT_ORG_ID;
  const mappingFile = mappingFileOf(values);
  const privateKey = readKey(given);
  const proxy = readTemporalProxy(given);
  const codec = readCodec(given);
  return {
    port: {
      orgId: values.PORT_ORG_ID,
      clientId: values.PORT_CLIENT_ID,
      clientSecret: values.PORT_CLIENT_SECRET,
      apiUrl: values.PORT_API_BASE_URL,
    },
    source: values.STREAMER_NAME,
    polling: {
      intervalMs: values.POLLING_INTERVAL_SECONDS * 1000,
      batchSize: values.POLLING_RUNS_BATCH_SIZE,
      visibilityTimeoutMs: values.POLLING_VISIBILITY_TIMEOUT_SECONDS * 1000,
      initialBackoffMs: values.POLLING_INITIAL_BACKOFF_SECONDS * 1000,
      backoffFactor: values.POLLING_BACKOFF_FACTOR,
      maxBackoffMs: values.POLLING_MAX_BACKOFF_SECONDS * 1000,
      jitterFactor: values.POLLING_BACKOFF_JITTER_FACTOR,
      maxFailureMs: values.POLLING_MAX_FAILURE_DURATION_SECONDS * 1000,
    },
    kafka: {
      groupId,
      securityProtocol: values.KAFKA_CONSUMER_SECURITY_PROTOCOL ?? (local ? 'plaintext' : 'sasl_ssl'),
      mechanism: values.KAFKA_CONSUMER_AUTHENTICATION_MECHANISM ?? (local ? 'none' : 'scram-sha-512'),
      sessionTimeoutMs: values.KAFKA_CONSUMER_SESSION_TIMEOUT_MS,
      startFrom: values.KAFKA_CONSUMER_AUTO_OFFSET_RESET,
      runsTopic: values.KAFKA_RUNS_TOPIC ?? `${values.PORT_ORG_ID}.runs`,
      changeLogTopic: values.KAFKA_CHANGE_LOG_TOPIC ?? `${values.PORT_ORG_ID}.change.log`,
      ...(local && {
        brokers: brokersOf(values.KAFKA_CONSUMER_BOOTSTRAP_SERVERS),
      }),
    },
    calls: {
      timeoutMs: values.WEBHOOK_INVOKER_TIMEOUT * 1000,
      verifyTls: values.WEBHOOK_VERIFY_SSL,
      retryWindowMs: values.CALL_RETRY_WINDOW_SECONDS * 1000,
      retryAmbiguous: values.WEBHOOK_RETRY_AMBIGUOUS,
      maxWaitMs: values.RUN_MAX_WAIT_SECONDS * 1000,
      workerLostAfterMs: values.WORKER_LOST_AFTER_SECONDS * 1000,
      detailedLogging: values.DETAILED_LOGGING,
      gitlabUrl: values.GITLAB_URL,
      gitlabWithoutAgent: values.GITLAB_RUNS_WITHOUT_AGENT,
      unmatchedRuns: values.UNMATCHED_RUNS,
      undecryptedInputs: values.UNDECRYPTED_INPUTS,
    },
    network,
    policy: {
      ...(values.ALLOWED_ACTIONS && { actions: values.ALLOWED_ACTIONS }),
      ...(values.ALLOWED_METHODS && { methods: values.ALLOWED_METHODS }),
    },
    ...(mappingFile !== undefined && { mappingFile }),
    ...(privateKey && 'key' in privateKey && { privateKey: privateKey.key }),
    temporal: {
      taskQueue: values.TEMPORAL_TASK_QUEUE ?? groupId,
      ...(values.TEMPORAL_UI_URL && { uiUrl: values.TEMPORAL_UI_URL }),
      ...(proxy && 'proxy' in proxy && { proxy: proxy.proxy }),
      ...(codec && 'keys' in codec && { codecKeys: codec.keys }),
      ...(values.TEMPORAL_DEPLOYMENT_NAME &&
        values.TEMPORAL_WORKER_BUILD_ID && {
          version: {
            deploymentName: values.TEMPORAL_DEPLOYMENT_NAME,
            buildId: values.TEMPORAL_WORKER_BUILD_ID,
          },
        }),
    },
    logLevel: values.LOG_LEVEL,
    ...(values.HEALTH_PORT !== undefined && { healthPort: values.HEALTH_PORT }),
    concurrentStarts: values.INGEST_CONCURRENT_STARTS,
    concurrentCalls: values.WORKER_CONCURRENT_CALLS,
    // Temporal's SDK knows no spelling of true but these two, and would connect in plain text.
    environment: { ...environment, ...(values.TEMPORAL_TLS && { TEMPORAL_TLS: 'true' }) },
    warnings: warnings(values, given),
  };
}

function brokersOf(list: string | undefined): string[] {
  return (list ?? '').split(',').flatMap((broker) => broker.trim() || []);
}

/** The mapping file: as configured, else the usual one where it exists. */
function mappingFileOf(values: Variables): string | undefined {
  return (
    values.CONTROL_THE_PAYLOAD_CONFIG_PATH ??
    (existsSync(DEFAULT_MAPPING_FILE) ? DEFAULT_MAPPING_FILE : undefined)
  );
}

function readKey(given: Environment): PrivateKey | undefined {
  const value = given['PORT_AGENT_PRIVATE_KEY'];
  return value === undefined ? undefined : readPrivateKey(value);
}

function readCodec(given: Environment): ReturnType<typeof readCodecKeys> | undefined {
  const value = given['CODEC_KEYS'];
  return value === undefined ? undefined : readCodecKeys(value);
}

function problem(name: VariableName, issue: { message: string }, given: Environment): string {
  if (given[name] !== undefined) return `${name} ${issue.message}`;
  const remedy = notesOf(name).remedy;
  return `${name} is missing${remedy ? `: ${remedy}` : ''}`;
}

/** A secret that came out empty must not leave histories readable in silence. */
function emptied({ CODEC_KEYS }: Environment): string[] {
  return CODEC_KEYS?.trim() === ''
    ? ['CODEC_KEYS is set and empty; give it a key, or leave it out and histories are not encrypted']
    : [];
}

/** The rules that span more than one variable. */
function mistakes(given: Environment): string[] {
  const problems: string[] = [];
  const polling = variables.shape.STREAMER_NAME.safeParse(given['STREAMER_NAME']).data === 'POLLING';
  const local =
    variables.shape.USING_LOCAL_PORT_INSTANCE.safeParse(given['USING_LOCAL_PORT_INSTANCE']).data === true;
  if (!polling && !given['KAFKA_CONSUMER_GROUP_ID']) {
    problems.push(`KAFKA_CONSUMER_GROUP_ID is missing: ${notesOf('KAFKA_CONSUMER_GROUP_ID').remedy}`);
  }
  if (given['KAFKA_CONSUMER_BOOTSTRAP_SERVERS'] && !local) {
    problems.push(
      "KAFKA_CONSUMER_BOOTSTRAP_SERVERS is only for development with USING_LOCAL_PORT_INSTANCE=true; remove it: the brokers come from Port's API",
    );
  }
  if (local && brokersOf(given['KAFKA_CONSUMER_BOOTSTRAP_SERVERS']).length === 0) {
    problems.push(
      'KAFKA_CONSUMER_BOOTSTRAP_SERVERS is missing: with USING_LOCAL_PORT_INSTANCE=true, set it to host:port of your Kafka',
    );
  }
  const privateKey = readKey(given);
  if (privateKey && 'problem' in privateKey) problems.push(`PORT_AGENT_PRIVATE_KEY ${privateKey.problem}`);
  const proxy = readTemporalProxy(given);
  if (proxy && 'problem' in proxy) problems.push(`TEMPORAL_HTTP_PROXY ${proxy.problem}`);
  const codec = readCodec(given);
  if (codec && 'problems' in codec) problems.push(...codec.problems.map((text) => `CODEC_KEYS ${text}`));
  const version = ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'];
  const unset = version.filter((name) => !given[name]);
  if (unset.length === 1)
    problems.push(
      `${unset[0]} is missing: a worker's version needs ${version.join(' and ')}; set both or none`,
    );
  return problems;
}

function warnings(values: Variables, given: Environment): string[] {
  const found = WITHOUT_EFFECT.filter((name) => given[name]).map(
    (name) => `${name} has no effect: brokers and credentials come from Port's API; remove it`,
  );
  if (!values.WEBHOOK_VERIFY_SSL) {
    found.push(
      "WEBHOOK_VERIFY_SSL=false: anyone between here and a webhook's target can read and change its calls",
    );
  }
  if (given['PORT_BASE_URL'] && !given['PORT_API_BASE_URL']) {
    found.push('PORT_BASE_URL has no effect; the variable is called PORT_API_BASE_URL');
  }
  return found;
}
