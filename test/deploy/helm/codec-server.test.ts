/** The codec server: installed on demand, with what it needs and nothing else. */
import { loadCodecServerConfig } from '../../../config/codec-server.js';
import { chartTools } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import {
  ciFiles,
  environmentOf,
  FETCH_MS,
  fetchTools,
  type Manifest,
  notes,
  one,
  podOf,
  REQUIRED,
  render,
} from './chart.js';

const KEYS = `k1:${Buffer.alloc(32).toString('base64')}`;
const ORIGIN = { CODEC_SERVER_ALLOWED_ORIGINS: 'https://temporal.corp' };
const ISSUER = {
  CODEC_SERVER_OIDC_ISSUER: 'https://login.corp',
  CODEC_SERVER_OIDC_AUDIENCE: 'temporal',
};
/** With a shared token, and the keys in the Secret that the chart makes. */
const SHARED = {
  env: {
    normal: {
      ...REQUIRED.env.normal,
      HTTPS_PROXY: 'http://proxy.corp:3128',
      TEMPORAL_NAMESPACE: 'port',
      ALLOWED_TARGETS: 'gitlab.corp',
    },
    secret: { ...REQUIRED.env.secret, CODEC_KEYS: KEYS, CODEC_SERVER_TOKEN: 'a-token-of-sixteen-letters' },
  },
  codecServer: { enabled: true, env: ORIGIN },
  caBundle: [{ configMap: 'corporate-bundle' }],
};
const EXISTING = { secret: { name: 'mine', useExistingSecret: true }, codecServer: SHARED.codecServer };

const set = (...sets: string[]) => sets.flatMap((one) => ['--set', one]);

