/** Values that can't work are refused by `helm template`, with the key and the remedy. */
import { chartTools, type HelmMajor } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import { FETCH_MS, fetchTools, REQUIRED, refusal, render } from './chart.js';

const CASES: [what: string, args: string[], said: string[]][] = [
  ['the old image', ['image.repository=ghcr.io/port-labs/port-agent'], ['repository: temporal-port-agent']],
  ['a mirror of the old image', ['image.repository=registry.corp/port-agent'], ['the old agent']],
  ['a version of the old image', ['image.tag=v0.8.10'], ['image.tag: v0.8.10', 'Remove the line']],
  ['no organization', ['env.normal.PORT_ORG_ID='], ['env.normal.PORT_ORG_ID: is missing', 'Settings']],
  ['no group', ['env.normal.KAFKA_CONSUMER_GROUP_ID='], ['KAFKA_CONSUMER_GROUP_ID: is missing']],
  ['no credentials', ['env.secret.PORT_CLIENT_SECRET='], ['env.secret.PORT_CLIENT_SECRET: is missing']],
  ['a number as a token', ['env.secret.team_project=12345678'], ['env.secret.team_project', 'in quotes']],
  ['a switch as a token', ['env.secret.team_project=true'], ['env.secret.team_project', 'in quotes']],
  ['a dot that --set took apart', ['env.secret.a.b=x'], ['env.secret.a: must be a text', 'my\\.name']],
  ['a slash in a name', ['env.secret.group/project=x'], ['<group>_<project>']],
  ['a blank in a name', ['env.normal.MY VAR=x'], ['env.normal.MY VAR: a name has letters']],
  ['a Secret without a name', ['secret.useExistingSecret=true'], ['secret.name: is missing']],
  [
    'a mapping that is not JSON',
    ['controlThePayloadConfig=[{"a" 1}]'],
    ['controlThePayloadConfig: is not JSON'],
  ],
  ['a certificate that is none', ['selfSignedCertificate.enabled=true'], ['--set-file']],
  [
    'a certificate in a Secret without a name',
    ['selfSignedCertificate.enabled=true', 'selfSignedCertificate.secret.useExistingSecret=true'],
    ['selfSignedCertificate.secret.name: is missing'],
  ],
  ['a CA from nowhere', ['caBundle[0].key=ca.crt'], ['caBundle[0]: names neither']],
  [
    'two Temporal addresses',
    ['temporal.address=a:7233', 'env.normal.TEMPORAL_ADDRESS=b:7233'],
    ['temporal.address: a:7233, but TEMPORAL_ADDRESS says b:7233'],
  ],
  ['a URL as Temporal address', ['temporal.address=https://a:7233'], ['is not host:port']],
  ['credentials for no Temporal', ['temporal.apiKeySecret.name=key'], ['temporal.address: is missing']],
  [
    'too little time for calls',
    ['env.normal.WEBHOOK_INVOKER_TIMEOUT=90', 'worker.terminationGracePeriodSeconds=60'],
    ['worker.terminationGracePeriodSeconds: calls may take 90 s', 'at least 110'],
  ],
  [
    'an ingester scaled by Kafka without brokers',
    ['ingester.autoscaling.type=keda'],
    ['ingester.autoscaling.bootstrapServers: is missing'],
  ],
  [
    'workers scaled to none',
    ['worker.autoscaling.type=keda', 'worker.autoscaling.minReplicas=0'],
    ['worker.autoscaling.minReplicas: must be 1'],
  ],
  [
    'a codec server without keys, without anybody who may sign in, without a UI',
    ['codecServer.enabled=true'],
    [
      'CODEC_KEYS is missing; set env.secret.CODEC_KEYS',
      'nobody could sign in; set env.secret.CODEC_SERVER_TOKEN',
      'codecServer.env.CODEC_SERVER_ALLOWED_ORIGINS: is missing',
    ],
  ],
  [
    'keys of a codec server that no Secret is named for',
    ['codecServer.enabled=true', 'extraEnvFrom[0].secretRef.name=keys'],
    ['CODEC_KEYS is missing'],
  ],
  [
    'a codec server for every page',
    codecServer('CODEC_SERVER_ALLOWED_ORIGINS=*'),
    ['is not a list of origins'],
  ],
  [
    'a codec server for a page instead of an origin',
    codecServer('CODEC_SERVER_ALLOWED_ORIGINS=https://temporal.corp/namespaces'),
    ['is not a list of origins'],
  ],
  [
    'an issuer without an audience',
    codecServer('CODEC_SERVER_OIDC_ISSUER=https://login.corp'),
    ['CODEC_SERVER_OIDC_AUDIENCE: is missing'],
  ],
  [
    'an issuer in the clear',
    codecServer('CODEC_SERVER_OIDC_ISSUER=http://login.corp'),
    ['CODEC_SERVER_OIDC_ISSUER: is not an https address'],
  ],
  [
    'a claim of no issuer',
    codecServer('CODEC_SERVER_OIDC_CLAIM=groups=platform'),
    ['CODEC_SERVER_OIDC_CLAIM: has no effect'],
  ],
  [
    "the codec server's token among plain values",
    codecServer('CODEC_SERVER_TOKEN=t'),
    ['is a secret; move it'],
  ],
  ['its keys among plain values', codecServer('CODEC_KEYS=a:b'), ['codecServer.env.CODEC_KEYS: is a secret']],
  ["the codec server's port as a variable", codecServer('CODEC_SERVER_PORT=1'), ['set codecServer.port']],
  ['its health port as a variable', codecServer('HEALTH_PORT=1'), ['set health.port']],
  [
    'one port for two purposes',
    ['codecServer.enabled=true', 'codecServer.port=8080'],
    ['codecServer.port: 8080 is health.port, too'],
  ],
  ['an unknown key of the codec server', ['codecServer.replicaCount=2'], ['codecServer', 'not allowed']],
  ['an unknown key', ['worker.replica=2'], ['worker', 'replica', 'not allowed']],
  ['words as a number', ['worker.replicas=many'], ['replicas']],
  ['an unknown way to scale', ['worker.autoscaling.type=vpa'], ['autoscaling']],
];

