/** Old values files, migrated: the chart takes them, and its containers have what the old one had. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateValues } from '../../migrate/migrate-values.js';
import {
  CHART,
  environmentOf,
  FETCH_MS,
  fetchTools,
  type Manifest,
  one,
  podOf,
  render,
} from '../deploy/helm/chart.js';
import { chartTools, type HelmMajor } from '../support/helm.js';
import { describeWith } from '../support/system-part.js';
import { oldEnvironment } from './old-chart.js';

/** What the chart itself sets. */
const ADDED = ['CONTROL_THE_PAYLOAD_CONFIG_PATH', 'HEALTH_PORT', 'SSL_CERT_DIR', 'TEMPORAL_ADDRESS'];

const old = (name: string) =>
  readFileSync(
    name === 'complete'
      ? join(CHART, 'ci/port-agent-values.yaml')
      : join(__dirname, 'old-values', `${name}.yaml`),
    'utf8',
  );

/** The objects of the new chart from the migrated values. */
async function migrated(values: string, helm: HelmMajor = 4): Promise<Manifest[]> {
  const dir = await mkdtemp(join(tmpdir(), 'migrated-'));
  try {
    await writeFile(join(dir, 'new.yaml'), migrateValues(values, 'old.yaml').values);
    return await render({ args: ['--values', join(dir, 'new.yaml')], helm });
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** What is other than with the old chart, on purpose; undefined: it is not there any more. */
const DIFFERENT: Record<string, Record<string, string | undefined>> = {
  documented: { KAFKA_CONSUMER_BROKERS: undefined, STREAMER_NAME: 'POLLING' },
  awkward: {
    KAFKA_CONSUMER_PASSWORD: undefined,
    BIG: '12345678',
    // Helm read this name as a switch.
    true: undefined,
    YES: 'true',
    a: undefined,
    'a.b.c': 'deep',
  },
  complete: {
    KAFKA_CONSUMER_BROKERS: undefined,
    STREAMER_NAME: 'KAFKA',
    POLLING_RUNS_BATCH_SIZE: '12345678',
  },
  release: {},
};

describeWith(chartTools, 'migrated values', () => {
  beforeAll(fetchTools, FETCH_MS);

  it.each(Object.entries(DIFFERENT))(
    'of %s give the agent the environment that it had',
    async (name, different) => {
      const before = Object.entries({ ...(await oldEnvironment(old(name))), ...different });
      // An empty variable counts as not set, and the chart leaves it out.
      const expected = Object.fromEntries(before.filter(([, value]) => value));
      for (const helm of [3, 4] as const) {
        const manifests = await migrated(old(name), helm);
        for (const component of ['worker', 'ingester'] as const) {
          const environment = Object.entries(environmentOf(manifests, component));
          expect(
            Object.fromEntries(environment.filter(([key, value]) => value && !ADDED.includes(key))),
          ).toEqual(expected);
        }
      }
    },
  );

  it('would be told apart from wrong ones', async () => {
    const wrong = old('documented').replace('glptt-2', 'glptt-9');
    const environment = environmentOf(await migrated(wrong), 'worker');
    const before = await oldEnvironment(old('documented'));
    expect(environment['platform_sub-group_a.b']).not.toBe(before['platform_sub-group_a.b']);
  });

  it('keep what is not in the environment', async () => {
    const manifests = await migrated(old('awkward'));
    expect(one(manifests, 'Deployment', '-ingester')['spec']).toMatchObject({
      replicas: 2,
      strategy: { type: 'Recreate' },
    });
    const pod = podOf(manifests, 'worker');
    expect(pod['containers'][0]).toMatchObject({
      image: 'registry.example.com/mirror/temporal-port-agent:0.1.0',
      resources: { requests: { memory: '300Mi' } },
    });
    expect(pod['securityContext']).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001, fsGroup: 1001 });
  });

  it('keep the mapping file as it was written', async () => {
    const { data } = one(await migrated(old('documented')), 'ConfigMap', '-mapping');
    expect(JSON.parse(data['control_the_payload_config.json'])).toEqual([
      { enabled: '.body.payload != "{{ left alone }}"', url: 'env.GITLAB_URL' },
    ]);
  });

  it('name the Secret that exists', async () => {
    const values = 'secret: {useExistingSecret: true, name: mine}\nenv: {secret: {PORT_CLIENT_ID: unused}}\n';
    const manifests = await migrated(values);
    expect(podOf(manifests, 'worker')['containers'][0].envFrom).toEqual([{ secretRef: { name: 'mine' } }]);
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });
});
