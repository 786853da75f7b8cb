/** What SECURITY.md says about what the product is built from. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Locked {
  dev?: boolean;
  integrity?: string;
  license?: string;
  resolved?: string;
}

const locked = Object.entries(
  JSON.parse(read('package-lock.json')).packages as Record<string, Locked>,
).filter(([path]) => path !== '');

test('the lock file has a checksum for every package, and no source of its own', () => {
  expect(locked.length).toBeGreaterThan(100);
  expect(
    locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
  ).toEqual([]);
  expect(locked.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
});

test("install scripts are off, in the image's build too", () => {
  expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
  expect(read('deploy/Dockerfile')).toMatch(/^COPY package.json package-lock.json .npmrc /m);
});

/** Packages whose package.json does not say what their licence file does. */
const BY_FILE: Record<string, string> = { 'node_modules/unionfs': 'Unlicense' };

test('licences are those that SECURITY.md names', () => {
  const found = locked
    .filter(([, { dev }]) => !dev)
    .flatMap(([path, { license }]) => (license ?? BY_FILE[path] ?? `none: ${path}`).split(' AND '));
  const named = /<!-- licences -->\n(.*)\n<!-- \/licences -->/.exec(read('SECURITY.md'))?.[1]?.split(', ');
  expect([...new Set(found)].sort()).toEqual(named);
});

describe.each(readdirSync(join(ROOT, '.github/workflows')))('the workflow %s', (file) => {
  const text = read(`.github/workflows/${file}`);

  test('pins every action by commit, and says its version', () => {
    const actions = [...text.matchAll(/uses: (\S+)(.*)/g)].filter(([, name = '']) => !name.startsWith('./'));
    expect(actions.length).toBeGreaterThan(0);
    for (const [, name, comment] of actions)
      expect(`${name}${comment}`).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('has no right but those that a job asks for', () => {
    expect(text).toMatch(/^permissions: \{\}$/m);
    expect(text.match(/^ {2}\w+:\n/gm)?.length).toBeGreaterThan(0);
    expect(text).not.toMatch(/write-all|contents: write/);
  });
});
