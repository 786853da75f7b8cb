/**
 * A Kubernetes cluster for tests: a real control plane, and one node that exists on paper.
 *
 * Objects are checked, defaulted, reconciled and scheduled as anywhere; pods are called running and ready by kwok,
 * and nothing runs in them. It listens on loopback only.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, PartFailed, startChild } from '../../../local/parts/child.js';
import { freePorts, isListening } from '../../../local/parts/ports.js';
import type { Progress } from '../../../local/parts/progress.js';
import { createTestCa } from '../../../local/parts/test-ca.js';
import { connectKubernetes, type KubernetesApi } from './api.js';
import { buildControlPlane, type ControlPlane } from './control-plane.js';
import { NODE, STORAGE_CLASS } from './objects.js';

export interface Cluster {
  /** The path of a kubeconfig that may do everything. */
  kubeconfig: string;
  /** Leaves no process and no file. Throws PartFailed when a part had ended by itself. */
  stop(): Promise<void>;
}

interface Node {
  spec: { taints?: object[] };
  status: { conditions?: { type: string; status: string }[] };
}

/** Every start is a new, empty cluster on free ports. Throws PartFailed, with nothing left behind. */
export async function startCluster(progress: Progress = () => {}): Promise<Cluster> {
  const controlPlane = await buildControlPlane(progress);
  const dir = await mkdtemp(join(tmpdir(), 'cluster-'));
  const children: Child[] = [];
  const remove = async (): Promise<void> => {
    // Killed at once: there is nothing to save.
    await Promise.all(children.map((child) => child.stop(0)));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const kubeconfig = await startParts(controlPlane, dir, children);
    return {
      kubeconfig,
      async stop() {
        const ended = children.find((child) => !child.isRunning());
        await remove();
        if (ended) throw new PartFailed(ended.name, 'ended by itself', ended.lines(20));
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Starts one after the other, notes them in `children`, and returns the kubeconfig. */
async function startParts(plane: ControlPlane, dir: string, children: Child[]): Promise<string> {
  const start = async (part: string, args: string[], ready?: () => Promise<boolean>): Promise<void> => {
    // kwok would read a configuration from the home folder as well.
    const options = {
      name: part,
      command: plane.binary,
      args: [part, ...args],
      cwd: dir,
      env: { HOME: dir },
    };
    children.push(await startChild({ ...options, ...(ready && { ready, readyTimeoutMs: 60_000 }) }));
  };
  const [etcdPort = 0, peerPort = 0, apiPort = 0] = await freePorts(3);
  const [etcd, server] = [`http://127.0.0.1:${etcdPort}`, `https://127.0.0.1:${apiPort}`];
  const { ca, token } = await writeCredentials(dir, server);
  const api = connectKubernetes(server, ca, token);
  try {
    await start('etcd', etcdFlags(etcd, `http://127.0.0.1:${peerPort}`), () => isListening(etcdPort));
    await start('kube-apiserver', apiserverFlags(etcd, apiPort), () => api.isThere('/readyz'));
    await api.create('/api/v1/nodes', NODE);
    await api.create('/apis/storage.k8s.io/v1/storageclasses', STORAGE_CLASS);
    await start('kube-scheduler', ['--kubeconfig=kubeconfig', '--leader-elect=false', '--secure-port=0']);
    await start('kube-controller-manager', CONTROLLER_FLAGS, () =>
      api.isThere('/api/v1/namespaces/default/serviceaccounts/default'),
    );
    await start('kwok', [...KWOK_FLAGS, `--config=${plane.stages}`], () => takesPods(api));
  } finally {
    await api.close();
  }
  return join(dir, 'kubeconfig');
}

/**
 * kwok calls the node ready, whereupon the controllers take off what keeps pods away. It stays so for as long as
 * kwok renews the lease.
 */
async function takesPods(api: KubernetesApi): Promise<boolean> {
  const { name } = NODE.metadata;
  const { spec, status } = await api.get<Node>(`/api/v1/nodes/${name}`);
  const isReady = status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  const lease = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`;
  return isReady === true && spec.taints === undefined && (await api.isThere(lease));
}

/** Writes what the flags below name, and the kubeconfig of an administrator. */
async function writeCredentials(dir: string, server: string): Promise<{ ca: string; token: string }> {
  const { caPem: ca, issue } = createTestCa('temporal-port-agent test cluster CA');
  const { certPem, keyPem } = issue({ commonName: 'kube-apiserver', ipAddresses: ['127.0.0.1'] });
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const token = randomBytes(16).toString('hex');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  const files = {
    'ca.pem': ca,
    'server.pem': certPem,
    'server-key.pem': keyPem,
    'accounts.pem': publicKey.export({ type: 'spki', format: 'pem' }),
    'accounts-key.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'tokens.csv': `${token},admin,admin,system:masters\n`,
    kubeconfig: JSON.stringify(kubeconfig),
  };
  await Promise.all(
    Object.entries(files).map(([name, content]) => writeFile(join(dir, name), content, { mode: 0o600 })),
  );
  return { ca, token };
}

function etcdFlags(client: string, peer: string): string[] {
  return [
    '--data-dir=etcd',
    '--log-level=error',
    // The data outlives no test.
    '--unsafe-no-fsync',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ];
}

function apiserverFlags(etcd: string, port: number): string[] {
  return [
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    // Pods would reach it here. None will, and loopback is refused.
    '--advertise-address=203.0.113.1',
    '--endpoint-reconciler-type=none',
    '--tls-cert-file=server.pem',
    '--tls-private-key-file=server-key.pem',
    '--token-auth-file=tokens.csv',
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-account-key-file=accounts.pem',
    '--service-account-signing-key-file=accounts-key.pem',
    '--service-cluster-ip-range=10.0.0.0/24',
  ];
}

const CONTROLLER_FLAGS = [
  '--kubeconfig=kubeconfig',
  '--leader-elect=false',
  // It answers questions about its health to nobody.
  '--secure-port=0',
  '--root-ca-file=ca.pem',
  '--service-account-private-key-file=accounts-key.pem',
];

const KWOK_FLAGS = [
  '--kubeconfig=kubeconfig',
  '--manage-all-nodes=true',
  // Without a lease the node is taken for lost after 50 s, and its pods are no longer ready.
  '--node-lease-duration-seconds=40',
];
