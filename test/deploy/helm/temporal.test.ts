/** Where Temporal is: a development server of the chart's own, a cluster, Temporal Cloud. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { runCommand, startChild } from '../../../local/parts/child.js';
import { freePorts, isListening } from '../../../local/parts/ports.js';
import { findTemporal } from '../../../local/parts/temporal.js';
import { chartTools } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import { environmentOf, FETCH_MS, fetchTools, type Manifest, one, podOf, REQUIRED, render } from './chart.js';

const WEEK_S = 7 * 24 * 3600;

describeWith(chartTools, "the chart's Temporal", () => {
  beforeAll(fetchTools, FETCH_MS);

  it('is a development server when there is no address, with a volume and a UI', async () => {
    const manifests = await render({ values: REQUIRED });
    const server = one(manifests, 'StatefulSet', '-temporal-dev')['spec'];
    const service = manifests.find(
      (m) => m['kind'] === 'Service' && m['metadata'].name === 'my-port-agent-temporal-dev',
    );
    expect(server.template.metadata.labels).toMatchObject(service?.['spec'].selector);
    expect(one(manifests, 'Service', '-temporal-dev-ui')['spec'].ports).toEqual([
      { name: 'http', port: 8233, targetPort: 'ui' },
    ]);
    const claim = one(manifests, 'PersistentVolumeClaim', '-temporal-dev');
    expect(claim['metadata'].annotations).toBeUndefined();
    expect(server.template.spec.volumes[0].persistentVolumeClaim.claimName).toBe(claim['metadata'].name);
    expect(environmentOf(manifests, 'worker')['TEMPORAL_ADDRESS']).toBe('my-port-agent-temporal-dev:7233');
  });

  it('starts as written, keeps closed runs for a week, answers the probe, and ends on SIGTERM', async () => {
    const args = ['--set', 'temporal.namespace=port'];
    const manifests = await render({ values: REQUIRED, args });
    const pod = one(manifests, 'StatefulSet')['spec'].template.spec;
    const { command, args: words, readinessProbe } = pod.containers[0] as Manifest;
    const dir = await mkdtemp(join(tmpdir(), 'temporal-dev-'));
    const [port = 0, uiPort = 0] = await freePorts(2);
    const here = (word: string) =>
      word.replaceAll('7233', `${port}`).replaceAll('8233', `${uiPort}`).replace('/data', dir);
    const { path } = await findTemporal();
    const server = await startChild({
      name: 'Temporal',
      command: command[0],
      args: [...command.slice(1), ...words].map(here),
      env: { PATH: `${dirname(path)}:${process.env['PATH']}` },
      ready: async () => (await isListening(port)) && (await retentionOf(port, 'port')) === WEEK_S,
      readyTimeoutMs: 120_000,
    });
    try {
      const connection = await Connection.connect({ address: `127.0.0.1:${port}` });
      const { service } = readinessProbe.grpc;
      expect(await connection.healthService.check({ service })).toMatchObject({ status: 1 });
      await connection.close();
      expect(await helmTest(manifests, `127.0.0.1:${port}`)).toContain('answers');
      // As the kubelet does it: to the first process alone.
      process.kill(server.pid, 'SIGTERM');
      expect(await server.exited).toEqual({ code: 0, signal: null });
    } finally {
      await server.stop(0);
      await rm(dir, { recursive: true });
    }
    await expect(helmTest(manifests, `127.0.0.1:${port}`)).rejects.toThrow(/can't be reached/);
  });

  it('keeps its volume after an uninstall on demand, and takes one that exists', async () => {
    const persistence = 'temporal.devServer.persistence';
    const kept = await render({ values: REQUIRED, args: ['--set', `${persistence}.keepOnUninstall=true`] });
    expect(one(kept, 'PersistentVolumeClaim')['metadata'].annotations).toEqual({
      'helm.sh/resource-policy': 'keep',
    });
    const mine = await render({ values: REQUIRED, args: ['--set', `${persistence}.existingClaim=mine`] });
    expect(mine.filter((m) => m['kind'] === 'PersistentVolumeClaim')).toEqual([]);
    const { volumes } = one(mine, 'StatefulSet')['spec'].template.spec;
    expect(volumes[0]).toEqual({ name: 'data', persistentVolumeClaim: { claimName: 'mine' } });
  });

  it.each([
    ['temporal.address=temporal:7233'],
    ['env.normal.TEMPORAL_ADDRESS=temporal:7233'],
    ['extraEnv[0].name=TEMPORAL_ADDRESS,extraEnv[0].value=temporal:7233'],
  ])('is somewhere else with %s, and no server is installed', async (set) => {
    const manifests = await render({ values: REQUIRED, args: ['--set', set] });
    expect(manifests.filter((m) => /temporal-dev/.test(m['metadata'].name))).toEqual([]);
    expect(environmentOf(manifests, 'ingester')['TEMPORAL_ADDRESS']).toBe('temporal:7233');
  });

  it('is Temporal Cloud with an API key from a Secret', async () => {
    const environment = environmentOf(await render({ file: 'cloud' }), 'worker');
    expect(environment).toMatchObject({
      TEMPORAL_ADDRESS: 'eu-central-1.aws.api.temporal.io:7233',
      TEMPORAL_NAMESPACE: 'agent.a1b2c',
      TEMPORAL_API_KEY: { name: 'temporal-cloud', key: 'key' },
    });
  });

  it('is a cluster with client certificates from a Secret', async () => {
    const manifests = await render({ file: 'cluster' });
    const environment = environmentOf(manifests, 'worker');
    const pod = podOf(manifests, 'worker');
    for (const [name, volume, file] of [
      ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'temporal-client', 'tls.crt'],
      ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'temporal-client', 'tls.key'],
      ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'temporal-ca', 'ca.crt'],
    ] as const) {
      const mount = pod['containers'][0].volumeMounts.find((m: { name: string }) => m.name === volume);
      expect(environment[name]).toBe(`${mount.mountPath}/${file}`);
    }
    expect(environment).toMatchObject({
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
    });
  });

  it('is asked by KEDA for the backlog, with the same sign-in', async () => {
    const manifests = await render({ file: 'cloud' });
    const { spec } = one(manifests, 'ScaledObject', '-worker');
    expect(spec.minReplicaCount).toBe(2);
    expect(spec.triggers).toEqual([
      {
        type: 'temporal',
        metadata: {
          endpoint: 'eu-central-1.aws.api.temporal.io:7233',
          namespace: 'agent.a1b2c',
          taskQueue: 'org_ci.agent',
          queueTypes: 'workflow,activity',
          targetQueueSize: '5',
        },
        authenticationRef: { name: 'my-port-agent-worker' },
      },
    ]);
    expect(one(manifests, 'TriggerAuthentication')['spec'].secretTargetRef).toEqual([
      { parameter: 'apiKey', name: 'temporal-cloud', key: 'key' },
    ]);
    expect(one(manifests, 'Deployment', '-worker')['spec'].replicas).toBeUndefined();
  });
});

/** What the pod of `helm test` says. Throws when it fails. */
async function helmTest(manifests: Manifest[], address: string): Promise<string> {
  const [{ command, args }] = one(manifests, 'Pod', '-test')['spec'].containers;
  const env = { TEMPORAL_ADDRESS: address };
  const node = { name: 'helm test', command: process.execPath, args: [...command.slice(1), ...args], env };
  return (await runCommand(node)).join('\n');
}

/** Seconds; undefined while the namespace can't be asked. */
async function retentionOf(port: number, namespace: string): Promise<number | undefined> {
  const connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: 10_000 });
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    return config?.workflowExecutionRetentionTtl?.seconds?.toNumber();
  } finally {
    await connection.close();
  }
}
