/** The arrows of the picture in the design, read from the imports of the sources. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(__dirname, '..');

const GROUND_FLOOR = ['config', 'http', 'port', 'telemetry', 'temporal'];
const UPPER_FLOORS = [
  'workflows',
  'activities',
  'ingest',
  'worker',
  'sweep',
  'migrate',
  'codec-server',
  'cli',
];
const PRODUCT = [...GROUND_FLOOR, ...UPPER_FLOORS];

/** Which rooms a room may look into; those of the ground floor stand beside each other. */
const DOORS: Record<string, string[]> = {
  config: ['http'],
  http: [],
  telemetry: ['config'],
  temporal: ['config', 'http', 'telemetry'],
  port: ['config', 'http'],
  workflows: ['activities', 'port'],
  activities: [...GROUND_FLOOR, 'workflows'],
  ingest: [...GROUND_FLOOR, 'workflows'],
  worker: [...GROUND_FLOOR, 'activities', 'workflows'],
  sweep: GROUND_FLOOR,
  migrate: ['config'],
  'codec-server': GROUND_FLOOR,
  cli: [...GROUND_FLOOR, 'ingest', 'worker', 'sweep', 'migrate', 'codec-server'],
  local: [],
};

interface Import {
  /** Relative to the root: `port/plan.ts`. */
  file: string;
  room: string;
  /** A package's name, or a file relative to the root. */
  target: string;
  /** The room it leads to; undefined for a package. */
  leadsTo: string | undefined;
  /** Erased by the compiler. */
  typeOnly: boolean;
}