describeWith(chartTools, 'values that the chart refuses', () => {
  beforeAll(fetchTools, FETCH_MS);

  it.each(CASES)('%s', async (_what, sets, said) => {
    const args = sets.flatMap((set) => [set.startsWith('controlThe') ? '--set-json' : '--set', json(set)]);
    for (const helm of [3, 4] as HelmMajor[]) {
      const text = await refusal({ values: REQUIRED, args, helm });
      for (const words of said) expect(text).toContain(words);
    }
  });

  it('are all named at once, and without the values of secrets', async () => {
    const values = { env: { secret: { PORT_CLIENT_SECRET: 31337, 'a/b': 'hunter2' } } };
    const text = await refusal({ values });
    expect(text).toContain('The values have 5 mistakes');
    expect(text).not.toMatch(/31337|hunter2/);
  });

  it('a name that starts with a digit, where Kubernetes does not take it', async () => {
    const values = { env: { ...REQUIRED.env, secret: { ...REQUIRED.env.secret, '3d_project': 'x' } } };
    const old = ['--kube-version', '1.31.0'];
    expect(await refusal({ values, args: old })).toContain('env.secret.3d_project: Kubernetes before 1.32');
    await render({ values, args: ['--kube-version', '1.32.0'] });
    await render({ values, args: [...old, '--set', 'secret.asFiles=true'] });
  });
});

/** A variable of an installed codec server, for `--set`. */
function codecServer(variable: string): string[] {
  return ['codecServer.enabled=true', `codecServer.env.${variable}`];
}

/** `key=value`, with the value as JSON text for the one key whose commas and braces --set would read. */
function json(set: string): string {
  if (!set.startsWith('controlThe')) return set;
  const [key = '', ...value] = set.split('=');
  return `${key}=${JSON.stringify(value.join('='))}`;
}
