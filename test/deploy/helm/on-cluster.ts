/**
 * The chart on a real Kubernetes: dry runs under Pod Security, installing, upgrading, going back.
 *
 * Run by `npm run test:deploy`, on a cluster of its own or on that of TEST_KUBECONFIG, which has to call pods
 * ready without running them, as kwok does: there is no image.
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findHelm, type HelmMajor } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import { type Cluster, startCluster } from '../cluster/cluster.js';
import { kubernetes } from '../cluster/control-plane.js';
import { CHART, ciFiles, FETCH_MS } from './chart.js';

const run = promisify(execFile);
const FOREIGN = /^kind: (ScaledObject|TriggerAuthentication|ExternalSecret)$/m;
const SETS = [
  'env.normal.PORT_ORG_ID=org',
  'env.normal.KAFKA_CONSUMER_GROUP_ID=org.agent',
  'env.secret.PORT_CLIENT_ID=id',
  'env.secret.PORT_CLIENT_SECRET=secret',
].flatMap((set) => ['--set', set]);

/** The control plane is built the first time. */
const BUILD_MS = 1_800_000;

let dir: string;
let namespace: string;
let kubeconfig = process.env['TEST_KUBECONFIG'];
const helms = {} as Record<HelmMajor, string>;

describeWith(kubernetes, 'the chart on a cluster', () => {
  let cluster: Cluster | undefined;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'on-cluster-'));
    for (const major of [3, 4] as const) helms[major] = (await findHelm(major)).helm;
    if (kubeconfig) return;
    cluster = await startCluster((line) => process.stderr.write(`${line}\n`));
    kubeconfig = cluster.kubeconfig;
  }, FETCH_MS + BUILD_MS);
  afterAll(() => Promise.all([cluster?.stop(), rm(dir, { recursive: true })]));

  beforeEach(async () => {
    namespace = `chart-${randomBytes(4).toString('hex')}`;
    await kubectl('create', 'namespace', namespace);
    const level = (mode: string) => `pod-security.kubernetes.io/${mode}=restricted`;
    await kubectl('label', 'namespace', namespace, level('enforce'), level('warn'));
  });
  afterEach(() => kubectl('delete', 'namespace', namespace, '--wait=false'));

  it('every values file passes a dry run under Pod Security "restricted", without a warning', async () => {
    for (const file of await ciFiles()) {
      const values = join(CHART, 'ci', `${file}-values.yaml`);
      const { stdout } = await helm(4, 'template', 'r', CHART, '--no-hooks', '--values', values);
      const known = stdout.split(/^---$/m).filter((text) => /^kind:/m.test(text) && !FOREIGN.test(text));
      await writeFile(join(dir, `${file}.yaml`), known.join('\n---\n'));
      await kubectl('apply', '--dry-run=server', '--warnings-as-errors', '-f', join(dir, `${file}.yaml`));
    }
  }, 60_000);

  describe.each([3, 4] as const)('with Helm %d', (major) => {
    it('the chart becomes ready, is upgraded, goes back, and leaves nothing', async () => {
      await helm(major, 'install', 'r', CHART, ...SETS, '--wait', '--timeout=60s');
      expect(await objects()).toContain('statefulset.apps/r-port-agent-temporal-dev');
      const moved = ['--set', 'temporal.address=temporal:7233', '--set', 'env.secret.new=token'];
      await helm(major, 'upgrade', 'r', CHART, ...SETS, ...moved, '--wait', '--timeout=60s');
      expect((await objects()).filter((name) => name.includes('temporal-dev'))).toEqual([]);
      await helm(major, 'rollback', 'r', '1', '--wait', '--timeout=60s');
      expect(await objects()).toContain('statefulset.apps/r-port-agent-temporal-dev');
      await helm(major, 'uninstall', 'r', '--wait');
      expect(await objects()).toEqual([]);
    }, 240_000);

    it.each([
      ['', 'my-port-agent-env'],
      ['my-port-agent', 'my-port-agent'],
    ])(
      'a release of the old chart is upgraded and goes back (secret.name=%s)',
      async (secret, named) => {
        const own = ['--set', `secret.name=${secret}`];
        const old = await oldChart(join(dir, `old-${major}${secret}`), secret || 'my-port-agent');
        await kubectl(
          'label',
          'namespace',
          namespace,
          'pod-security.kubernetes.io/enforce=privileged',
          '--overwrite',
        );
        await helm(major, 'install', 'my-port-agent', old, '--wait', '--timeout=60s');
        const before = await objects();
        await helm(major, 'upgrade', 'my-port-agent', CHART, ...SETS, ...own, '--wait', '--timeout=60s');
        const after = await objects();
        expect(after).toContain('deployment.apps/my-port-agent-worker');
        expect(after).toContain(`secret/${named}`);
        expect(after).not.toContain('deployment.apps/my-port-agent');
        expect(after).not.toContain('configmap/my-port-agent');
        await helm(major, 'upgrade', 'my-port-agent', CHART, ...SETS, ...own, '--wait', '--timeout=60s');
        await helm(major, 'rollback', 'my-port-agent', '1', '--wait', '--timeout=60s');
        expect(await objects()).toEqual(before);
      },
      240_000,
    );
  });
});

