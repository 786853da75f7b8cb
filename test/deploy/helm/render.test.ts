/** What the chart renders, for every values file of ci/, with both Helms, against Kubernetes' own schemas. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chartTools, findManifestChecker } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import { ciFiles, FETCH_MS, fetchTools, lint, type Manifest, one, REQUIRED, render } from './chart.js';

const run = promisify(execFile);
/** Kinds of others: Kubernetes has no schema for them. */
const FOREIGN = ['ScaledObject', 'TriggerAuthentication', 'ExternalSecret'];
const KUBERNETES = ['1.25.0', '1.30.0', '1.36.0'];

describeWith(chartTools, 'the rendered chart', () => {
  let files: string[];
  beforeAll(async () => {
    await fetchTools();
    files = await ciFiles();
  }, FETCH_MS);

  it('passes the strict lint of both Helms', async () => {
    for (const helm of [3, 4] as const) {
      for (const file of files) expect(await lint({ file, helm })).toContain('0 chart(s) failed');
    }
  });

  it('is the same from both Helms', async () => {
    for (const file of files) {
      expect({ file, objects: await render({ file, helm: 3 }) }).toEqual({
        file,
        objects: await render({ file, helm: 4 }),
      });
    }
  });

  it.each(KUBERNETES)('is what Kubernetes %s takes, to the last field', async (version) => {
    const dir = await mkdtemp(join(tmpdir(), 'manifests-'));
    try {
      for (const file of files) {
        // Names that start with a digit are another test's: this file has one, and old versions refuse it.
        const args = ['--kube-version', version, '--set', 'secret.asFiles=true'];
        const known = (await render({ file, args })).filter((m) => !FOREIGN.includes(m['kind']));
        await writeFile(join(dir, `${file}.yaml`), asYaml(known));
      }
      expect(await schemaErrors(dir, version)).toBe('');
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('would be refused with a misspelt field', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'manifests-'));
    try {
      const worker = one(await render({ values: REQUIRED }), 'Deployment', '-worker');
      worker['spec'].template.spec.containers[0].imagePullPolice = 'Always';
      await writeFile(join(dir, 'worker.yaml'), asYaml([worker]));
      expect(await schemaErrors(dir, '1.36.0')).toContain('imagePullPolice');
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('names nothing twice, and nothing as the old chart did', async () => {
    for (const file of files) {
      const names = (await render({ file })).map((m) => `${m['kind']}/${m['metadata'].name}`);
      expect(new Set(names).size).toBe(names.length);
      for (const kind of ['Deployment', 'Secret', 'ConfigMap']) {
        expect(names).not.toContain(`${kind}/my-port-agent`);
        expect(names).not.toContain(`${kind}/my-port-agent-cert`);
      }
    }
  });

  it('keeps names short enough however long the release is called', async () => {
    const long = (end: string) => `a-release-whose-name-is-as-long-as-helm-allows-here-${end}`;
    const names = async (release: string) =>
      (await render({ values: { ...REQUIRED, sweep: { schedule: '@daily' } }, release })).map(
        (m) => `${m['kind']}/${m['metadata'].name}`,
      );
    const [one, other] = [await names(long('a')), await names(long('b'))];
    for (const name of one) expect(name.split('/')[1]?.length).toBeLessThanOrEqual(54);
    expect(one.filter((name) => other.includes(name))).toEqual([]);
    expect(one.find((name) => name.startsWith('StatefulSet/'))?.length).toBeLessThanOrEqual(12 + 52);
  });
});

function asYaml(manifests: Manifest[]): string {
  // JSON is YAML.
  return manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n');
}

async function schemaErrors(dir: string, version: string): Promise<string> {
  const env = { ...process.env, PYTHONPATH: await findManifestChecker() };
  const files = (await run('ls', [dir])).stdout.trim().split('\n');
  const args = ['-m', 'kubernetes_validate', '--strict', '-k', version, '--quiet', ...files];
  return run('python3', args, { env, cwd: dir }).then(
    ({ stdout, stderr }) => stdout + stderr,
    ({ stdout, stderr }) => stdout + stderr,
  );
}
