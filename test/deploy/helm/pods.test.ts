/** The pods: hardened, probed, given the time they need, and replaced when what they read has changed. */
import { chartTools } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import {
  ciFiles,
  environmentOf,
  FETCH_MS,
  fetchTools,
  type Manifest,
  one,
  podOf,
  REQUIRED,
  render,
} from './chart.js';

const COMPONENTS = ['worker', 'ingester'] as const;
const set = (...sets: string[]) => ({ values: REQUIRED, args: sets.flatMap((one) => ['--set', one]) });

describeWith(chartTools, "the chart's pods", () => {
  beforeAll(fetchTools, FETCH_MS);

  it('pass Pod Security "restricted", with a read-only root and no token', async () => {
    for (const file of await ciFiles()) {
      for (const pod of (await render({ file })).flatMap(podsIn)) {
        expect(pod).toMatchObject({
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        });
        for (const container of [...(pod['initContainers'] ?? []), ...pod['containers']]) {
          expect(container.securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(container.image).not.toMatch(/:latest$|:$/);
        }
      }
    }
  });

  it('leave user ids to OpenShift, by its API or on demand, and set them elsewhere', async () => {
    const ids = async (args: string[]) => {
      const pod = podOf(await render({ values: REQUIRED, args }), 'worker');
      return [pod['securityContext'].runAsUser, pod['securityContext'].fsGroup];
    };
    expect(await ids([])).toEqual([10001, 10001]);
    expect(await ids(['--api-versions', 'security.openshift.io/v1'])).toEqual([undefined, undefined]);
    expect(await ids(['--set', 'openshift=true'])).toEqual([undefined, undefined]);
    expect(await ids(['--set', 'openshift=false', '--api-versions', 'security.openshift.io/v1'])).toEqual([
      10001, 10001,
    ]);
  });

  it('run one command each, without a shell', async () => {
    const manifests = await render({ values: REQUIRED });
    const commands = COMPONENTS.map((name) => podOf(manifests, name)['containers'][0]);
    expect(commands.map(({ command, args }) => ({ command, args }))).toEqual([
      { command: undefined, args: ['worker'] },
      { command: undefined, args: ['ingest'] },
    ]);
  });

  it.each([
    ['8080', []],
    ['9000', ['health.port=9000']],
    ['9001', ['env.normal.HEALTH_PORT=9001']],
  ])('serve and are probed on port %s', async (port, sets) => {
    const manifests = await render(set(...sets));
    for (const component of COMPONENTS) {
      expect(environmentOf(manifests, component)['HEALTH_PORT']).toBe(port);
      const [container] = podOf(manifests, component)['containers'];
      expect(container.ports).toEqual([{ name: 'health', containerPort: Number(port) }]);
      expect(container.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'health' });
      expect(container.startupProbe.httpGet).toEqual({ path: '/livez', port: 'health' });
      expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'health' });
    }
  });

  it.each([
    [60, []],
    [120, ['env.normal.WEBHOOK_INVOKER_TIMEOUT=90']],
    [33, ['env.normal.WEBHOOK_INVOKER_TIMEOUT=2.5']],
    [300, ['worker.terminationGracePeriodSeconds=300']],
  ])('of the worker have %d s to finish their calls', async (seconds, sets) => {
    const manifests = await render(set(...sets));
    expect(podOf(manifests, 'worker')['terminationGracePeriodSeconds']).toBe(seconds);
  });

  it('are replaced when a secret, a mapping or a certificate changes, and only then', async () => {
    const checksums = async (...sets: string[]) => {
      const manifests = await render({ file: 'port-agent', args: sets.flatMap((one) => ['--set', one]) });
      return one(manifests, 'Deployment', '-worker')['spec'].template.metadata.annotations;
    };
    const before = await checksums();
    expect(await checksums()).toEqual(before);
    for (const [key, change] of [
      ['checksum/secret', 'env.secret.new=token'],
      ['checksum/mapping', 'controlThePayloadConfig=[]'],
      ['checksum/certificates', 'caBundle[0].secret=new'],
    ] as const) {
      expect((await checksums(change))[key]).not.toBe(before[key]);
    }
  });

  it('take credentials as files on demand, and then not as variables', async () => {
    const manifests = await render({ file: 'cloud' });
    const environment = environmentOf(manifests, 'worker');
    const pod = podOf(manifests, 'worker');
    const mount = pod['containers'][0].volumeMounts.find((m: Manifest) => m['name'] === 'secrets');
    expect(mount).toEqual({ name: 'secrets', mountPath: environment['SECRETS_DIR'], readOnly: true });
    expect(Object.keys(environment)).not.toContain('PORT_CLIENT_SECRET');
    const { metadata, data } = one(manifests, 'Secret');
    expect(pod['volumes']).toContainEqual({ name: 'secrets', secret: { secretName: metadata.name } });
    expect(Object.keys(data)).toEqual(['3d-team_render', 'PORT_CLIENT_ID', 'PORT_CLIENT_SECRET']);
  });

  it('keep variables of their own in order, each name once, the last one counting', async () => {
    const extraEnv = [
      { name: 'HOST', value: 'h' },
      { name: 'URL', value: 'https://$(HOST)' },
      { name: 'LOG_LEVEL', value: 'DEBUG' },
    ];
    const normal = { ...REQUIRED.env.normal, LOG_LEVEL: 'INFO' };
    const worker = { extraEnv: [{ name: 'LOG_LEVEL', value: 'ERROR' }] };
    const values = { env: { ...REQUIRED.env, normal }, extraEnv, worker };
    const env = podOf(await render({ values }), 'worker')['containers'][0].env as Manifest[];
    expect(env.slice(-3)).toEqual([extraEnv[0], extraEnv[1], worker.extraEnv[0]]);
    expect(env.filter(({ name }) => name === 'LOG_LEVEL')).toHaveLength(1);
  });

  it('are protected from drains where there are two or more', async () => {
    const budgets = async (...sets: string[]) =>
      (await render(set(...sets)))
        .filter((m) => m['kind'] === 'PodDisruptionBudget')
        .map((m) => m['metadata'].name);
    expect(await budgets()).toEqual([]);
    expect(await budgets('worker.replicas=2')).toEqual(['my-port-agent-worker']);
    expect(await budgets('replicaCount=2')).toEqual(['my-port-agent-ingester']);
    expect(await budgets('worker.replicas=2', 'podDisruptionBudget.enabled=false')).toEqual([]);
  });

  it('sweep on a schedule, if one is given', async () => {
    const { spec } = one(await render({ file: 'cloud' }), 'CronJob', '-sweep');
    expect(spec).toMatchObject({ schedule: '*/30 * * * *', concurrencyPolicy: 'Forbid' });
    expect(spec.jobTemplate.spec.template.spec.containers[0]).toMatchObject({ args: ['sweep'] });
    expect((await render({ values: REQUIRED })).filter((m) => m['kind'] === 'CronJob')).toEqual([]);
  });

  it('are fenced in on demand: the health port in, anywhere out, Temporal for the agent alone', async () => {
    const manifests = await render({ file: 'external-secret' });
    const agent = one(manifests, 'NetworkPolicy', 'my-port-agent')['spec'];
    expect(agent.ingress).toEqual([{ ports: [{ port: 8080 }] }]);
    expect(agent.egress).toEqual([{}]);
    const server = one(manifests, 'NetworkPolicy', '-temporal-dev')['spec'];
    expect(server.ingress.map((rule: Manifest) => rule['ports'][0].port)).toEqual([7233, 8233]);
    expect(server.ingress[0].from).toEqual([{ podSelector: { matchLabels: expect.any(Object) } }]);
  });
});

function podsIn(manifest: Manifest): Manifest[] {
  if (manifest['kind'] === 'Pod') return [manifest['spec']];
  const template = manifest['spec']?.jobTemplate?.spec.template ?? manifest['spec']?.template;
  return template?.spec?.containers ? [template.spec] : [];
}
