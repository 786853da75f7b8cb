/** The command as its user types it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const MAIN = join(process.cwd(), 'dist/cli/main.js');
const GOOD =
  'env:\n  normal: {PORT_ORG_ID: o, KAFKA_CONSUMER_GROUP_ID: o.a}\n  secret: {PORT_CLIENT_ID: i, PORT_CLIENT_SECRET: s}\n';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'migrate-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function command(args: string[], input = '') {
  return spawnSync(process.execPath, [MAIN, 'migrate-values', ...args], { input, encoding: 'utf8' });
}

function file(text: string): string {
  const path = join(dir, 'old.yaml');
  writeFileSync(path, text);
  return path;
}

test('new values go to standard output, what to look at to standard error with its line', () => {
  const path = file(`${GOOD}replicaCount: 2\n`);
  const { stdout, stderr, status } = command([path]);
  expect(parse(stdout)).toMatchObject({ ...parse(GOOD), ingester: { replicas: 2 } });
  expect(stderr).toBe(`${path}:4: replicaCount: is called ingester.replicas now\n`);
  expect(status).toBe(0);
});

test('a file is taken from standard input', () => {
  const { stdout, stderr, status } = command(['-'], `${GOOD}replicaCount: 2\n`);
  expect(parse(stdout)).toMatchObject(parse(GOOD));
  expect(stderr).toBe('standard input:4: replicaCount: is called ingester.replicas now\n');
  expect(status).toBe(0);
});

test('what is left to do is said by the code at the end too', () => {
  const { stdout, stderr, status } = command(['-'], 'secret:\n  useExistingSecret: true\n');
  expect(parse(stdout)).toEqual({ secret: { useExistingSecret: true } });
  expect(stderr).toMatch(/^standard input:1: to do: secret.name: is missing/);
  expect(status).toBe(1);
});

test.each([
  [
    'no such file',
    ['/no/such/file.yaml'],
    '',
    /^\/no\/such\/file.yaml: cannot be read \(ENOENT\); give the path/,
  ],
  ['a folder', ['/'], '', /^\/: cannot be read \(EISDIR\)/],
  ['no values', ['-'], '', /^standard input: holds no values/],
])('%s is one line on standard error, and nothing else', (_, args, input, message) => {
  const { stdout, stderr, status } = command(args, input);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
});

test('without a file, or with two, it says how it is used', () => {
  for (const args of [[], ['a', 'b']]) {
    expect(command(args)).toMatchObject({ stdout: '', status: 2, stderr: expect.stringContaining('Usage:') });
  }
  expect(command(['--help'])).toMatchObject({
    stderr: '',
    status: 0,
    stdout: expect.stringContaining('Usage:'),
  });
});
