/** What is said about old values, and what becomes of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { NEW_KEYS, NEW_VALUES, OLD_VALUES } from '../../migrate/chart-values.js';
import { migrateValues } from '../../migrate/migrate-values.js';

const REQUIRED = `env:
  normal: {PORT_ORG_ID: org, KAFKA_CONSUMER_GROUP_ID: org.agent}
  secret: {PORT_CLIENT_ID: id, PORT_CLIENT_SECRET: "planted-secret"}
`;

/** The values as Helm would read them, and the findings as lines. */
function migrate(text: string): { values: Record<string, unknown>; said: string[]; text: string } {
  const { values, findings } = migrateValues(text, 'old.yaml');
  const said = findings.map((f) => `${f.refused ? 'to do: ' : ''}${f.line ?? '-'} ${f.key}: ${f.text}`);
  return { values: parse(values, { version: '1.1' }), said, text: values };
}

/** Required values, with one more variable. */
const normal = (line: string) => REQUIRED.replace('agent}', `agent, ${line}}`);
const secret = (line: string) => REQUIRED.replace('secret"}', `secret", ${line}}`);

describe('of old values', () => {
  test('that are fine nothing is said, and they stay as they are', () => {
    const { values, said } = migrate(REQUIRED);
    expect(said).toEqual([]);
    expect(values).toEqual(parse(REQUIRED));
  });

  const cases: [what: string, old: string, said: (string | RegExp)[], values: object][] = [
    [
      'the old image is left out',
      `${REQUIRED}image: {repository: ghcr.io/port-labs/port-agent, tag: v0.8.10, pullPolicy: Always}`,
      [/^4 image.repository: left out/, /^4 image.tag: left out/],
      { image: { pullPolicy: 'Always' } },
    ],
    [
      'a mirror of it gets the new name',
      `${REQUIRED}image:\n  repository: registry:5000/a/port-agent`,
      [/^5 image.repository: was the old agent's image; now registry:5000\/a\/temporal-port-agent: push/],
      { image: { repository: 'registry:5000/a/temporal-port-agent' } },
    ],
    [
      "this agent's image stays",
      `${REQUIRED}image: {repository: r/temporal-port-agent, tag: "1"}`,
      [],
      { image: { repository: 'r/temporal-port-agent', tag: '1' } },
    ],
    [
      'brokers in the environment are left out',
      normal('KAFKA_CONSUMER_BROKERS: "b:1", KAFKA_CONSUMER_BOOTSTRAP_SERVERS: "b:1"'),
      [
        /^2 env.normal.KAFKA_CONSUMER_BROKERS: left out: it has no effect/,
        /^2 env.normal.KAFKA_CONSUMER_BOOTSTRAP_SERVERS: left out/,
      ],
      { env: { normal: { PORT_ORG_ID: 'org', KAFKA_CONSUMER_GROUP_ID: 'org.agent' } } },
    ],
    [
      'those of a local Port stay',
      normal('USING_LOCAL_PORT_INSTANCE: true, KAFKA_CONSUMER_BOOTSTRAP_SERVERS: "b:1"'),
      [],
      { env: { normal: { KAFKA_CONSUMER_BOOTSTRAP_SERVERS: 'b:1', USING_LOCAL_PORT_INSTANCE: 'true' } } },
    ],
    [
      'HTTP is polling',
      normal('STREAMER_NAME: HTTP'),
      [/^2 env.normal.STREAMER_NAME: was HTTP, an old spelling of POLLING/],
      { env: { normal: { STREAMER_NAME: 'POLLING' } } },
    ],
    [
      'old names of Kafka are KAFKA',
      normal('STREAMER_NAME: KafkaToGitLabStreamer'),
      [/old spelling of KAFKA/],
      { env: { normal: { STREAMER_NAME: 'KAFKA' } } },
    ],
    [
      'a value that the agent refuses is left to do',
      normal('WEBHOOK_INVOKER_TIMEOUT: 30s, STREAMER_NAME: RABBIT'),
      [
        /^to do: 2 env.normal.WEBHOOK_INVOKER_TIMEOUT: is not a number/,
        /^to do: 2 env.normal.STREAMER_NAME: is not one of/,
      ],
      {},
    ],
    [
      'a long number gets its digits back',
      normal('RATE: 12345678'),
      [/^2 env.normal.RATE: a number without quotes/],
      { env: { normal: { RATE: '12345678' } } },
    ],
    ['a short one stays', normal('NUMBER: 45'), [], { env: { normal: { NUMBER: '45' } } }],
    [
      'a token without quotes stays as it is written',
      secret('a_b: 0123, c_d: yes, e_f: 1e5'),
      ['a_b', 'c_d', 'e_f'].map((name) => new RegExp(`^3 env.secret.${name}: is a number or switch`)),
      { env: { secret: { a_b: '0123', c_d: 'yes', e_f: '1e5' } } },
    ],
    [
      'a name that is a number to Helm is put in quotes',
      secret('2024_1: token'),
      [/was read as 20241 by Helm/, /starts with a digit/],
      { env: { secret: { '2024_1': 'token' } } },
    ],
    [
      'a name with a digit first is pointed out',
      secret('3d-x_y.z: token'),
      [
        /^3 env.secret.3d-x_y.z: starts with a digit, which needs Kubernetes 1.32.*; before that, set secret.asFiles/,
      ],
      { env: { secret: { '3d-x_y.z': 'token' } } },
    ],
    [
      'a plain one has to move first',
      normal('3d: x'),
      [/before that, move it to env.secret and set secret.asFiles=true/],
      {},
    ],
    ['with files it is fine', `${secret('3d: token')}secret: {asFiles: true}`, [], {}],
    [
      'a dot that --set split is joined',
      secret('group_a: {b: {c: token}}'),
      [/^3 env.secret.group_a.b.c: was split at its dot.*with --set write group_a\\\.b\\\.c$/],
      { env: { secret: { 'group_a.b.c': 'token' } } },
    ],
    [
      'a slash in a name becomes _',
      secret('group/sub_project: token'),
      [/^3 env.secret.group_sub_project: was called group\/sub_project/],
      { env: { secret: { group_sub_project: 'token' } } },
    ],
    [
      'a blank in a name is left to do',
      secret('my token: x'),
      [/^to do: 3 env.secret.my token: is no name/],
      {},
    ],
    [
      'a list is joined',
      normal('NO_PROXY: [a, b]'),
      [/^2 env.normal.NO_PROXY: was a list/],
      { env: { normal: { NO_PROXY: 'a,b' } } },
    ],
    [
      'what is plain and secret is plain',
      secret('PORT_ORG_ID: planted'),
      [/^3 env.secret.PORT_ORG_ID: left out: env.normal has it too/],
      { env: { normal: { PORT_ORG_ID: 'org' } } },
    ],
    [
      'secrets beside an existing Secret are left out',
      `${REQUIRED}secret: {useExistingSecret: true, name: s}`,
      [/^3 env.secret: left out: .* holds PORT_CLIENT_ID, PORT_CLIENT_SECRET$/],
      { secret: { name: 's' } },
    ],
    [
      'an existing Secret without a name is left to do',
      'secret: {useExistingSecret: true}',
      [/^to do: 1 secret.name: is missing/],
      {},
    ],
    [
      'a name for the Secret is worth a word',
      `${REQUIRED}secret: {name: mine}`,
      [/^4 secret.name: .* Argo CD/],
      { secret: { name: 'mine' } },
    ],
    [
      'renamed values are moved',
      `${REQUIRED}replicaCount: 2\nrolloutStrategy: Recreate`,
      [/^4 replicaCount: is called ingester.replicas/, /^5 rolloutStrategy: is called ingester.strategy/],
      { ingester: { replicas: 2, strategy: 'Recreate' } },
    ],
    [
      "the old chart's small resources are left out",
      `${REQUIRED}resources: {limits: {cpu: 200m, memory: 256Mi}, requests: {cpu: 100m, memory: 128Mi}}`,
      [/^4 resources: left out/],
      {},
    ],
    [
      'resources of your own count twice',
      `${REQUIRED}resources: {limits: {memory: 1Gi}}`,
      [/^4 resources: counts for each of two processes/],
      { resources: { limits: { memory: '1Gi' } } },
    ],
    [
      'root is left out',
      `${REQUIRED}containerSecurityContext: {runAsUser: 0, runAsNonRoot: false, runAsGroup: 0}`,
      [/containerSecurityContext.runAsUser: left out/, /containerSecurityContext.runAsNonRoot: left out/],
      { containerSecurityContext: { runAsGroup: 0 } },
    ],
    [
      'what neither chart knows is left out',
      `${REQUIRED}service: {port: 80}\nimage: {pullSecret: x}\npodServiceAccount: {create: true, name: a}`,
      [/^4 service: left out/, /^5 image.pullSecret: left out/, /^6 podServiceAccount.create: left out/],
      { podServiceAccount: { name: 'a' } },
    ],
    [
      'a mapping that is not JSON is left to do',
      `${REQUIRED}controlThePayloadConfig: '[{"planted" 1}]'`,
      [/^to do: 4 controlThePayloadConfig: is not JSON; look/],
      {},
    ],
    [
      'a certificate from the command line is asked for',
      `${REQUIRED}selfSignedCertificate: {enabled: true}`,
      [/^4 selfSignedCertificate.certificate: .*--set-file/],
      {},
    ],
    [
      'one that is not trusted is pointed out',
      `${REQUIRED}selfSignedCertificate: {certificate: "-----BEGIN"}`,
      [/^4 selfSignedCertificate.certificate: is not trusted/],
      {},
    ],
    [
      'one in a Secret without a name is left to do',
      `${REQUIRED}selfSignedCertificate: {enabled: true, secret: {useExistingSecret: true}}`,
      [/^to do: 4 selfSignedCertificate.secret.name: is missing/],
      {},
    ],
    ['no verification is worth a word', normal('WEBHOOK_VERIFY_SSL: "False"'), [/anyone on the way/], {}],
    [
      'what comes from the command line is named',
      'env: {normal: {STREAMER_NAME: POLLING}}',
      [/^- env: does not have PORT_ORG_ID, PORT_CLIENT_ID, PORT_CLIENT_SECRET: give them as before/],
      {},
    ],
    [
      'a key that comes twice counts once',
      `${REQUIRED}extraLabels:\n  a: 1\n  a: 2`,
      [/^5 extraLabels.a: left out: the key comes again/],
      { extraLabels: { a: 2 } },
    ],
    [
      'what Kubernetes replaced is written out',
      normal('X: "$(PORT_ORG_ID)-$$-$(NOBODY)"'),
      [/^2 env.normal.X: held \$\(NAME\)/],
      { env: { normal: { X: 'org-$-$(NOBODY)' } } },
    ],
    [
      'what needs a secret for it moves to extraEnv',
      normal('X: "$(PORT_CLIENT_ID) {{ $5"'),
      [/^2 env.normal.X: moved to extraEnv/],
      { extraEnv: [{ name: 'X', value: '$(PORT_CLIENT_ID) {{`{{`}} $$5' }] },
    ],
  ];
  test.each(cases)('%s', (_, old, said, values) => {
    const done = migrate(old);
    expect(done.said).toEqual(
      said.map((each) => (typeof each === 'string' ? each : expect.stringMatching(each))),
    );
    expect(done.values).toMatchObject(values);
    expect(done.said.join('\n')).not.toMatch(/planted|token$|0123/);
    for (const line of done.said) expect(done.text).toContain(line.replace(/^(to do: )?\S+ /, ''));
  });
});

describe('the new values', () => {
  test('keep comments, quotes and blocks', () => {
    const old = readFileSync(join(__dirname, 'old-values/documented.yaml'), 'utf8');
    const { text } = migrate(old);
    for (const kept of [
      '# Our agent in production; ask #platform before you change anything.',
      "PORT_ORG_ID: org_docs # from Port's settings",
      '    # The self-managed one.\n    GITLAB_URL: https://gitlab.example.com/\n',
      "PORT_CLIENT_SECRET: 'docs$ecret'\n",
      'controlThePayloadConfig: |\n  [\n    { "enabled"',
    ])
      expect(text).toContain(kept);
  });

  test('say how to name a Temporal, unless they do', () => {
    expect(migrate(REQUIRED).text).toContain('\n# temporal:\n#   address: ');
    expect(migrate(`${REQUIRED}temporal: {address: "a:1"}`).text).not.toContain('# temporal:');
  });

  test.each(['USER-SUPPLIED VALUES:\n', 'COMPUTED VALUES:\n', '\uFEFF', '---\n'])(
    'begin after %j',
    (heading) => {
      expect(migrate(heading + REQUIRED).values).toEqual(parse(REQUIRED));
    },
  );

  test('may come from JSON', () => {
    expect(migrate(JSON.stringify(parse(REQUIRED))).values).toEqual(parse(REQUIRED));
  });
});

describe('a file that can not be read is refused, with its name, line and a remedy', () => {
  test.each([
    ['nothing', '', 'old.yaml: holds no values'],
    ['a release without values', 'null', 'old.yaml: holds no values'],
    ['a list', '- planted', 'old.yaml: must be a map'],
    ['a tab', 'env:\n\tnormal: planted', 'old.yaml:2: a tab indents this line; use blanks'],
    ['an open quote', 'env:\n  a: "planted', /^old.yaml:2: a quote, colon or bracket is missing/],
    ['several documents', `${REQUIRED}---\nplanted: 1`, /^old.yaml:\d: a second document begins here/],
    ['an alias to nothing', 'env:\n  a: *planted', /^old.yaml:2: there is no `&/],
    ['an alias to itself', 'env: &a\n  a: *a', /^old.yaml:2: this alias leads into itself/],
    ['an object for Kubernetes', 'kind: Secret\ndata: {planted: x}', /^old.yaml: .*Kubernetes object: take/],
    ["a parent chart's values", `port-agent:\n  ${REQUIRED.replaceAll('\n', '\n  ')}`, /such as port-agent/],
    ['a map that is none', 'replicaCount: 1\nenv: planted', /^old.yaml:2: env must be a map; indent/],
  ])('%s', (_, text, message) => {
    const act = () => migrateValues(text, 'old.yaml');
    expect(act).toThrow(message);
    expect(act).not.toThrow('planted-secret');
  });

  test('what it made itself', () => {
    expect(() => migrateValues(migrate(REQUIRED).text, 'new.yaml')).toThrow(
      /^new.yaml: was made by .* already/,
    );
  });
});

test("the lists of values are those of the chart's schema", () => {
  const file = join(__dirname, '../../deploy/helm/temporal-port-agent/values.schema.json');
  const { properties } = JSON.parse(readFileSync(file, 'utf8'));
  expect([...Object.keys(OLD_VALUES), ...NEW_VALUES].sort()).toEqual(Object.keys(properties).sort());
  for (const [key, known] of Object.entries(OLD_VALUES).filter(([, inner]) => inner))
    expect([...(known ?? []), ...(NEW_KEYS[key] ?? [])].sort()).toEqual(
      Object.keys(properties[key].properties).sort(),
    );
});
