import { ConfigurationError, loadConfig } from '../../config/config.js';
import { OWN_VARIABLES, type VariableName, variables } from '../../config/variables.js';
import { REQUIRED } from './required.js';

/** What one variable promises. */
interface Golden {
  /** `required`, or what is meant when it is not set. */
  default: unknown;
  /** Spellings and what they mean. */
  accepts: [spelling: string, meaning: unknown][];
  refuses?: { values: string[]; message: string };
}

const UNSET = undefined;

const text = (fallback: unknown = UNSET): Golden => ({
  default: fallback,
  accepts: [
    ['some text', 'some text'],
    [' with a line break after it\n', 'with a line break after it'],
  ],
});

const flag = (fallback: unknown): Golden => ({
  default: fallback,
  accepts: [
    ...['true', 'True', 'TRUE', '1', 'yes', 'Yes', 'y', 'on', 'ON', 't', 'T', ' true '].map(
      (word): [string, boolean] => [word, true],
    ),
    ...['false', 'False', 'FALSE', '0', 'no', 'No', 'n', 'off', 'OFF', 'f', 'F', ' false '].map(
      (word): [string, boolean] => [word, false],
    ),
  ],
  refuses: {
    values: ['2', 'ja', 'enabled', 'truee', 'constructor'],
    message: 'is neither true nor false; use "true" or "false"',
  },
});

const number = (
  fallback: number,
  accepts: [string, number][],
  refused: string[],
  message: string,
): Golden => ({
  default: fallback,
  accepts: [...accepts, [` ${accepts[0]?.[0]} `, accepts[0]?.[1]]],
  refuses: { values: ['many', '1,5', '10s', 'NaN', 'Infinity', '-7', ...refused], message },
});

const seconds = (fallback: number): Golden =>
  number(
    fallback,
    [
      ['7', 7],
      ['0.5', 0.5],
      ['0', 0],
    ],
    [],
    'is not a number of at least 0',
  );

const url = (fallback: unknown): Golden => ({
  default: fallback,
  accepts: [
    ['https://host.example.com', 'https://host.example.com'],
    ['https://host.example.com/', 'https://host.example.com'],
    ['https://host.example.com//', 'https://host.example.com'],
    ['http://host.example.com:8080/sub/path/', 'http://host.example.com:8080/sub/path'],
    ['https://host.example.com/sub/path', 'https://host.example.com/sub/path'],
    [' HTTPS://host.example.com ', 'HTTPS://host.example.com'],
  ],
  refuses: {
    values: ['host.example.com', 'ftp://host.example.com', 'https://', '/sub/path', 'host:8080'],
    message: 'is not an address; write it as https://host or http://host',
  },
});

