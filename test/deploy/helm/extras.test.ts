/** What the chart adds on demand. */
import { chartTools } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import { FETCH_MS, fetchTools, one, podOf, REQUIRED, render } from './chart.js';

describeWith(chartTools, 'on demand the chart adds', () => {
  beforeAll(fetchTools, FETCH_MS);

  it("an ExternalSecret that fills the agent's Secret", async () => {
    const manifests = await render({ file: 'external-secret' });
    expect(one(manifests, 'ExternalSecret')).toMatchObject({
      apiVersion: 'external-secrets.io/v1',
      spec: {
        target: { name: 'my-port-agent-env' },
        secretStoreRef: { name: 'vault' },
        dataFrom: [{ extract: { key: 'port-agent' } }],
      },
    });
    expect(podOf(manifests, 'worker')['containers'][0].envFrom).toEqual([
      { secretRef: { name: 'my-port-agent-env' } },
    ]);
    expect(manifests.filter((m) => m['kind'] === 'Secret')).toEqual([]);
  });

  it('an autoscaler for the worker, by its CPU', async () => {
    const manifests = await render({ file: 'cluster' });
    expect(one(manifests, 'HorizontalPodAutoscaler')['spec']).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: 'my-port-agent-worker' },
      minReplicas: 2,
      maxReplicas: 5,
    });
    expect(one(manifests, 'Deployment', '-worker')['spec'].replicas).toBeUndefined();
  });

  it.each([
    ['SASL_SSL', 'SCRAM-SHA-512', { sasl: 'scram_sha512', tls: 'enable' }],
    ['sasl_plaintext', 'scram-sha-256', { sasl: 'scram_sha256' }],
    ['SASL_SSL', 'PLAIN', { sasl: 'plaintext', tls: 'enable' }],
    ['plaintext', 'none', {}],
  ])(
    'a scaler of the ingester by the lag of its group, over %s with %s',
    async (protocol, mechanism, how) => {
      const args = [
        `env.normal.KAFKA_CONSUMER_SECURITY_PROTOCOL=${protocol}`,
        `env.normal.KAFKA_CONSUMER_AUTHENTICATION_MECHANISM=${mechanism}`,
      ].flatMap((set) => ['--set', set]);
      const { spec } = one(await render({ file: 'cloud', args }), 'ScaledObject', '-ingester');
      expect(spec.scaleTargetRef.name).toBe('my-port-agent-ingester');
      expect(spec.triggers[0]).toEqual({
        type: 'kafka',
        metadata: {
          bootstrapServers: 'b-1.example.com:9196',
          consumerGroup: 'org_ci.agent',
          lagThreshold: '10',
          ...how,
        },
        authenticationRef: { name: 'kafka' },
      });
    },
  );

  it('objects of any kind, as YAML and as text', async () => {
    const names = (await render({ file: 'cluster' })).map((m) => m['metadata'].name);
    expect(names).toEqual(expect.arrayContaining(['my-port-agent-extra', 'my-port-agent-extra-text']));
  });

  it('constraints of how pods spread, with the selector filled in', async () => {
    const [zone] = podOf(await render({ file: 'cluster' }), 'ingester')['topologySpreadConstraints'];
    expect(zone).toMatchObject({
      topologyKey: 'topology.kubernetes.io/zone',
      labelSelector: { matchLabels: { 'app.kubernetes.io/component': 'ingester' } },
    });
  });

  it('the image by its digest', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const args = ['--set', 'image.repository=registry.example.com/agent', '--set', `image.digest=${digest}`];
    const [container] = podOf(await render({ values: REQUIRED, args }), 'worker')['containers'];
    expect(container.image).toBe(`registry.example.com/agent@${digest}`);
  });
});
