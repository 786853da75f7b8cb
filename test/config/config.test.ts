import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { type Config, ConfigurationError, type Environment, loadConfig } from '../../config/config.js';
import { notesOf, type VariableName, variables } from '../../config/variables.js';
import { REQUIRED } from './required.js';

const LOCAL = {
  ...REQUIRED,
  USING_LOCAL_PORT_INSTANCE: 'true',
  KAFKA_CONSUMER_BOOTSTRAP_SERVERS: 'localhost:9092',
};

function refusal(environment: Environment): ConfigurationError {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('what comes of the variables', () => {
  test('the required ones are enough, and all else has its default', () => {
    expect(loadConfig(REQUIRED)).toEqual({
      port: {
        orgId: 'org_1',
        clientId: 'client-id',
        clientSecret: 'client-secret',
        apiUrl: 'https://api.getport.io',
      },
      source: 'KAFKA',
      polling: {
        intervalMs: 10_000,
        batchSize: 100,
        visibilityTimeoutMs: 60_000,
        initialBackoffMs: 1000,
        backoffFactor: 2,
        maxBackoffMs: 300_000,
        jitterFactor: 0.1,
        maxFailureMs: 3_600_000,
      },
      kafka: {
        groupId: 'org_1.agent',
        securityProtocol: 'sasl_ssl',
        mechanism: 'scram-sha-512',
        sessionTimeoutMs: 10_000,
        startFrom: 'earliest',
        runsTopic: 'org_1.runs',
        changeLogTopic: 'org_1.change.log',
      },
      calls: {
        timeoutMs: 30_000,
        verifyTls: true,
        retryWindowMs: 600_000,
        retryAmbiguous: false,
        maxWaitMs: 86_400_000,
        workerLostAfterMs: 60_000,
        detailedLogging: true,
        gitlabUrl: 'https://gitlab.com',
        gitlabWithoutAgent: 'ignore',
        unmatchedRuns: 'ignore',
        undecryptedInputs: 'fail',
      },
      temporal: { taskQueue: 'org_1.agent' },
      notices: expect.any(Array) as unknown as string[],
      logLevel: 'info',
      network: expect.objectContaining({ clientCertificates: [] }) as unknown as Config['network'],
      policy: {},
      concurrentStarts: 32,
      concurrentCalls: 200,
      environment: REQUIRED,
      warnings: [],
    });
  });

  const settled: [string, Environment, (config: Config) => unknown, unknown][] = [
    ['seconds become ms', { WEBHOOK_INVOKER_TIMEOUT: '2.5' }, (c) => c.calls.timeoutMs, 2500],
    ['the retry window too', { CALL_RETRY_WINDOW_SECONDS: '90' }, (c) => c.calls.retryWindowMs, 90_000],
    ['the longest wait too', { RUN_MAX_WAIT_SECONDS: '7200' }, (c) => c.calls.maxWaitMs, 7_200_000],
    ['the margin too', { WORKER_LOST_AFTER_SECONDS: '5' }, (c) => c.calls.workerLostAfterMs, 5000],
    ['ms stay ms', { KAFKA_CONSUMER_SESSION_TIMEOUT_MS: '45000' }, (c) => c.kafka.sessionTimeoutMs, 45_000],
    ['certificates may be let pass', { WEBHOOK_VERIFY_SSL: 'no' }, (c) => c.calls.verifyTls, false],
    ['answers may be kept out', { DETAILED_LOGGING: 'off' }, (c) => c.calls.detailedLogging, false],
    [
      'old spellings count',
      { KAFKA_CONSUMER_AUTO_OFFSET_RESET: 'largest' },
      (c) => c.kafka.startFrom,
      'latest',
    ],
    ['a topic may be named', { KAFKA_RUNS_TOPIC: 'mine' }, (c) => c.kafka.runsTopic, 'mine'],
    ['a task queue may be named', { TEMPORAL_TASK_QUEUE: 'mine' }, (c) => c.temporal.taskQueue, 'mine'],
    ['a UI may be named', { TEMPORAL_UI_URL: 'http://ui/' }, (c) => c.temporal.uiUrl, 'http://ui'],
    [
      'GitLab may lie under a path',
      { GITLAB_URL: 'https://h/git/' },
      (c) => c.calls.gitlabUrl,
      'https://h/git',
    ],
    ['Port may lie elsewhere', { PORT_API_BASE_URL: 'https://h/' }, (c) => c.port.apiUrl, 'https://h'],
    [
      'GitLab runs may be accepted',
      { GITLAB_RUNS_WITHOUT_AGENT: 'accept' },
      (c) => c.calls.gitlabWithoutAgent,
      'accept',
    ],
    ['log levels are pino names', { LOG_LEVEL: 'WARNING' }, (c) => c.logLevel, 'warn'],
    ['starts may be fewer', { INGEST_CONCURRENT_STARTS: '3' }, (c) => c.concurrentStarts, 3],
    ['calls may be fewer', { WORKER_CONCURRENT_CALLS: '4' }, (c) => c.concurrentCalls, 4],
    [
      'a secret file’s line break is not a part of the secret',
      { PORT_CLIENT_SECRET: 's\n' },
      (c) => c.port.clientSecret,
      's',
    ],
    [
      'Kafka may be in plain text',
      { KAFKA_CONSUMER_SECURITY_PROTOCOL: 'PLAINTEXT' },
      (c) => c.kafka.securityProtocol,
      'plaintext',
    ],
    [
      'Kafka may ask for no login',
      { KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: 'none' },
      (c) => c.kafka.mechanism,
      'none',
    ],
  ];
  test.each(settled)('%s', (_, environment, field, expected) => {
    expect(field(loadConfig({ ...REQUIRED, ...environment }))).toEqual(expected);
  });

  test.each(['polling', 'POLLING', 'Http', 'https'])(
    'STREAMER_NAME=%s asks for no consumer group',
    (name) => {
      const config = loadConfig({ ...REQUIRED, STREAMER_NAME: name, KAFKA_CONSUMER_GROUP_ID: '' });
      expect(config.source).toBe('POLLING');
      expect(config.temporal.taskQueue).toBe('org_1');
    },
  );

  test("polling's seconds become ms", () => {
    const seconds = {
      POLLING_INTERVAL_SECONDS: '0.5',
      POLLING_VISIBILITY_TIMEOUT_SECONDS: '90',
      POLLING_INITIAL_BACKOFF_SECONDS: '3',
      POLLING_MAX_BACKOFF_SECONDS: '40',
      POLLING_MAX_FAILURE_DURATION_SECONDS: '50',
    };
    expect(loadConfig({ ...REQUIRED, ...seconds }).polling).toMatchObject({
      intervalMs: 500,
      visibilityTimeoutMs: 90_000,
      initialBackoffMs: 3000,
      maxBackoffMs: 40_000,
      maxFailureMs: 50_000,
    });
  });

  test('an empty variable counts as not set, required or not', () => {
    expect(loadConfig({ ...REQUIRED, GITLAB_URL: '', LOG_LEVEL: '  ' }).calls.gitlabUrl).toBe(
      'https://gitlab.com',
    );
    expect(refusal({ ...REQUIRED, PORT_ORG_ID: ' ' }).problems).toEqual([
      'PORT_ORG_ID is missing: copy it from Port under Settings > Organization',
    ]);
  });

  test('a local Port names its brokers, in plain text and without a login', () => {
    const { kafka } = loadConfig({ ...LOCAL, KAFKA_CONSUMER_BOOTSTRAP_SERVERS: 'a:1, b:2,' });
    expect(kafka.brokers).toEqual(['a:1', 'b:2']);
    expect(kafka.securityProtocol).toBe('plaintext');
    expect(kafka.mechanism).toBe('none');
  });

  test('a local Port with a guarded Kafka is taken at its word', () => {
    const { kafka } = loadConfig({
      ...LOCAL,
      KAFKA_CONSUMER_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: 'PLAIN',
    });
    expect(kafka.securityProtocol).toBe('sasl_ssl');
    expect(kafka.mechanism).toBe('plain');
  });

  test('trigger tokens stay in the environment, to be looked up there', () => {
    expect(loadConfig({ ...REQUIRED, group_project: 'glptt' }).environment['group_project']).toBe('glptt');
  });

  // The SDK reads this variable itself, and takes every other spelling for false: a connection in plain text.
  test.each(['true', 'True', 'yes', 'on', '1'])('TEMPORAL_TLS=%s reaches the SDK as true', (spelling) => {
    expect(loadConfig({ ...REQUIRED, TEMPORAL_TLS: spelling }).environment['TEMPORAL_TLS']).toBe('true');
  });

  test('TEMPORAL_TLS=false stays false', () => {
    expect(loadConfig({ ...REQUIRED, TEMPORAL_TLS: 'false' }).environment['TEMPORAL_TLS']).toBe('false');
  });
});

describe('mistakes', () => {
  test('all are told at once, those of several variables too', () => {
    const { problems, message } = refusal({
      PORT_CLIENT_ID: 'id',
      LOG_LEVEL: 'loud',
      GITLAB_URL: 'gitlab',
      KAFKA_CONSUMER_BOOTSTRAP_SERVERS: 'kafka:9092',
    });
    expect(problems).toEqual([
      'PORT_ORG_ID is missing: copy it from Port under Settings > Organization',
      'PORT_CLIENT_SECRET is missing: copy it from Port under Settings > Credentials > Organization',
      'GITLAB_URL is not an address; write it as https://host or http://host',
      'LOG_LEVEL is not one of: trace, debug, info, warn, error, fatal',
      'KAFKA_CONSUMER_GROUP_ID is missing: choose one that starts with your organization id and a dot, such as <PORT_ORG_ID>.agent',
      "KAFKA_CONSUMER_BOOTSTRAP_SERVERS is only for development with USING_LOCAL_PORT_INSTANCE=true; remove it: the brokers come from Port's API",
    ]);
    expect(message).toBe(`The configuration has 6 mistakes:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
  });

  test('a single one is told in the singular', () => {
    expect(refusal({ ...REQUIRED, LOG_LEVEL: 'loud' }).message).toMatch(
      /^The configuration has one mistake:\n/,
    );
  });

  test.each([
    [
      'a local Port needs brokers',
      { ...LOCAL, KAFKA_CONSUMER_BOOTSTRAP_SERVERS: '' },
      'KAFKA_CONSUMER_BOOTSTRAP_SERVERS is missing: with USING_LOCAL_PORT_INSTANCE=true, set it to host:port of your Kafka',
    ],
    [
      'a list of no brokers is none',
      { ...LOCAL, KAFKA_CONSUMER_BOOTSTRAP_SERVERS: ' , ' },
      'KAFKA_CONSUMER_BOOTSTRAP_SERVERS is missing: with USING_LOCAL_PORT_INSTANCE=true, set it to host:port of your Kafka',
    ],
    [
      'a private key that is none',
      { ...REQUIRED, PORT_AGENT_PRIVATE_KEY: 'planted' },
      expect.stringMatching(/^PORT_AGENT_PRIVATE_KEY is neither an RSA private key/) as unknown as string,
    ],
    [
      'a proxy that is none',
      { ...REQUIRED, https_proxy: 'ftp://alice:planted@proxy.corp' },
      expect.stringMatching(/^https_proxy /) as unknown as string,
    ],
    [
      'a bundle that is not there',
      { ...REQUIRED, REQUESTS_CA_BUNDLE: '/no/such/bundle.pem' },
      expect.stringMatching(/^REQUESTS_CA_BUNDLE names \/no\/such\/bundle\.pem/) as unknown as string,
    ],
    [
      'client certificates that are written wrongly',
      { ...REQUIRED, CLIENT_CERTIFICATES: '/certs/client.pem' },
      'CLIENT_CERTIFICATES, entry 1: is not of the form HOST=CERT_FILE[:KEY_FILE]',
    ],
    [
      'targets that are written wrongly',
      { ...REQUIRED, ALLOWED_TARGETS: '10.0.0.0/33' },
      expect.stringMatching(/^ALLOWED_TARGETS holds "10\.0\.0\.0\/33"/) as unknown as string,
    ],
  ])('%s', (_, environment, problem) => {
    expect(refusal(environment).problems).toEqual([problem]);
  });

  test('a mapping file is the one configured, else the usual one where it lies', () => {
    const before = process.cwd();
    const directory = mkdtempSync(path.join(tmpdir(), 'mapping-'));
    process.chdir(directory);
    try {
      expect(loadConfig(REQUIRED).mappingFile).toBeUndefined();
      writeFileSync(path.join(directory, 'control_the_payload_config.json'), '[]');
      expect(loadConfig(REQUIRED).mappingFile).toBe('control_the_payload_config.json');
      const configured = { ...REQUIRED, CONTROL_THE_PAYLOAD_CONFIG_PATH: '/etc/mapping.json' };
      expect(loadConfig(configured).mappingFile).toBe('/etc/mapping.json');
    } finally {
      process.chdir(before);
      rmSync(directory, { recursive: true });
    }
  });

  test('no value is ever shown, however the error is looked at', () => {
    // Where files and targets are is no secret, and has to be named to be mended.
    const planted = (Object.keys(variables.shape) as VariableName[])
      .filter((name) => (notesOf(name).group !== 'Network' && name !== 'SECRETS_DIR') || notesOf(name).secret)
      .map((name) => [name, `planted ${name.toLowerCase()}`]);
    const error = refusal({ ...Object.fromEntries(planted), group_project: 'planted-token' });
    expect(error.problems.length).toBeGreaterThan(20);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('planted');
    expect(String(error.stack)).not.toContain('planted');
  });
});

describe('warnings', () => {
  const warned: [string, Environment, string[]][] = [
    [
      'variables of the old documentation that never had an effect',
      { KAFKA_CONSUMER_BROKERS: 'b', KAFKA_CONSUMER_USERNAME: 'u', KAFKA_CONSUMER_PASSWORD: 'p' },
      ['KAFKA_CONSUMER_BROKERS', 'KAFKA_CONSUMER_USERNAME', 'KAFKA_CONSUMER_PASSWORD'].map(
        (name) => `${name} has no effect: brokers and credentials come from Port's API; remove it`,
      ),
    ],
    [
      'what can never match in NO_PROXY',
      { HTTPS_PROXY: 'http://u:p@proxy', NO_PROXY: '*.corp' },
      [expect.stringMatching(/^NO_PROXY.*\*\.corp/) as unknown as string],
    ],
    [
      "Node's own switch",
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      [expect.stringMatching(/^NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect/) as unknown as string],
    ],
    [
      'certificates that are not checked',
      { WEBHOOK_VERIFY_SSL: 'false' },
      ["WEBHOOK_VERIFY_SSL=false: anyone between here and a webhook's target can read and change its calls"],
    ],
    [
      'a misspelt base URL',
      { PORT_BASE_URL: 'https://api.us.getport.io' },
      ['PORT_BASE_URL has no effect; the variable is called PORT_API_BASE_URL'],
    ],
    ['nothing, when the base URL is there too', { PORT_BASE_URL: 'x', PORT_API_BASE_URL: 'https://h' }, []],
    ['nothing of an empty variable', { HTTPS_PROXY: '', KAFKA_CONSUMER_BROKERS: ' ' }, []],
    ['nothing of NO_PROXY alone', { NO_PROXY: 'localhost' }, []],
  ];
  test.each(warned)('tell of %s', (_, environment, expected) => {
    expect(loadConfig({ ...REQUIRED, ...environment }).warnings).toEqual(expected);
  });
});
