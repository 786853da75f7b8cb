/** The image's Dockerfile as its linter reads it, and what goes into the build. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findHadolint, type Linter, lint } from '../linters.js';

const ROOT = join(__dirname, '../../..');
const FETCH_MS = 300_000;

let hadolint: Linter;
beforeAll(async () => {
  hadolint = await findHadolint();
}, FETCH_MS);

describe('deploy/Dockerfile', () => {
  const read = () => readFile(join(ROOT, 'deploy/Dockerfile'), 'utf8');

  it('has no finding of hadolint', async () => {
    expect(await lint(hadolint, [join(ROOT, 'deploy/Dockerfile')])).toEqual({ passed: true, output: '' });
  });

  it('would have one with a shell before the agent', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'dockerfile-'));
    const file = join(dir, 'Dockerfile');
    await writeFile(file, (await read()).replace(/^ENTRYPOINT .*$/m, 'ENTRYPOINT node dist/cli/main.js'));
    const verdict = await lint(hadolint, [file]);
    await rm(dir, { recursive: true });
    expect(verdict).toMatchObject({ passed: false, output: expect.stringContaining('DL3025') });
  });

  it('is plain enough for Docker 20.10', async () => {
    expect(await read()).not.toMatch(/^# *syntax=|--link|--mount|<<[A-Z-]/m);
  });

  it('runs the agent without a shell and without root', async () => {
    const runtime = (await read()).match(/ AS runtime\n[\s\S]*?\nFROM/)?.[0] ?? '';
    expect(runtime).toContain(
      '\nENTRYPOINT ["/usr/bin/tini", "--", "node", "--enable-source-maps", "--disable-warning=TimeoutNegativeWarning", "/app/dist/cli/main.js"]\nCMD ["both"]',
    );
    expect(runtime).toMatch(/^HEALTHCHECK .*\\\n {2}CMD \["node", "--eval", "/m);
    expect(runtime).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });

  it('is built of every folder that the compiler is told of, and nothing that git ignores', async () => {
    const allowed = (await readFile(join(ROOT, '.dockerignore'), 'utf8'))
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    const { include } = JSON.parse(await readFile(join(ROOT, 'tsconfig.json'), 'utf8'));
    const folders = (include as string[]).filter((name) => name !== 'test');
    expect(allowed[0]).toBe('*');
    expect(allowed.slice(1).sort()).toEqual(
      [...folders, 'package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json']
        .map((name) => `!${name}`)
        .sort(),
    );
  });
});
