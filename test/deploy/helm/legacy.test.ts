/** Values of the old chart: each keeps its meaning, and none of its bugs. */
import { chartTools } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import {
  ciValues,
  environmentOf,
  FETCH_MS,
  fetchTools,
  notes,
  one,
  podOf,
  REQUIRED,
  render,
} from './chart.js';

const COMPONENTS = ['worker', 'ingester'] as const;

describeWith(chartTools, 'values of the port-agent chart', () => {
  beforeAll(fetchTools, FETCH_MS);

  it('give both processes the environment that the old one had', async () => {
    const { env } = await ciValues('port-agent');
    const old = { ...env['secret'], ...env['normal'] };
    const manifests = await render({ file: 'port-agent' });
    for (const component of COMPONENTS) {
      const environment = environmentOf(manifests, component);
      for (const [name, value] of Object.entries(old)) {
        // What the old chart handed over empty, or as the text "null", is not there.
        const isThere = value !== null && !(name in env['secret'] && value === '');
        expect({ [name]: environment[name] }).toEqual({ [name]: isThere ? String(value) : undefined });
      }
      expect(environment['POLLING_RUNS_BATCH_SIZE']).toBe('12345678');
      expect(environment['PRICE']).toBe('$(PORT_ORG_ID) costs $$5 or $5');
      const added = Object.keys(environment).filter((name) => !(name in old));
      expect(added.sort()).toEqual([
        'CONTROL_THE_PAYLOAD_CONFIG_PATH',
        'HEALTH_PORT',
        'SSL_CERT_DIR',
        'TEMPORAL_ADDRESS',
      ]);
    }
  });

  it('reach the pods of both processes', async () => {
    const values = await ciValues('port-agent');
    const manifests = await render({ file: 'port-agent' });
    for (const component of COMPONENTS) {
      const pod = podOf(manifests, component);
      expect(pod).toMatchObject({
        serviceAccountName: 'port-agent',
        imagePullSecrets: values['imagePullSecrets'],
        nodeSelector: values['nodeSelector'],
        tolerations: values['tolerations'],
        affinity: values['affinity'],
        securityContext: { runAsUser: 1001, runAsGroup: 1001, runAsNonRoot: true },
      });
      expect(pod['containers'][0].resources).toEqual(values['resources']);
      expect(pod['containers'][0].volumeMounts).toContainEqual(values['extraVolumeMounts'][0]);
      expect(pod['volumes']).toContainEqual({
        name: 'corporate-ca',
        configMap: { name: 'my-port-agent-ca' },
      });
      const { template } = one(manifests, 'Deployment', `-${component}`)['spec'];
      expect(template.metadata.labels).toMatchObject({ team: 'platform', 'on-call': 'true' });
      expect(template.metadata.annotations['example.com/scrape']).toBe('false');
    }
    expect(one(manifests, 'Deployment', '-ingester')['spec']).toMatchObject({
      replicas: 1,
      strategy: { type: 'Recreate' },
    });
    expect(one(manifests, 'Secret', '-env')['metadata'].annotations).toEqual({ reloader: 'true' });
    expect(manifests.filter((m) => m['kind'] === 'ServiceAccount')).toEqual([]);
  });

  it('work as the documentation gives them on the command line', async () => {
    const args = [
      ['--create-namespace'],
      ['--set', 'env.normal.PORT_ORG_ID=org_cli'],
      ['--set', 'env.normal.KAFKA_CONSUMER_GROUP_ID=org_cli.agent'],
      ['--set', 'env.secret.PORT_CLIENT_ID=id'],
      ['--set', 'env.secret.PORT_CLIENT_SECRET=secret'],
      ['--set', 'env.secret.my-group_my-project=glptt-1'],
      ['--set', 'env.secret.sub_group_a\\.b=glptt-2'],
      ['--set', 'env.normal.GITLAB_URL=https://gitlab.example.com'],
      ['--set', 'env.normal.WEBHOOK_INVOKER_TIMEOUT=45'],
      ['--set', 'env.normal.DETAILED_LOGGING=false'],
    ].flat();
    const manifests = await render({ args });
    for (const component of COMPONENTS) {
      expect(environmentOf(manifests, component)).toMatchObject({
        PORT_ORG_ID: 'org_cli',
        KAFKA_CONSUMER_GROUP_ID: 'org_cli.agent',
        PORT_CLIENT_ID: 'id',
        PORT_CLIENT_SECRET: 'secret',
        'my-group_my-project': 'glptt-1',
        'sub_group_a.b': 'glptt-2',
        GITLAB_URL: 'https://gitlab.example.com',
        WEBHOOK_INVOKER_TIMEOUT: '45',
        DETAILED_LOGGING: 'false',
        TEMPORAL_ADDRESS: 'my-port-agent-temporal-dev:7233',
      });
    }
  });

  it('mount the mapping file as it was written, braces and all', async () => {
    const { controlThePayloadConfig } = await ciValues('port-agent');
    const manifests = await render({ file: 'port-agent' });
    const { data, metadata } = one(manifests, 'ConfigMap', '-mapping');
    expect(data).toEqual({ 'control_the_payload_config.json': controlThePayloadConfig });
    const environment = environmentOf(manifests, 'worker');
    const mount = podOf(manifests, 'worker')['containers'][0].volumeMounts.find(
      (m: { name: string }) => m.name === 'mapping',
    );
    expect(environment['CONTROL_THE_PAYLOAD_CONFIG_PATH']).toBe(
      `${mount.mountPath}/control_the_payload_config.json`,
    );
    expect(podOf(manifests, 'worker')['volumes']).toContainEqual(
      expect.objectContaining({ configMap: expect.objectContaining({ name: metadata.name }) }),
    );
  });

  it.each([
    ['/app/control_the_payload_config.json', /^\/etc\//],
    ['./control_the_payload_config.json', /^\/etc\//],
    ['/data/mine.json', /^\/data\/mine\.json$/],
  ])('read the mapping at the path they name: %s', async (path, expected) => {
    const args = ['--set', `env.normal.CONTROL_THE_PAYLOAD_CONFIG_PATH=${path}`];
    const environment = environmentOf(await render({ file: 'port-agent', args }), 'worker');
    expect(environment['CONTROL_THE_PAYLOAD_CONFIG_PATH']).toMatch(expected);
  });

  it('mount the certificate apart from mounts of their own', async () => {
    const manifests = await render({ file: 'port-agent' });
    const { volumeMounts } = podOf(manifests, 'worker')['containers'][0];
    const ours = volumeMounts.find((m: { name: string }) => m.name === 'certificates').mountPath;
    expect(ours).not.toMatch(/^\/usr\/local\/share\/ca-certificates/);
    expect(environmentOf(manifests, 'worker')['SSL_CERT_DIR']).toBe(ours);
    const secret = one(manifests, 'Secret', '-certificate');
    expect(Buffer.from(secret['data'].crt, 'base64').toString()).toContain('BEGIN CERTIFICATE');
  });

  it('take existing Secrets, mappings and certificates, and switches that are texts', async () => {
    const manifests = await render({ file: 'existing' });
    const pod = podOf(manifests, 'ingester');
    expect(pod['containers'][0].envFrom).toEqual([{ secretRef: { name: 'my-credentials' } }]);
    // A variable would hide the Secret's own.
    expect(Object.keys(environmentOf(manifests, 'ingester'))).not.toContain('PORT_ORG_ID');
    expect(manifests.filter((m) => m['kind'] === 'Secret' || m['kind'] === 'ConfigMap')).toEqual([]);
    const volume = (name: string) => pod['volumes'].find((v: { name: string }) => v.name === name);
    expect(volume('mapping').configMap).toEqual({
      name: 'my-mappings',
      items: [{ key: 'mappings.json', path: 'control_the_payload_config.json' }],
    });
    expect(volume('certificates').projected.sources).toEqual([
      { secret: { name: 'my-ca', items: [{ key: 'ca.crt', path: 'cert.crt' }] } },
      { configMap: { name: 'corporate-bundle', items: [{ key: 'bundle.pem', path: 'ca-0.crt' }] } },
      { secret: { name: 'partner-ca', items: [{ key: 'ca.crt', path: 'ca-1.crt' }] } },
    ]);
    expect(one(manifests, 'Deployment', '-ingester')['spec'].replicas).toBe(2);
  });

  it('give a variable that is plain and secret its plain value, once, and say so', async () => {
    const values = { env: { ...REQUIRED.env, normal: { ...REQUIRED.env.normal, PORT_CLIENT_ID: 'plain' } } };
    expect(environmentOf(await render({ values }), 'worker')['PORT_CLIENT_ID']).toBe('plain');
    expect(await notes({ values })).toContain('PORT_CLIENT_ID is in env.normal and env.secret');
  });

  it('are told apart where they are out of date', async () => {
    const text = await notes({ file: 'port-agent' });
    for (const said of [
      'KAFKA_CONSUMER_BROKERS has no effect',
      'STREAMER_NAME is an old spelling; write KAFKA',
      'resources now counts for each of two processes',
      'replicaCount is the old name of ingester.replicas',
      'rolloutStrategy is the old name of ingester.strategy',
      '3d-team_render starts with a digit',
    ])
      expect(text).toContain(said);
    expect(await notes({ values: REQUIRED })).not.toContain('Please look at');
  });
});