const FROM = /^(import|export)\s+(type\s)?[^;'"]*?\sfrom\s+['"]([^'"]+)['"]/gm;
const BARE = /^import\s+['"]([^'"]+)['"]/gm;
/** A package that is found by its name and loaded by other means. */
const RESOLVED = /\.resolve\('([^'./][^']*)'\)/g;
const DYNAMIC = /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g;

function sources(room: string): string[] {
  return readdirSync(path.join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(room, name))
    .sort();
}

function text(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

function importsOf(file: string): Import[] {
  const source = text(file);
  const found: [string, boolean][] = [
    ...[...source.matchAll(FROM)].map((m): [string, boolean] => [m[3] as string, m[2] !== undefined]),
    ...[...source.matchAll(BARE)].map((m): [string, boolean] => [m[1] as string, false]),
    ...[...source.matchAll(DYNAMIC)].map((m): [string, boolean] => [m[1] as string, false]),
    ...[...source.matchAll(RESOLVED)].map((m): [string, boolean] => [m[1] as string, false]),
  ];
  return found.map(([specifier, typeOnly]) => {
    const relative = specifier.startsWith('.');
    const target = relative
      ? path.join(path.dirname(file), specifier).replace(/\.js$/, '.ts')
      : packageOf(specifier);
    const leadsTo = relative ? target.split(path.sep)[0] : undefined;
    return { file, room: file.split(path.sep)[0] ?? '', target, leadsTo, typeOnly };
  });
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

const product = PRODUCT.flatMap(sources);
const imports = [...product, ...sources('local')].flatMap(importsOf);
const show = ({ file, target }: Import): string => `${file} → ${target}`;

test('the imports are found at all', () => {
  expect(imports).toContainEqual({
    file: 'port/plan.ts',
    room: 'port',
    target: 'port/trigger-token.ts',
    leadsTo: 'port',
    typeOnly: false,
  });
  expect(imports).toContainEqual({
    file: 'port/plan.ts',
    room: 'port',
    target: 'config/config.ts',
    leadsTo: 'config',
    typeOnly: true,
  });
  expect(imports.filter(({ target }) => target === '@temporalio/workflow').length).toBeGreaterThan(0);
  for (const file of product)
    expect(importsOf(file).length).toBeGreaterThanOrEqual(text(file).match(/^import /gm)?.length ?? 0);
});

describe.each(Object.entries(DOORS))('%s', (room, doors) => {
  test(`looks into ${doors.join(', ') || 'no other room'} at most`, () => {
    const strays = imports.filter(
      ({ room: from, leadsTo }) =>
        from === room && leadsTo !== undefined && leadsTo !== room && !doors.includes(leadsTo),
    );
    expect(strays.map(show)).toEqual([]);
  });
});

test('the ground floor knows nothing of what stands upon it, not even types', () => {
  const above = [...UPPER_FLOORS, 'local', 'test'];
  const upwards = imports.filter(
    ({ room, leadsTo }) => GROUND_FLOOR.includes(room) && above.includes(leadsTo ?? ''),
  );
  expect(upwards.map(show)).toEqual([]);
});

test('of what is outside, workflows take types only, but for the SDK', () => {
  const taken = imports.filter(
    ({ room, target, leadsTo, typeOnly }) =>
      room === 'workflows' && leadsTo !== 'workflows' && target !== '@temporalio/workflow' && !typeOnly,
  );
  expect(taken.map(show)).toEqual([]);
});

test('the contract of the workflows is plain: types and constants', () => {
  expect(importsOf('workflows/contract.ts').filter(({ typeOnly }) => !typeOnly)).toEqual([]);
});

test('of workflows, others see the contract only', () => {
  const insights = imports.filter(
    ({ room, target, leadsTo }) =>
      room !== 'workflows' && leadsTo === 'workflows' && target !== 'workflows/contract.ts',
  );
  expect(insights.map(show)).toEqual([]);
});

test('activities know neither Kafka nor a client of Temporal', () => {
  const strays = imports.filter(
    ({ room, target }) => room === 'activities' && ['kafkajs', '@temporalio/client'].includes(target),
  );
  expect(strays.map(show)).toEqual([]);
});

test('only the source of Kafka records knows the Kafka client', () => {
  const files = imports.filter(({ room, target }) => room !== 'local' && target === 'kafkajs');
  expect(
    [...new Set(files.map(({ file }) => file))].filter((file) => !file.startsWith('ingest/kafka-')),
  ).toEqual([]);
});

test('there is one way out: undici and sockets are opened in http/ alone; probes and people who read have a way in each', () => {
  const ways = ['undici', 'node:http', 'node:https', 'node:net', 'node:tls'];
  const strays = imports.filter(
    ({ room, target, typeOnly }) => ways.includes(target) && !typeOnly && !['http', 'local'].includes(room),
  );
  expect(strays.map(show)).toEqual([
    'telemetry/health-server.ts → node:http',
    'codec-server/server.ts → node:http',
    'codec-server/server.ts → node:https',
  ]);
  for (const file of ['telemetry/health-server.ts', 'codec-server/server.ts']) {
    const taken = [...text(file).matchAll(/import \{([^}]*)\} from 'node:https?'/g)];
    const values = taken.flatMap(([, list = '']) => list.split(',').filter((name) => !/^ *type /.test(name)));
    expect(values.filter((name) => !/^ *createServer( as \w+)? *$/.test(name))).toEqual([]);
  }
});

test('nothing of the product leads into the local stack, and nothing at all into the tests', () => {
  const strays = imports.filter(
    ({ room, leadsTo }) => leadsTo === 'test' || (leadsTo === 'local' && room !== 'local'),
  );
  expect(strays.map(show)).toEqual([]);
});

test('the environment is read in config/, and handed in by the command', () => {
  const readers = product.filter((file) =>
    /process\s*\.\s*env|process\[['"]env|\benv\b[^;]*from 'node:process'/.test(text(file)),
  );
  expect(readers.filter((file) => !/^(config|cli)\//.test(file))).toEqual([]);
});

test('no file is longer than 300 lines', () => {
  const long = [...product, ...sources('local')].filter((file) => text(file).split('\n').length > 301);
  expect(long).toEqual([]);
});

test('imports go round in no circle', () => {
  const next = new Map<string, string[]>();
  for (const { file, target, leadsTo, typeOnly } of imports)
    if (leadsTo && !typeOnly) next.set(file, [...(next.get(file) ?? []), target]);
  const circles: string[][] = [];
  const done = new Set<string>();
  const walk = (file: string, trail: string[]): void => {
    if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file]);
    else if (!done.has(file)) for (const target of next.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  expect(circles).toEqual([]);
});

describe('package.json', () => {
  const { dependencies, devDependencies, scripts } = JSON.parse(text('package.json')) as Record<
    'dependencies' | 'devDependencies' | 'scripts',
    Record<string, string>
  >;

  test('has at most fifteen dependencies at run time and a dozen scripts', () => {
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(15);
    expect(Object.keys(scripts).length).toBeLessThanOrEqual(12);
  });

  test('has all of Temporal on one exact version', () => {
    const temporal = Object.entries({ ...dependencies, ...devDependencies }).filter(([name]) =>
      name.startsWith('@temporalio/'),
    );
    const versions = new Set(temporal.map(([, version]) => version));
    expect(temporal.length).toBeGreaterThan(4);
    expect([...versions]).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  });

  test('names every package that the product imports, and none that it does not', () => {
    const used = imports.filter(
      ({ room, leadsTo, target }) => room !== 'local' && !leadsTo && !target.startsWith('node:'),
    );
    const names = [...new Set(used.map(({ target }) => target))].sort();
    expect(names.filter((name) => !(name in dependencies))).toEqual([]);
    expect(Object.keys(dependencies).filter((name) => !names.includes(name))).toEqual([]);
  });
});