/** What the namespace holds and the chart may have made. */
async function objects(): Promise<string[]> {
  const kinds =
    'deployment,statefulset,service,secret,configmap,serviceaccount,persistentvolumeclaim,cronjob,job,poddisruptionbudget,networkpolicy';
  const { stdout } = await kubectl('get', kinds, '-o', 'name', '-l', '!owner');
  const given = ['serviceaccount/default', 'configmap/kube-root-ca.crt'];
  return stdout.split('\n').filter((name) => name !== '' && !given.includes(name));
}

/** A stand-in for the old chart: its names, kinds, selectors, and its Secret's odd type. */
async function oldChart(at: string, secret: string): Promise<string> {
  await mkdir(join(at, 'templates'), { recursive: true });
  await cp(join(CHART, '.helmignore'), join(at, '.helmignore'));
  await writeFile(join(at, 'Chart.yaml'), 'apiVersion: v2\nname: port-agent\nversion: 0.8.15\n');
  const labels = { 'app.kubernetes.io/name': 'port-agent', 'app.kubernetes.io/instance': 'my-port-agent' };
  const metadata = { name: 'my-port-agent', labels };
  const containers = [{ name: 'port-agent', image: 'old:1', envFrom: [{ secretRef: { name: secret } }] }];
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secret },
      type: 'opaque',
      data: { PORT_CLIENT_ID: 'aWQ=' },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'my-port-agent-cert' },
      type: 'opaque',
      data: { crt: 'eA==' },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { controlThePayloadConfig: '[]' } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
    },
  ];
  await writeFile(join(at, 'templates/all.yaml'), objects.map((o) => JSON.stringify(o)).join('\n---\n'));
  return at;
}

function helm(major: HelmMajor, ...args: string[]) {
  const home = { HELM_CACHE_HOME: dir, HELM_CONFIG_HOME: dir, HELM_DATA_HOME: dir };
  const env = { ...onCluster(), ...home };
  return run(helms[major], [...args, '--namespace', namespace], { env });
}

/** The one beside Helm where npm brought both, else that of the PATH. */
async function kubectl(...args: string[]) {
  const beside = join(dirname(helms[4]), 'kubectl');
  const env = onCluster();
  const all =
    args[0] === 'create' || args[0] === 'label' || args[0] === 'delete' ? args : [...args, '-n', namespace];
  return run(beside, all, { env }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return run('kubectl', all, { env });
  });
}

/** Never on the cluster that the user happens to work with. */
function onCluster(): NodeJS.ProcessEnv {
  if (!kubeconfig) throw new Error('There is no cluster.');
  return { ...process.env, KUBECONFIG: kubeconfig };
}
