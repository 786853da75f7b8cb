/** values.yaml, its schema, the README's table and the agent's own variables say the same. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../../config/config.js';
import { OWN_VARIABLES } from '../../../config/variables.js';
import { chartTools } from '../../support/helm.js';
import { describeWith } from '../../support/system-part.js';
import {
  CHART,
  ciFiles,
  environmentOf,
  FETCH_MS,
  fetchTools,
  type Manifest,
  parse,
  REQUIRED,
  render,
} from './chart.js';
import { documentedValues, valuesTable } from './documented-values.js';

const README = join(CHART, 'README.md');
const read = (file: string) => readFileSync(join(CHART, file), 'utf8');

it('the README lists every value', () => {
  const text = readFileSync(README, 'utf8');
  const marked = /(<!-- values -->\n)[\s\S]*?(<!-- \/values -->)/;
  const updated = text.replace(marked, `$1\n${valuesTable(read('values.yaml'))}\n\n$2`);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(README, updated);
  expect(text).toBe(updated);
});

it('the README names only values that exist', () => {
  const text = readFileSync(README, 'utf8').replace(/<!-- values -->[\s\S]*/, '');
  const documented = documentedValues(read('values.yaml')).map(({ key }) => key);
  const tops = new Set(documented.map((key) => key.split('.')[0]));
  const isKnown = (key: string) =>
    /^env\.(normal|secret)\./.test(key) || documented.some((one) => one === key || one.startsWith(`${key}.`));
  const named = [
    ...[...text.matchAll(/--set(?:-file|-string)? ([\w.]+)=/g)].map(([, key = '']) => key),
    ...[...text.matchAll(/`([a-z]\w*(?:\.\w+)*)(?:=[^`]*)?`/g)].map(([, key = '']) => key),
  ].filter((key) => tops.has(key.split('.')[0]));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((key) => !isKnown(key))).toEqual([]);
});

it('the chart is released with the agent', () => {
  const { version } = JSON.parse(readFileSync(join(CHART, '../../../package.json'), 'utf8'));
  expect(read('Chart.yaml')).toContain(`\nappVersion: "${version}"\n`);
});

describeWith(chartTools, "the chart's values", () => {
  beforeAll(fetchTools, FETCH_MS);

  it('are all described, and all in the schema', async () => {
    const [values = {}] = await parse(read('values.yaml'));
    const documented = documentedValues(read('values.yaml')).map(({ key }) => key);
    const schema = JSON.parse(read('values.schema.json'));
    const undocumented = leaves(values).filter(
      (path) => !documented.some((key) => path === key || path.startsWith(`${key}.`)),
    );
    expect(undocumented).toEqual([]);
    expect(leaves(schemaKeys(schema)).filter((path) => !isIn(values, path))).toEqual(['global']);
  });

  it('set only variables that the agent knows', async () => {
    for (const file of await ciFiles()) {
      const plain = await render({ file });
      const { env, extraEnv = [] } = (await parse(read(`ci/${file}-values.yaml`)))[0] as Manifest;
      const given = new Set([
        ...Object.keys({ ...env?.normal, ...env?.secret }),
        ...[...extraEnv].map(({ name }: Manifest) => name),
      ]);
      const set = Object.keys(environmentOf(plain, 'ingester')).filter((name) => !given.has(name));
      expect(set.filter((name) => !OWN_VARIABLES.has(name))).toEqual([]);
    }
  });

  it('are a configuration that the agent takes', async () => {
    const environment = environmentOf(await render({ values: REQUIRED }), 'worker');
    const config = loadConfig(environment);
    expect(config).toMatchObject({
      port: { orgId: 'org_test', clientSecret: 'test-secret' },
      kafka: { groupId: 'org_test.agent', securityProtocol: 'sasl_ssl', startFrom: 'latest' },
      healthPort: 8080,
    });
  });
});

/** Paths of all values that are not maps. */
function leaves(value: Manifest, path: string[] = []): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, key];
    const isMap = inner !== null && typeof inner === 'object' && !Array.isArray(inner);
    return isMap && Object.keys(inner).length > 0 ? leaves(inner, here) : [here.join('.')];
  });
}

function schemaKeys(schema: Manifest): Manifest {
  return Object.fromEntries(
    Object.entries((schema['properties'] ?? {}) as Manifest).map(([key, inner]) => [key, schemaKeys(inner)]),
  );
}

function isIn(values: Manifest, path: string): boolean {
  return path.split('.').reduce<unknown>((at, key) => (at as Manifest)?.[key], values) !== undefined;
}
