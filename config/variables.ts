/**
 * Every environment variable the agent reads, once: its kind, default, meaning.
 *
 * Types, start-up checks, `--help` and the README's table all come from here. Names and defaults of the
 * first five groups are those of the agent it replaces; where a default differs, `about` says so.
 */
import { z } from 'zod';
import { codecServerVariables } from './codec-server-variables.js';
import { choice, flag, httpUrl, number, text } from './kinds.js';
import { networkVariables } from './network-variables.js';
import { note, type VariableNotes } from './notes.js';
import { temporalVariables } from './temporal-variables.js';

export const variables = z.object({
  PORT_ORG_ID: note(text(), {
    group: 'Port',
    about: 'Your organization id; the Kafka topics are named after it.',
    remedy: 'copy it from Port under Settings > Organization',
  }),
  PORT_CLIENT_ID: note(text(), {
    group: 'Port',
    about: 'Client id of the organization (not of a person).',
    remedy: 'copy it from Port under Settings > Credentials > Organization',
  }),
  PORT_CLIENT_SECRET: note(text(), {
    group: 'Port',
    secret: true,
    about: 'Client secret of the organization. It also verifies messages and signs webhooks.',
    remedy: 'copy it from Port under Settings > Credentials > Organization',
  }),
  PORT_API_BASE_URL: note(httpUrl().default('https://api.getport.io'), {
    group: 'Port',
    about: "Port's API; `https://api.us.getport.io` for organizations in the US region.",
  }),

  STREAMER_NAME: note(
    choice({
      kafka: 'KAFKA',
      kafkatowebhookstreamer: 'KAFKA',
      kafkatogitlabstreamer: 'KAFKA',
      polling: 'POLLING',
      http: 'POLLING',
      https: 'POLLING',
    }).default('KAFKA'),
    { group: 'Source', about: 'Where runs come from: `KAFKA` or `POLLING`. Old spellings are understood.' },
  ),
  KAFKA_CONSUMER_GROUP_ID: note(text().optional(), {
    group: 'Source',
    about: 'Consumer group: starts with your organization id and a dot. Required with `KAFKA`.',
    remedy: 'choose one that starts with your organization id and a dot, such as <PORT_ORG_ID>.agent',
  }),
  KAFKA_CONSUMER_SECURITY_PROTOCOL: note(
    choice({
      plaintext: 'plaintext',
      ssl: 'ssl',
      sasl_plaintext: 'sasl_plaintext',
      sasl_ssl: 'sasl_ssl',
    }).optional(),
    {
      group: 'Source',
      shownDefault: 'sasl_ssl',
      about:
        '`plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`. With a local Port the default is `plaintext`.',
    },
  ),
  KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: note(
    choice({
      none: 'none',
      plain: 'plain',
      'scram-sha-256': 'scram-sha-256',
      'scram-sha-512': 'scram-sha-512',
    }).optional(),
    {
      group: 'Source',
      shownDefault: 'scram-sha-512',
      about: '`scram-sha-512`, `scram-sha-256`, `plain` or `none`. With a local Port the default is `none`.',
    },
  ),
  KAFKA_CONSUMER_SESSION_TIMEOUT_MS: note(
    number({ min: 1000, max: 3_600_000, whole: true }).default(10_000),
    {
      group: 'Source',
      about:
        "Silence after which Kafka gives a dead ingester's partitions to another (the old default was 45000).",
    },
  ),
  KAFKA_CONSUMER_AUTO_OFFSET_RESET: note(
    choice({
      earliest: 'earliest',
      smallest: 'earliest',
      beginning: 'earliest',
      latest: 'latest',
      largest: 'latest',
      end: 'latest',
    }).default('earliest'),
    { group: 'Source', about: 'Where a new consumer group starts: `earliest` or `latest` (`largest`).' },
  ),
  KAFKA_RUNS_TOPIC: note(text().optional(), {
    group: 'Source',
    shownDefault: '<PORT_ORG_ID>.runs',
    about: 'Topic of the runs.',
  }),
  KAFKA_CHANGE_LOG_TOPIC: note(text().optional(), {
    group: 'Source',
    shownDefault: '<PORT_ORG_ID>.change.log',
    about: 'Topic of the change log.',
  }),
  USING_LOCAL_PORT_INSTANCE: note(flag().default(false), {
    group: 'Source',
    about: "For development: brokers come from the next variable instead of Port's API.",
  }),
  KAFKA_CONSUMER_BOOTSTRAP_SERVERS: note(text().optional(), {
    group: 'Source',
    about: 'Brokers as `host:port,host:port`; only with `USING_LOCAL_PORT_INSTANCE=true`.',
  }),
  POLLING_INTERVAL_SECONDS: note(number().default(10), {
    group: 'Source',
    about: 'Seconds between two polls.',
  }),
  POLLING_RUNS_BATCH_SIZE: note(number({ min: 1, max: 1000, whole: true }).default(100), {
    group: 'Source',
    about: 'Runs claimed in one poll.',
  }),
  POLLING_VISIBILITY_TIMEOUT_SECONDS: note(number({ min: 1, max: 600 }).default(60), {
    group: 'Source',
    about: 'How long a claimed run is hidden from other agents: Temporal must have it by then.',
  }),
  POLLING_INITIAL_BACKOFF_SECONDS: note(number().default(1), {
    group: 'Source',
    about: 'Wait after the first failed poll.',
  }),
  POLLING_BACKOFF_FACTOR: note(number({ min: 1 }).default(2), {
    group: 'Source',
    about: 'How much longer each further wait is.',
  }),
  POLLING_MAX_BACKOFF_SECONDS: note(number().default(300), {
    group: 'Source',
    about: 'Longest wait between failed polls.',
  }),
  POLLING_BACKOFF_JITTER_FACTOR: note(number({ max: 1 }).default(0.1), {
    group: 'Source',
    about: 'Random share added to a wait.',
  }),
  POLLING_MAX_FAILURE_DURATION_SECONDS: note(number().default(3600), {
    group: 'Source',
    about: 'Failing polls for so long are reported as unhealthy.',
  }),

  CONTROL_THE_PAYLOAD_CONFIG_PATH: note(text().optional(), {
    group: 'Calls',
    shownDefault: './control_the_payload_config.json',
    about: 'File with the payload mappings; without one, the built-in behaviour.',
  }),
  PORT_AGENT_PRIVATE_KEY: note(text().optional(), {
    group: 'Calls',
    secret: true,
    about: 'RSA private key for inputs that are encrypted on the client side: the PEM text, or its file.',
  }),
  UNDECRYPTED_INPUTS: note(choice({ fail: 'fail', send: 'send' }).default('fail'), {
    group: 'Calls',
    about:
      "An input that can't be decrypted: `fail` ends the run, `send` sends the ciphertext, as the old agent did.",
  }),
  WEBHOOK_INVOKER_TIMEOUT: note(number({ min: 0.001, max: 86_400 }).default(30), {
    group: 'Calls',
    about: 'Seconds for one call, from connecting to the last byte of the answer.',
  }),
  WEBHOOK_VERIFY_SSL: note(flag().default(true), {
    group: 'Calls',
    about: "`false` accepts any certificate of a target, GitLab included. Port's API stays verified.",
  }),
  CALL_RETRY_WINDOW_SECONDS: note(number({ max: 86_400 }).default(600), {
    group: 'Calls',
    about: 'How long a call that was provably not sent is tried again.',
  }),
  WEBHOOK_RETRY_AMBIGUOUS: note(flag().default(false), {
    group: 'Calls',
    about:
      '`true` also repeats webhooks that may have arrived; for receivers that act once per `Idempotency-Key`.',
  }),
  RUN_MAX_WAIT_SECONDS: note(number({ min: 60, max: 31_536_000 }).default(86_400), {
    group: 'Calls',
    about: "How long a run waits for a worker, or for GitLab's pipeline rate limit.",
  }),
  WORKER_LOST_AFTER_SECONDS: note(number({ min: 1, max: 3600 }).default(60), {
    group: 'Calls',
    about:
      "So long after a call's deadline its worker is taken for dead, and the run fails; a shorter outage of Temporal costs nothing.",
  }),
  UNMATCHED_RUNS: note(choice({ ignore: 'ignore', fail: 'fail' }).default('ignore'), {
    group: 'Calls',
    about:
      '`fail` ends runs that no mapping matches; for a sole agent. `ignore` leaves them to other agents.',
  }),
  DETAILED_LOGGING: note(flag().default(true), {
    group: 'Calls',
    about: "Whether the targets' answers appear in Port's run logs and summaries.",
  }),

  GITLAB_URL: note(httpUrl().default('https://gitlab.com'), {
    group: 'GitLab',
    shownDefault: 'https://gitlab.com/',
    about: 'Your GitLab, with or without a slash at the end.',
  }),
  GITLAB_RUNS_WITHOUT_AGENT: note(choice({ ignore: 'ignore', accept: 'accept' }).default('ignore'), {
    group: 'GitLab',
    about: 'GitLab runs that are not marked for an agent: `ignore` them as before, or `accept` them.',
  }),

  ...networkVariables,

  LOG_LEVEL: note(
    choice({
      trace: 'trace',
      debug: 'debug',
      info: 'info',
      warning: 'warn',
      warn: 'warn',
      error: 'error',
      critical: 'fatal',
      fatal: 'fatal',
    }).default('info'),
    { group: 'Process', shownDefault: 'INFO', about: '`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.' },
  ),
  HEALTH_PORT: note(number({ max: 65_535, whole: true }).optional(), {
    group: 'Process',
    about:
      'Port for `/livez` and `/readyz`; without one they are not served. `0` takes a free one, which the log names.',
  }),
  SECRETS_DIR: note(text().optional(), {
    group: 'Process',
    about:
      "Folder whose files are variables, read at start: the file's name is the variable's, whatever its letters, its content the value.",
  }),
  INGEST_CONCURRENT_STARTS: note(number({ min: 1, max: 1000, whole: true }).default(32), {
    group: 'Process',
    about: 'Workflows that one ingester starts at the same time.',
  }),
  WORKER_CONCURRENT_CALLS: note(number({ min: 1, max: 5000, whole: true }).default(200), {
    group: 'Process',
    about: 'Calls and reports that one worker has under way at the same time.',
  }),

  ...temporalVariables,
  ...codecServerVariables,
});

export type VariableName = keyof typeof variables.shape;
export type Variables = z.infer<typeof variables>;

/** Variables of the old agent's documentation that have no effect, then and now. */
export const WITHOUT_EFFECT = [
  'KAFKA_CONSUMER_BROKERS',
  'KAFKA_CONSUMER_USERNAME',
  'KAFKA_CONSUMER_PASSWORD',
];

/** Names that belong to the agent itself: no message may use one of them as a trigger token. */
export const OWN_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.keys(variables.shape),
  ...WITHOUT_EFFECT,
]);

/** What is written down about a variable. */
export function notesOf(name: VariableName): VariableNotes {
  return variables.shape[name].meta() as unknown as VariableNotes;
}

/** The default as it is shown to people; undefined when there is none. */
export function defaultOf(name: VariableName): string | undefined {
  const shown = notesOf(name).shownDefault;
  if (shown !== undefined) return shown;
  const parsed = variables.shape[name].safeParse(undefined);
  return parsed.success && parsed.data !== undefined ? String(parsed.data) : undefined;
}