describeWith(chartTools, "the chart's codec server", () => {
  beforeAll(fetchTools, FETCH_MS);

  it('is not there unless it is asked for', async () => {
    for (const file of (await ciFiles()).filter((name) => name !== 'codec-server')) {
      expect(JSON.stringify(await render({ file }))).not.toMatch(/codec/i);
    }
  });

  it('gets the keys and its own variables alone, and takes them', async () => {
    const manifests = await render({ values: SHARED });
    const environment = environmentOf(manifests, 'codec-server');
    expect(volumesOf(manifests)).toEqual(['tmp']);
    expect(environment).toEqual({
      CODEC_KEYS: KEYS,
      CODEC_SERVER_ALLOWED_ORIGINS: 'https://temporal.corp',
      CODEC_SERVER_PORT: '8888',
      CODEC_SERVER_TOKEN: 'a-token-of-sixteen-letters',
      HEALTH_PORT: '8080',
      TEMPORAL_NAMESPACE: 'port',
    });
    expect(loadCodecServerConfig(environment)).toMatchObject({
      port: 8888,
      healthPort: 8080,
      namespaces: ['port'],
      allowedOrigins: ['https://temporal.corp'],
    });
  });

  it('gets the way to an issuer with one, and of the volumes only what leads there', async () => {
    const manifests = await render({ file: 'codec-server' });
    const environment = environmentOf(manifests, 'codec-server');
    expect(Object.keys(environment)).toEqual([
      'CODEC_KEYS',
      'CODEC_SERVER_ALLOWED_ORIGINS',
      'CODEC_SERVER_OIDC_AUDIENCE',
      'CODEC_SERVER_OIDC_CLAIM',
      'CODEC_SERVER_OIDC_ISSUER',
      'CODEC_SERVER_PORT',
      'CODEC_SERVER_TOKEN',
      'HEALTH_PORT',
      'HTTPS_PROXY',
      'SSL_CERT_DIR',
      'TEMPORAL_NAMESPACE',
    ]);
    expect(volumesOf(manifests)).toEqual(['tmp', 'certificates', 'login-ca']);
    // The folder is not on this machine.
    const { SSL_CERT_DIR: _, ...here } = environment;
    expect(loadCodecServerConfig(here)).toMatchObject({
      issuer: {
        url: 'https://login.corp',
        audience: 'temporal',
        claim: { name: 'groups', value: 'platform' },
      },
    });
  });

  it.each([
    ['/keys/codec', ['tmp', 'keys']],
    ['/keys', ['tmp', 'keys']],
    ['/keys-of-others/codec', ['tmp']],
  ])('is given the volume that holds its keys in %s', async (path, volumes) => {
    const values = {
      env: { ...REQUIRED.env, normal: { ...REQUIRED.env.normal, CODEC_KEYS: path } },
      codecServer: { enabled: true, secretName: '', env: { ...ORIGIN, ...ISSUER } },
      extraVolumes: [
        { name: 'keys', secret: { secretName: 'keys' } },
        { name: 'certs', secret: { secretName: 'certs' } },
      ],
      extraVolumeMounts: [
        { name: 'keys', mountPath: '/keys/' },
        { name: 'certs', mountPath: '/certs' },
      ],
    };
    const manifests = await render({ values });
    expect(environmentOf(manifests, 'codec-server')['CODEC_KEYS']).toBe(path);
    expect(volumesOf(manifests)).toEqual(volumes);
  });

  it('takes single keys out of a Secret of yours, the token only where there is no issuer', async () => {
    const refs = async (values: object) => {
      const { CODEC_KEYS, CODEC_SERVER_TOKEN } = environmentOf(await render({ values }), 'codec-server');
      return [CODEC_KEYS, CODEC_SERVER_TOKEN];
    };
    const keys = { name: 'mine', key: 'CODEC_KEYS' };
    const token = { name: 'mine', key: 'CODEC_SERVER_TOKEN' };
    expect(await refs(EXISTING)).toEqual([keys, token]);
    const env = { ...ORIGIN, ...ISSUER };
    expect(await refs({ ...EXISTING, codecServer: { enabled: true, env } })).toEqual([
      keys,
      { ...token, optional: true },
    ]);
    const own = { ...SHARED, codecServer: { enabled: true, env: ORIGIN, secretName: 'mine' } };
    expect(await refs(own)).toEqual([keys, token]);
    const asFiles = await render({ values: SHARED, args: set('secret.asFiles=true') });
    expect(environmentOf(asFiles, 'codec-server')).toMatchObject({ CODEC_KEYS: KEYS });
    expect(volumesOf(asFiles)).toEqual(['tmp']);
    expect(podOf(asFiles, 'codec-server')['containers'][0].envFrom).toBeUndefined();
  });

  it('has no containers, variables and tokens that the values give to the agent', async () => {
    const values = {
      ...SHARED,
      podServiceAccount: { automountToken: true },
      sidecars: [{ name: 'helper', image: 'busybox:1.37' }],
      initContainers: [{ name: 'wait', image: 'busybox:1.37' }],
      extraEnv: [{ name: 'TEAM', value: 'a' }],
      extraEnvFrom: [{ secretRef: { name: 'more' } }],
    };
    const pod = podOf(await render({ values }), 'codec-server');
    expect(pod['automountServiceAccountToken']).toBe(false);
    expect(pod['initContainers']).toBeUndefined();
    expect(pod['containers']).toHaveLength(1);
    expect(pod['containers'][0].envFrom).toBeUndefined();
    expect(JSON.stringify(pod)).not.toMatch(/TEAM|PORT_CLIENT|KAFKA|org_test/);
  });

  it('is probed on the health port, and reached through its Service on its own', async () => {
    const args = set('health.port=9000', 'codecServer.port=9443');
    const manifests = await render({ values: SHARED, args });
    const deployment = one(manifests, 'Deployment', '-codec-server')['spec'];
    const [container] = deployment.template.spec.containers;
    expect(container).toMatchObject({
      args: ['codec-server'],
      ports: [
        { name: 'health', containerPort: 9000 },
        { name: 'codec', containerPort: 9443 },
      ],
      livenessProbe: { httpGet: { path: '/livez', port: 'health' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'health' } },
    });
    expect(environmentOf(manifests, 'codec-server')).toMatchObject({
      HEALTH_PORT: '9000',
      CODEC_SERVER_PORT: '9443',
    });
    const service = one(manifests, 'Service', '-codec-server')['spec'];
    expect(service.type).toBe('ClusterIP');
    expect(service.ports).toEqual([{ name: 'http', port: 9443, targetPort: 'codec' }]);
    expect(deployment.template.metadata.labels).toMatchObject(service.selector);
  });

  it('ends TLS itself with a Secret that has the certificate', async () => {
    const manifests = await render({ values: SHARED, args: set('codecServer.tls.secretName=codec-corp') });
    const environment = environmentOf(manifests, 'codec-server');
    const pod = podOf(manifests, 'codec-server');
    const { name, mountPath } = pod['containers'][0].volumeMounts.at(-1) as Manifest;
    expect(pod['volumes'].find((volume: Manifest) => volume['name'] === name).secret).toEqual({
      secretName: 'codec-corp',
      items: [
        { key: 'tls.crt', path: 'tls.crt' },
        { key: 'tls.key', path: 'tls.key' },
      ],
    });
    expect(environment).toMatchObject({
      CODEC_SERVER_TLS_CERT_PATH: `${mountPath}/tls.crt`,
      CODEC_SERVER_TLS_KEY_PATH: `${mountPath}/tls.key`,
    });
    expect(one(manifests, 'Service', '-codec-server')['spec'].ports[0].name).toBe('https');
  });

  it('is replaced when a key changes', async () => {
    const checksum = async (...args: string[]) =>
      one(await render({ values: SHARED, args }), 'Deployment', '-codec-server')['spec'].template.metadata
        .annotations['checksum/secret'];
    const before = await checksum();
    expect(await checksum()).toBe(before);
    expect(await checksum('--set', `env.secret.CODEC_KEYS=${KEYS.replace('k1', 'k2')}`)).not.toBe(before);
  });

  it('is protected from drains where there are two or more', async () => {
    const budgets = async (count: number) =>
      (await render({ values: SHARED, args: set(`codecServer.replicas=${count}`) }))
        .filter((m) => m['kind'] === 'PodDisruptionBudget')
        .map((m) => m['metadata'].name);
    expect(await budgets(1)).toEqual([]);
    expect(await budgets(2)).toEqual(['my-port-agent-codec-server']);
  });

  it('is fenced in on demand: asked by whom you say, calling nobody but an issuer, never Temporal', async () => {
    const args = set('networkPolicy.enabled=true');
    const alone = one(await render({ values: SHARED, args }), 'NetworkPolicy', '-codec-server')['spec'];
    expect(alone).toMatchObject({
      podSelector: { matchLabels: { 'app.kubernetes.io/component': 'codec-server' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [{ port: 8080 }] }, { ports: [{ port: 8888 }] }],
    });
    expect(alone.ingress[1].from).toBeUndefined();
    expect(alone.egress).toBeUndefined();
    const withIssuer = await render({ file: 'codec-server' });
    const policy = one(withIssuer, 'NetworkPolicy', '-codec-server')['spec'];
    expect(policy.ingress[1].from).toEqual([{ namespaceSelector: { matchLabels: expect.any(Object) } }]);
    expect(policy.egress).toEqual([{}]);
    const [temporal] = one(withIssuer, 'NetworkPolicy', '-temporal-dev')['spec'].ingress;
    expect(temporal.from[0].podSelector.matchExpressions).toEqual([
      { key: 'app.kubernetes.io/component', operator: 'NotIn', values: ['codec-server'] },
    ]);
  });

  it('is told of in the notes, with a word when nothing is encrypted', async () => {
    expect(await notes({ values: SHARED })).toContain('http://my-port-agent-codec-server.port-agent:8888');
    expect(await notes({ values: SHARED })).not.toContain('nothing is encrypted');
    const codecServer = { ...SHARED.codecServer, secretName: 'keys' };
    expect(await notes({ values: { ...REQUIRED, codecServer } })).toContain('nothing is encrypted');
  });
});

/** Names of its volumes; each is mounted. */
function volumesOf(manifests: Manifest[]): string[] {
  const { volumes, containers } = podOf(manifests, 'codec-server');
  const names = volumes.map(({ name }: Manifest) => name);
  expect(containers[0].volumeMounts.map(({ name }: Manifest) => name)).toEqual(names);
  return names;
}