const golden: Record<VariableName, Golden> = {
  PORT_ORG_ID: text('required'),
  PORT_CLIENT_ID: text('required'),
  PORT_CLIENT_SECRET: text('required'),
  PORT_API_BASE_URL: url('https://api.getport.io'),

  STREAMER_NAME: {
    default: 'KAFKA',
    accepts: [
      ['KAFKA', 'KAFKA'],
      ['kafka', 'KAFKA'],
      ['KafkaToWebhookStreamer', 'KAFKA'],
      ['KafkaToGitLabStreamer', 'KAFKA'],
      ['POLLING', 'POLLING'],
      ['Polling', 'POLLING'],
      ['http', 'POLLING'],
      ['https', 'POLLING'],
    ],
    refuses: { values: ['RABBIT', 'constructor', '__proto__'], message: 'is not one of: KAFKA, POLLING' },
  },
  KAFKA_CONSUMER_GROUP_ID: text(),
  KAFKA_CONSUMER_SECURITY_PROTOCOL: {
    default: UNSET,
    accepts: [
      ['SASL_SSL', 'sasl_ssl'],
      ['sasl_ssl', 'sasl_ssl'],
      ['SASL_PLAINTEXT', 'sasl_plaintext'],
      ['SSL', 'ssl'],
      ['plaintext', 'plaintext'],
      ['PLAINTEXT', 'plaintext'],
    ],
    refuses: {
      values: ['SASL-SSL', 'tls', 'constructor'],
      message: 'is not one of: plaintext, ssl, sasl_plaintext, sasl_ssl',
    },
  },
  KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: {
    default: UNSET,
    accepts: [
      ['SCRAM-SHA-512', 'scram-sha-512'],
      ['scram-sha-256', 'scram-sha-256'],
      ['PLAIN', 'plain'],
      ['none', 'none'],
    ],
    refuses: {
      values: ['SCRAM_SHA_512', 'GSSAPI', 'constructor'],
      message: 'is not one of: none, plain, scram-sha-256, scram-sha-512',
    },
  },
  KAFKA_CONSUMER_SESSION_TIMEOUT_MS: number(
    10_000,
    [
      ['45000', 45_000],
      ['1000', 1000],
      ['3600000', 3_600_000],
    ],
    ['999', '3600001', '1500.5'],
    'is not a whole number of at least 1000 and at most 3600000',
  ),
  KAFKA_CONSUMER_AUTO_OFFSET_RESET: {
    default: 'earliest',
    accepts: [
      ['earliest', 'earliest'],
      ['smallest', 'earliest'],
      ['beginning', 'earliest'],
      ['latest', 'latest'],
      ['largest', 'latest'],
      ['LARGEST', 'latest'],
      ['end', 'latest'],
    ],
    refuses: { values: ['newest', 'none', 'constructor'], message: 'is not one of: earliest, latest' },
  },
  KAFKA_RUNS_TOPIC: text(),
  KAFKA_CHANGE_LOG_TOPIC: text(),
  USING_LOCAL_PORT_INSTANCE: flag(false),
  KAFKA_CONSUMER_BOOTSTRAP_SERVERS: text(),
  POLLING_INTERVAL_SECONDS: seconds(10),
  POLLING_RUNS_BATCH_SIZE: number(
    100,
    [
      ['50', 50],
      ['1', 1],
      ['1000', 1000],
    ],
    ['0', '1001', '1.5'],
    'is not a whole number of at least 1 and at most 1000',
  ),
  POLLING_VISIBILITY_TIMEOUT_SECONDS: number(
    60,
    [
      ['1', 1],
      ['90.5', 90.5],
      ['600', 600],
    ],
    ['0.9', '601'],
    'is not a number of at least 1 and at most 600',
  ),
  POLLING_INITIAL_BACKOFF_SECONDS: seconds(1),
  POLLING_BACKOFF_FACTOR: number(
    2,
    [
      ['1.5', 1.5],
      ['1', 1],
      ['2.0', 2],
    ],
    ['0.9'],
    'is not a number of at least 1',
  ),
  POLLING_MAX_BACKOFF_SECONDS: seconds(300),
  POLLING_BACKOFF_JITTER_FACTOR: number(
    0.1,
    [
      ['0.25', 0.25],
      ['0', 0],
      ['1', 1],
    ],
    ['1.01'],
    'is not a number of at least 0 and at most 1',
  ),
  POLLING_MAX_FAILURE_DURATION_SECONDS: seconds(3600),

  CONTROL_THE_PAYLOAD_CONFIG_PATH: text(),
  PORT_AGENT_PRIVATE_KEY: text(),
  UNDECRYPTED_INPUTS: {
    default: 'fail',
    accepts: [
      ['fail', 'fail'],
      ['SEND', 'send'],
    ],
    refuses: { values: ['true'], message: 'is not one of: fail, send' },
  },
  WEBHOOK_INVOKER_TIMEOUT: number(
    30,
    [
      ['5', 5],
      ['2.5', 2.5],
      ['86400', 86_400],
    ],
    ['0', '86401'],
    'is not a number of at least 0.001 and at most 86400',
  ),
  WEBHOOK_VERIFY_SSL: flag(true),
  CALL_RETRY_WINDOW_SECONDS: number(
    600,
    [
      ['60', 60],
      ['0', 0],
      ['86400', 86_400],
    ],
    ['86401'],
    'is not a number of at least 0 and at most 86400',
  ),
  WEBHOOK_RETRY_AMBIGUOUS: flag(false),
  RUN_MAX_WAIT_SECONDS: number(
    86_400,
    [
      ['3600', 3600],
      ['60', 60],
      ['31536000', 31_536_000],
    ],
    ['59', '31536001'],
    'is not a number of at least 60 and at most 31536000',
  ),
  WORKER_LOST_AFTER_SECONDS: number(
    60,
    [
      ['5', 5],
      ['1', 1],
      ['3600', 3600],
    ],
    ['0', '3601'],
    'is not a number of at least 1 and at most 3600',
  ),
  DETAILED_LOGGING: flag(true),

  GITLAB_URL: url('https://gitlab.com'),
  UNMATCHED_RUNS: {
    default: 'ignore',
    accepts: [
      ['ignore', 'ignore'],
      ['FAIL', 'fail'],
    ],
    refuses: { values: ['yes', '__proto__'], message: 'is not one of: ignore, fail' },
  },
  GITLAB_RUNS_WITHOUT_AGENT: {
    default: 'ignore',
    accepts: [
      ['ignore', 'ignore'],
      ['Accept', 'accept'],
    ],
    refuses: { values: ['true', 'constructor'], message: 'is not one of: ignore, accept' },
  },

  HTTP_PROXY: text(),
  HTTPS_PROXY: text(),
  ALL_PROXY: text(),
  NO_PROXY: text(),
  ALLOWED_TARGETS: text(),
  ALLOWED_ACTIONS: {
    default: UNSET,
    accepts: [
      ['deploy', ['deploy']],
      [' deploy , Scale_*,,wfnr_*\n', ['deploy', 'Scale_*', 'wfnr_*']],
    ],
    refuses: {
      values: [',', ' , ,'],
      message: 'holds commas only; write what it lists, or leave it out',
    },
  },
  ALLOWED_METHODS: {
    default: UNSET,
    accepts: [
      ['POST', ['POST']],
      [' post, Get ', ['POST', 'GET']],
    ],
    refuses: {
      values: ['PSOT', 'POST GET', 'POST,*', 'CONNECT', 'constructor'],
      message: 'holds a word that is none of: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    },
  },
  REQUESTS_CA_BUNDLE: text(),
  CURL_CA_BUNDLE: text(),
  SSL_CERT_FILE: text(),
  SSL_CERT_DIR: text(),
  NODE_EXTRA_CA_CERTS: text(),
  CA_BUNDLE_ONLY: flag(false),
  CLIENT_CERTIFICATES: text(),
  LOG_LEVEL: {
    default: 'info',
    accepts: [
      ['TRACE', 'trace'],
      ['DEBUG', 'debug'],
      ['INFO', 'info'],
      ['info', 'info'],
      ['WARNING', 'warn'],
      ['Warn', 'warn'],
      ['ERROR', 'error'],
      ['CRITICAL', 'fatal'],
      ['fatal', 'fatal'],
    ],
    refuses: {
      values: ['verbose', '20', 'constructor'],
      message: 'is not one of: trace, debug, info, warn, error, fatal',
    },
  },
  HEALTH_PORT: {
    default: UNSET,
    accepts: [
      ['8081', 8081],
      ['0', 0],
      ['65535', 65_535],
      [' 8081 ', 8081],
    ],
    refuses: {
      values: ['65536', '-1', '80.5', ':8081', 'off'],
      message: 'is not a whole number of at least 0 and at most 65535',
    },
  },
  SECRETS_DIR: text(),
  INGEST_CONCURRENT_STARTS: number(
    32,
    [
      ['8', 8],
      ['1', 1],
      ['1000', 1000],
    ],
    ['0', '1001', '1.5'],
    'is not a whole number of at least 1 and at most 1000',
  ),
  WORKER_CONCURRENT_CALLS: number(
    200,
    [
      ['8', 8],
      ['1', 1],
      ['5000', 5000],
    ],
    ['0', '5001', '1.5'],
    'is not a whole number of at least 1 and at most 5000',
  ),

  TEMPORAL_ADDRESS: text('localhost:7233'),
  TEMPORAL_NAMESPACE: text('default'),
  TEMPORAL_TASK_QUEUE: text(),
  TEMPORAL_API_KEY: text(),
  TEMPORAL_TLS: flag(UNSET),
  TEMPORAL_TLS_CLIENT_CERT_PATH: text(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: text(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: text(),
  TEMPORAL_TLS_SERVER_NAME: text(),
  TEMPORAL_HTTP_PROXY: text(),
  TEMPORAL_DEPLOYMENT_NAME: {
    ...text(),
    refuses: {
      values: ['org.agent', 'org:agent', '__agent'],
      message: 'must be without "." and ":", and not begin with "__"; Temporal takes no other',
    },
  },
  TEMPORAL_WORKER_BUILD_ID: text(),
  CODEC_KEYS: text(),
  TEMPORAL_UI_URL: url(UNSET),

  CODEC_SERVER_PORT: number(
    8888,
    [
      ['8443', 8443],
      ['0', 0],
      ['65535', 65_535],
    ],
    ['65536', '80.5'],
    'is not a whole number of at least 0 and at most 65535',
  ),
  CODEC_SERVER_ALLOWED_ORIGINS: {
    default: UNSET,
    accepts: [
      ['https://temporal.corp', ['https://temporal.corp']],
      [' https://Temporal.Corp/ ', ['https://temporal.corp']],
      [
        'http://localhost:8233, https://temporal.corp:8443,',
        ['http://localhost:8233', 'https://temporal.corp:8443'],
      ],
      ['http://[::1]:8233', ['http://[::1]:8233']],
    ],
    refuses: {
      values: [
        '*',
        'null',
        ',',
        'temporal.corp',
        'https://temporal.corp/ui',
        'https://*.corp',
        'https://a.corp:443',
        'ftp://a.corp',
        'https://a.corp,*',
      ],
      message: 'is not a list of origins; write each as https://host or https://host:port',
    },
  },
  CODEC_SERVER_TOKEN: {
    default: UNSET,
    accepts: [
      ['sixteen-letters-', 'sixteen-letters-'],
      [' with a line break after it\n', 'with a line break after it'],
    ],
    refuses: {
      values: ['fifteen-letters', 'secret'],
      message: 'is shorter than 16 characters; make one with: openssl rand -hex 32',
    },
  },
  CODEC_SERVER_OIDC_ISSUER: {
    default: UNSET,
    accepts: [
      ['https://login.corp', 'https://login.corp'],
      [' https://login.corp/realms/corp/ ', 'https://login.corp/realms/corp/'],
    ],
    refuses: {
      values: ['http://login.corp', 'login.corp', 'https://'],
      message: 'is not an https address; write it as https://host or https://host/path',
    },
  },
  CODEC_SERVER_OIDC_AUDIENCE: text(),
  CODEC_SERVER_OIDC_CLAIM: {
    default: UNSET,
    accepts: [
      ['groups=platform', { name: 'groups', value: 'platform' }],
      [' realm_access.roles = codec=reader ', { name: 'realm_access.roles', value: 'codec=reader' }],
    ],
    refuses: {
      values: ['groups', 'groups=', '=platform'],
      message: 'is not a claim and its value; write it as name=value',
    },
  },
  CODEC_SERVER_NAMESPACES: {
    default: UNSET,
    accepts: [
      ['default', ['default']],
      [' prod , staging,', ['prod', 'staging']],
    ],
    refuses: { values: [',', ' , '], message: 'holds commas only; write what it lists, or leave it out' },
  },
  CODEC_SERVER_TLS_CERT_PATH: text(),
  CODEC_SERVER_TLS_KEY_PATH: text(),
  CODEC_SERVER_ENCODE: flag(false),
};

const rows = Object.entries(golden) as [VariableName, Golden][];

test('every variable has its row in the golden table', () => {
  expect(Object.keys(golden).sort()).toEqual(Object.keys(variables.shape).sort());
});

describe.each(rows)('%s', (name, row) => {
  const read = (value: string | undefined) => variables.shape[name].safeParse(value);

  test(`is ${row.default} when not set`, () => {
    const parsed = read(undefined);
    if (row.default === 'required') expect(parsed.success).toBe(false);
    else expect(parsed).toEqual({ success: true, data: row.default });
  });

  test.each(row.accepts)('%j means %j', (spelling, meaning) => {
    expect(read(spelling)).toEqual({ success: true, data: meaning });
  });

  for (const value of row.refuses?.values ?? []) {
    test(`${JSON.stringify(value)} is refused in words that do not repeat it`, () => {
      expect(problemsOf({ ...REQUIRED, [name]: value })).toContain(`${name} ${row.refuses?.message}`);
    });
  }

  test('can not be used as a trigger token', () => {
    expect(OWN_VARIABLES.has(name)).toBe(true);
  });
});

function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}
