/** Renders the chart and hands its objects to tests. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findHelm, findManifestChecker, type HelmMajor } from '../../support/helm.js';

const run = promisify(execFile);

export const CHART = join(__dirname, '../../../deploy/helm/temporal-port-agent');
const CI = join(CHART, 'ci');
export const RELEASE = 'my-port-agent';
export const NAMESPACE = 'port-agent';
export const FETCH_MS = 300_000;

/** Values that every installation has to give. */
export const REQUIRED = {
  env: {
    normal: { PORT_ORG_ID: 'org_test', KAFKA_CONSUMER_GROUP_ID: 'org_test.agent' },
    secret: { PORT_CLIENT_ID: 'test-client', PORT_CLIENT_SECRET: 'test-secret' },
  },
};

// biome-ignore lint/suspicious/noExplicitAny: manifests are read as deep as a test needs.
export type Manifest = Record<string, any>;

export interface Rendering {
  values?: object;
  /** A file of ci/, without its ending. */
  file?: string;
  /** `--set` and the like. */
  args?: string[];
  helm?: HelmMajor;
  release?: string;
}

/** Before the first test: what is fetched once and kept. */
export async function fetchTools(): Promise<void> {
  await Promise.all([findHelm(3), findHelm(4), findManifestChecker()]);
}

/** Values files of ci/, by the name that `file` takes. */
export async function ciFiles(): Promise<string[]> {
  return (await readdir(CI)).map((name) => name.replace('-values.yaml', ''));
}

/** The objects that `helm template` gives. Throws with Helm's words when it refuses. */
export async function render(rendering: Rendering): Promise<Manifest[]> {
  return parse(await helm('template', rendering));
}

/** What a person sees who installs with these values. */
export async function notes(rendering: Rendering): Promise<string> {
  const text = await helm('install', rendering, ['--dry-run=client']);
  return text.slice(text.indexOf('NOTES:'));
}

export function lint(rendering: Rendering): Promise<string> {
  return helm('lint', rendering, ['--strict']);
}

/** Helm's words when it refuses these values; throws when it takes them. */
export async function refusal(rendering: Rendering): Promise<string> {
  const text = await helm('template', rendering).then(
    () => undefined,
    (error: { stderr: string }) => error.stderr,
  );
  if (text === undefined) throw new Error('Helm took these values');
  return text;
}

async function helm(verb: string, rendering: Rendering, more: string[] = []): Promise<string> {
  const { values, file, args = [], release = RELEASE } = rendering;
  const { helm: command } = await findHelm(rendering.helm ?? 4);
  const dir = await mkdtemp(join(tmpdir(), 'chart-'));
  try {
    // A home of its own: nothing of this machine's Helm takes part.
    const home = {
      HELM_CACHE_HOME: dir,
      HELM_CONFIG_HOME: dir,
      HELM_DATA_HOME: dir,
      KUBECONFIG: '/dev/null',
    };
    const all = [verb, ...(verb === 'lint' ? [CHART] : [release, CHART]), '--namespace', NAMESPACE, ...more];
    if (file) all.push('--values', join(CI, `${file}-values.yaml`));
    if (values) {
      await writeFile(join(dir, 'values.json'), JSON.stringify(values));
      all.push('--values', join(dir, 'values.json'));
    }
    const { stdout } = await run(command, [...all, ...args], { env: { ...process.env, ...home } });
    return stdout;
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** YAML 1.1, as Kubernetes reads it; a key that comes twice is an error. */
const TO_JSON = `
import json, sys, yaml

class Loader(yaml.SafeLoader): pass

def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice: raise ValueError(f'twice: {twice}')
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

Loader.add_constructor('tag:yaml.org,2002:map', mapping)
json.dump([doc for doc in yaml.load_all(sys.stdin, Loader) if doc], sys.stdout)
`;

/** YAML documents as values. */
export async function parse(yaml: string): Promise<Manifest[]> {
  const env = { ...process.env, PYTHONPATH: await findManifestChecker() };
  const done = run('python3', ['-c', TO_JSON], { env, maxBuffer: 2 ** 26 });
  done.child.stdin?.end(yaml);
  return JSON.parse((await done).stdout) as Manifest[];
}

/** The values of a file in ci/. */
export async function ciValues(file: string): Promise<Manifest> {
  return (await parse(await readFile(join(CI, `${file}-values.yaml`), 'utf8')))[0] ?? {};
}

/** The one object of a kind whose name ends so. Throws when it is not there. */
export function one(manifests: Manifest[], kind: string, ending = ''): Manifest {
  const found = manifests.filter((m) => m['kind'] === kind && m['metadata'].name.endsWith(ending));
  const names = manifests.map((m) => `${m['kind']}/${m['metadata'].name}`);
  if (found.length !== 1) throw new Error(`${found.length} of ${kind}/*${ending} in ${names.join(' ')}`);
  return found[0] as Manifest;
}

export type Component = 'worker' | 'ingester' | 'codec-server';

export function podOf(manifests: Manifest[], component: Component): Manifest {
  return one(manifests, 'Deployment', `-${component}`)['spec'].template.spec;
}

/** What Kubernetes hands to a container, with the keys of Secrets that the chart makes. */
export function environmentOf(manifests: Manifest[], component: Component): Manifest {
  const secrets = new Map(
    manifests.filter((m) => m['kind'] === 'Secret').map((m) => [m['metadata'].name, m['data']]),
  );
  const environment: Manifest = {};
  for (const { name, value, valueFrom } of podOf(manifests, component)['containers'][0].env as Manifest[]) {
    if (name in environment) throw new Error(`${name} comes twice`);
    const ref = valueFrom?.secretKeyRef;
    const data = ref && secrets.get(ref.name)?.[ref.key];
    if (data !== undefined) environment[name] = Buffer.from(data, 'base64').toString();
    else environment[name] = ref ?? valueFrom ?? expanded(value, environment);
  }
  return environment;
}

/** As the kubelet does it: `$(NAME)` is an earlier variable if there is one, and `$$` an escaped `$`. */
function expanded(value: string, earlier: Manifest): string {
  return value.replaceAll(/\$\$|\$\(([^)]*)\)/g, (found, name) =>
    found === '$$' ? '$' : (earlier[name] ?? found),
  );
}
