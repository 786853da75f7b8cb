import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { type Config, ConfigurationError, type Environment, loadConfig } from '../../config/config.js';
import { findTriggerToken } from '../../port/trigger-token.js';
import { REQUIRED } from './required.js';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
  }
});

/** A folder with these files. */
function secretsDir(files: Record<string, string | Buffer> = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'secrets-dir-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
  return folder;
}

/** As Kubernetes lays out a volume: the keys are links into `..data`, which is a link to a dated folder. */
function volume(files: Record<string, string>): string {
  const folder = secretsDir();
  const dated = '..2026_01_01_00_00_00.000000001';
  mkdirSync(path.join(folder, dated));
  symlinkSync(dated, path.join(folder, '..data'));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(folder, dated, name), content);
    symlinkSync(path.join('..data', name), path.join(folder, name));
  }
  return folder;
}

function load(folder: string, environment: Environment = REQUIRED): Config {
  return loadConfig({ ...environment, SECRETS_DIR: folder });
}

function refusal(folder: string, environment: Environment = REQUIRED): ConfigurationError {
  try {
    load(folder, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('files of SECRETS_DIR', () => {
  test('are variables, required ones too', () => {
    const folder = volume(REQUIRED);
    const { port, kafka, environment } = load(folder, {});
    const { port: samePort, kafka: sameKafka } = loadConfig(REQUIRED);
    expect({ port, kafka }).toEqual({ port: samePort, kafka: sameKafka });
    expect(environment).toEqual({ ...REQUIRED, SECRETS_DIR: folder });
  });

  test('are trigger tokens, whatever their names', () => {
    const folder = volume({ '3d-x_y.z': 'glptt-1', 'a.b_c': 'glptt-2\n' });
    const { environment } = load(folder);
    expect(findTriggerToken('3d-x', 'y.z', environment)).toEqual({ token: 'glptt-1' });
    expect(findTriggerToken('a.b', 'c', environment)).toEqual({ token: 'glptt-2' });
  });

  test('reach whoever reads a variable: proxies, the address of Temporal, its key', () => {
    const files = {
      HTTPS_PROXY: 'http://u:p@proxy.corp:3128\n',
      TEMPORAL_HTTP_PROXY: 'http://u:p@proxy.corp:3129',
      TEMPORAL_API_KEY: 'key\n',
      TEMPORAL_TLS: 'yes',
    };
    const config = load(secretsDir(files));
    expect(config.notices.join('\n')).toContain('proxy.corp:3128');
    expect(config.temporal.proxy).toMatchObject({ targetHost: 'proxy.corp:3129' });
    expect(config.environment).toMatchObject({ TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'true' });
  });

  test.each([
    ['one line break is dropped', 'a\n', 'a'],
    ['one of Windows too', 'a\r\n', 'a'],
    ['only one', 'a\n\n', 'a\n'],
    ['a mark of UTF-8 is dropped', '\uFEFFa', 'a'],
    ['all else stays', ' a b\n c ', ' a b\n c '],
  ])('%s', (_, content, value) => {
    expect(load(secretsDir({ TOKEN: content })).environment['TOKEN']).toBe(value);
  });

  test('hidden files and folders are passed over', () => {
    const folder = volume({ TOKEN: 'a' });
    writeFileSync(path.join(folder, '.hidden'), 'b');
    mkdirSync(path.join(folder, 'lost+found'));
    expect(load(folder).environment).toEqual({ ...REQUIRED, SECRETS_DIR: folder, TOKEN: 'a' });
  });

  test('may say what the environment says, and an empty one says nothing', () => {
    const folder = secretsDir({ PORT_CLIENT_SECRET: `${REQUIRED.PORT_CLIENT_SECRET}\n`, PORT_ORG_ID: '' });
    const config = load(folder, { ...REQUIRED, GITLAB_URL: ' ' });
    expect(config.port).toMatchObject({
      clientSecret: REQUIRED.PORT_CLIENT_SECRET,
      orgId: REQUIRED.PORT_ORG_ID,
    });
    writeFileSync(path.join(folder, 'GITLAB_URL'), 'https://gitlab.corp');
    expect(load(folder, { ...REQUIRED, GITLAB_URL: ' ' }).calls.gitlabUrl).toBe('https://gitlab.corp');
  });
});

describe('mistakes with SECRETS_DIR', () => {
  test('a variable that the environment sets to something else is named, without either value', () => {
    const error = refusal(secretsDir({ PORT_CLIENT_SECRET: 'planted-1', LOG_LEVEL: 'INFO' }), {
      ...REQUIRED,
      PORT_CLIENT_SECRET: 'planted-2',
    });
    expect(error.problems).toEqual([
      expect.stringMatching(/^PORT_CLIENT_SECRET is set in the environment, and/),
    ]);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('planted');
  });

  test('a folder that is not there is named, beside all other mistakes', () => {
    expect(refusal('/no/such/folder', {}).problems).toEqual([
      'SECRETS_DIR names /no/such/folder, which cannot be read (ENOENT); check that the folder is mounted, and its permissions',
      expect.stringMatching(/^PORT_ORG_ID is missing/),
      expect.stringMatching(/^PORT_CLIENT_ID is missing/),
      expect.stringMatching(/^PORT_CLIENT_SECRET is missing/),
      expect.stringMatching(/^KAFKA_CONSUMER_GROUP_ID is missing/),
    ]);
  });

  test('a file in the place of the folder is named', () => {
    const file = path.join(secretsDir({ TOKEN: 'planted' }), 'TOKEN');
    expect(refusal(file).problems).toEqual([
      expect.stringContaining(`${file}, which cannot be read (ENOTDIR)`),
    ]);
  });

  test.each([
    ['leads nowhere', (file: string) => symlinkSync('/no/such/file', file), 'cannot be read (ENOENT)'],
    [
      'is no text',
      (file: string) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x41, 0])),
      'is no UTF-8 text',
    ],
    ['is huge', (file: string) => writeFileSync(file, 'planted'.repeat(200_000)), 'is too large'],
  ])('a file that %s is named', (_, make, said) => {
    const folder = secretsDir();
    make(path.join(folder, 'TOKEN'));
    const { problems } = refusal(folder);
    expect(problems).toEqual([
      expect.stringContaining(`SECRETS_DIR holds ${path.join(folder, 'TOKEN')}, which ${said}`),
    ]);
    expect(problems.join()).not.toContain('planted');
  });

  test.each([
    ['folder', 'SECRETS_DIR names'],
    ['file', 'SECRETS_DIR holds'],
  ])('a %s that may not be read is named', (kind, said) => {
    const folder = secretsDir({ TOKEN: 'planted' });
    chmodSync(path.join(folder, 'TOKEN'), kind === 'file' ? 0 : 0o644);
    chmodSync(folder, kind === 'file' ? 0o755 : 0);
    const { problems } = asNobody(() => refusal(folder));
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${said}.*cannot be read \\(EACCES\\)`))]);
  });
});

/** Root may read everything, so root becomes somebody else for a moment. */
function asNobody<T>(act: () => T): T {
  const NOBODY = 65_534;
  if (process.getuid?.() !== 0) return act();
  process.seteuid?.(NOBODY);
  try {
    return act();
  } finally {
    process.seteuid?.(0);
  }
}
