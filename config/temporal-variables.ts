/** Where Temporal is; the names are those of its own SDKs and tools. */
import { flag, httpUrl, text } from './kinds.js';
import { note } from './notes.js';

export const temporalVariables = {
  TEMPORAL_ADDRESS: note(text().default('localhost:7233'), {
    group: 'Temporal',
    about: "Temporal's frontend as `host:port`.",
  }),
  TEMPORAL_NAMESPACE: note(text().default('default'), {
    group: 'Temporal',
    about: 'Namespace of the workflows.',
  }),
  TEMPORAL_TASK_QUEUE: note(text().optional(), {
    group: 'Temporal',
    shownDefault: '<KAFKA_CONSUMER_GROUP_ID>',
    about: 'Task queue between ingester and worker; one for each agent.',
  }),
  TEMPORAL_API_KEY: note(text().optional(), {
    group: 'Temporal',
    secret: true,
    about: 'API key, for Temporal Cloud.',
  }),
  TEMPORAL_TLS: note(flag().optional(), {
    group: 'Temporal',
    about: 'Connect with TLS; on with an API key or certificate.',
  }),
  TEMPORAL_TLS_CLIENT_CERT_PATH: note(text().optional(), {
    group: 'Temporal',
    about: 'File of the client certificate (mTLS).',
  }),
  TEMPORAL_TLS_CLIENT_KEY_PATH: note(text().optional(), {
    group: 'Temporal',
    about: 'File of its private key.',
  }),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: note(text().optional(), {
    group: 'Temporal',
    about: "File of the CA that signed Temporal's certificate.",
  }),
  TEMPORAL_TLS_SERVER_NAME: note(text().optional(), {
    group: 'Temporal',
    about: "Name expected in Temporal's certificate.",
  }),
  TEMPORAL_HTTP_PROXY: note(text().optional(), {
    group: 'Temporal',
    secret: true,
    about:
      'HTTP proxy for the connection to Temporal, as `http://user:password@host:port`; the other proxy variables do not count for it.',
  }),
  TEMPORAL_DEPLOYMENT_NAME: note(
    text()
      .regex(
        /^(?!__)[^.:]*$/,
        'must be without "." and ":", and not begin with "__"; Temporal takes no other',
      )
      .optional(),
    {
      group: 'Temporal',
      about:
        'Worker Versioning: the deployment that a worker belongs to. Needs the next one, and that the version is made current; see docs/operations.md.',
    },
  ),
  TEMPORAL_WORKER_BUILD_ID: note(text().optional(), {
    group: 'Temporal',
    about: 'Worker Versioning: the build of a worker. Without both, workers have no version.',
  }),
  CODEC_KEYS: note(text().optional(), {
    group: 'Temporal',
    secret: true,
    about:
      'Encrypts what Temporal keeps of a run: `id:key,id:key`, or a file with one on each line. The first encrypts, all decrypt; a key is `openssl rand -base64 32`.',
  }),
  TEMPORAL_UI_URL: note(httpUrl().optional(), {
    group: 'Temporal',
    about: "Address of the Temporal UI as people reach it; if set, a run's log in Port links to it.",
  }),
};
