/** The mapping file on disk: changed in place, replaced, and swapped as Kubernetes swaps a ConfigMap. */
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type LoadedMappings,
  loadMappings,
  type MappingWatch,
  watchMappings,
} from '../../../port/mapping/mapping-file.js';
import { useEvaluator } from './evaluators.js';

const evaluator = useEvaluator({ threads: 1 });
const DEADLINE_MS = 60_000;
let folder: string;
let watched: MappingWatch | undefined;
let changes: LoadedMappings[];
let problems: string[][];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mappings-'));
  changes = [];
  problems = [];
});
afterEach(async () => {
  watched?.close();
  watched = undefined;
  await rm(folder, { recursive: true, force: true });
});

const content = (url: string) => JSON.stringify([{ url }]);

async function watchFile(path: string): Promise<MappingWatch> {
  watched = await watchMappings(path, {
    compile: evaluator().compile,
    onChange: (loaded) => changes.push(loaded),
    onProblem: (found) => problems.push(found),
  });
  return watched;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a file that is written over is picked up, with another version', async () => {
  const path = join(folder, 'map.json');
  await writeFile(path, content('.a'));
  const watch = await watchFile(path);
  const { version } = watch.current;
  expect(version).toMatch(/^[0-9a-f]{12}$/);
  await writeFile(path, content('.b'));
  await until(() => changes.length > 0);
  expect(watch.current.mappings[0]?.url).toBe('.b');
  expect(changes[0]).toBe(watch.current);
  expect(watch.current.version).not.toBe(version);
});

test("a ConfigMap's swap of symbolic links is picked up, forth and back", async () => {
  for (const [name, url] of [
    ['..v1', '.a'],
    ['..v2', '.b'],
  ] as const) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'map.json'), content(url));
  }
  const point = async (to: string) => {
    await symlink(to, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await point('..v1');
  await symlink(join('..data', 'map.json'), join(folder, 'map.json'));
  const watch = await watchFile(join(folder, 'map.json'));
  const first = watch.current.version;
  await point('..v2');
  await until(() => changes.length === 1);
  expect(watch.current.mappings[0]?.url).toBe('.b');
  await point('..v1');
  await until(() => changes.length === 2);
  expect(watch.current.version).toBe(first);
  expect(problems).toEqual([]);
});

test('a broken version leaves the old one and is told once; the next whole one counts', async () => {
  const path = join(folder, 'map.json');
  await writeFile(path, content('.a'));
  const watch = await watchFile(path);
  await writeFile(path, '[{"body": []}, {"url": ".new"}]');
  await until(() => problems.length > 0);
  expect(problems).toEqual([[expect.stringContaining('map.json: mapping 0, body: must not be an array')]]);
  expect(watch.current.mappings[0]?.url).toBe('.a');
  await writeFile(path, content('.c'));
  await until(() => changes.length > 0);
  expect(watch.current.mappings[0]?.url).toBe('.c');
  expect(problems).toHaveLength(1);
});

test('a file that goes away leaves its last version', async () => {
  const path = join(folder, 'map.json');
  await writeFile(path, content('.a'));
  const watch = await watchFile(path);
  await unlink(path);
  await until(() => problems.length > 0);
  expect(problems).toEqual([[`${path}: can't be read (ENOENT)`]]);
  expect(watch.current.mappings).toHaveLength(1);
});

test('the same content again is no change', async () => {
  const path = join(folder, 'map.json');
  await writeFile(path, content('.a'));
  await watchFile(path);
  await writeFile(join(folder, 'new.json'), content('.a'));
  await rename(join(folder, 'new.json'), path);
  await writeFile(path, content('.b'));
  await until(() => changes.length > 0);
  expect(changes.map(({ mappings }) => mappings[0]?.url)).toEqual(['.b']);
});

test('a first version that is missing or broken is an error with every reason', async () => {
  const { compile } = evaluator();
  const path = join(folder, 'map.json');
  await expect(watchFile(path)).rejects.toMatchObject({
    name: 'MappingFileError',
    problems: [`${path}: can't be read (ENOENT)`],
  });
  await writeFile(path, '{"body": [], "headers": 1}');
  await expect(loadMappings(path, compile)).rejects.toThrow(
    /headers: must be .*\n.*body: must not be an array/,
  );
});
