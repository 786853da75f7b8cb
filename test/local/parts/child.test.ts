import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformFile } from '@swc/core';
import { PartFailed, runCommand, startChild } from '../../../local/parts/child.js';

const node = process.execPath;

/** Connects, so that its death shows as a closed connection, and does not mind a SIGTERM. */
const STUBBORN = (port: number): string =>
  `process.on('SIGTERM', () => console.log('no')); require('net').connect(${port}, '127.0.0.1', () => console.log('up'))`;

/** Hands out the connections that children make to it. */
async function startWitness(): Promise<{ port: number; nextChild(): Promise<Socket>; close(): void }> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async nextChild() {
      const [socket] = (await once(server, 'connection')) as [Socket];
      socket.on('error', () => {}).resume();
      return socket;
    },
    close: () => server.close(),
  };
}

describe('startChild', () => {
  it('says which part failed, why, and its last words when a child ends too early', async () => {
    const start = startChild({
      name: 'Kafka',
      command: node,
      args: ['-e', 'console.log("reading"); console.error("no such file"); process.exitCode = 3'],
      ready: /never/,
    });
    const error = await start.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(PartFailed);
    const failed = error as PartFailed;
    expect(failed.part).toBe('Kafka');
    expect(failed.reason).toBe('exited with code 3 before it was ready');
    expect([...failed.lastLines].sort()).toEqual(['no such file', 'reading']);
    expect(failed.message).toContain('Kafka exited with code 3 before it was ready\n  ');
    expect(failed.message).toContain('no such file');
  });

  it('names a command that does not exist', async () => {
    await expect(startChild({ name: 'Java', command: '/nowhere/java' })).rejects.toThrow(
      'Java could not be started: spawn /nowhere/java ENOENT',
    );
  });

  it('kills a child that is not ready in time, and keeps the last answer to the question', async () => {
    const witness = await startWitness();
    const dead = witness.nextChild().then((socket) => once(socket, 'close'));
    const start = startChild({
      name: 'Temporal',
      command: node,
      args: ['-e', STUBBORN(witness.port)],
      ready: () => Promise.reject(new Error('connection refused')),
      // Long enough for it to connect.
      readyTimeoutMs: 4000,
    });
    await expect(start).rejects.toThrow('Temporal was not ready after 4 s: connection refused');
    await dead;
    witness.close();
  });

  it('kills a child whose start is given up, and leaves alone one that is ready', async () => {
    const witness = await startWitness();
    const connected = witness.nextChild();
    const givenUp = new AbortController();
    const child = { name: 'Part', command: node, args: ['-e', STUBBORN(witness.port)] };
    const start = startChild({ ...child, ready: /never/, signal: givenUp.signal });
    const dead = once(await connected, 'close');
    givenUp.abort(new Error('given up'));
    await expect(start).rejects.toThrow('given up');
    await dead;
    await expect(startChild({ ...child, signal: givenUp.signal })).rejects.toThrow('given up');

    const later = new AbortController();
    const ready = await startChild({ ...child, ready: /^up$/, signal: later.signal });
    later.abort();
    expect(ready.isRunning()).toBe(true);
    await ready.stop(0);
    witness.close();
  });

  it('is ready at a line of the log, which is kept', async () => {
    const seen: string[] = [];
    const child = await startChild({
      name: 'Part',
      command: node,
      args: ['-e', 'console.log("one\\ntwo"); setInterval(() => {}, 1000)'],
      ready: /^two$/,
      onLine: (line) => seen.push(line),
    });
    expect(child.isRunning()).toBe(true);
    expect(child.lines(1)).toEqual(['two']);
    expect(seen).toEqual(['one', 'two']);
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.isRunning()).toBe(false);
  });

  it('kills a child that ignores SIGTERM, after its grace', async () => {
    const witness = await startWitness();
    const connected = witness.nextChild();
    const child = await startChild({
      name: 'Part',
      command: node,
      args: ['-e', STUBBORN(witness.port)],
      ready: /^up$/,
    });
    const dead = once(await connected, 'close');
    expect(await child.stop(2000)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(child.lines(1)).toEqual(['no']);
    await dead;
    witness.close();
  });

  it('takes what a child has started along with it', async () => {
    const witness = await startWitness();
    const connected = witness.nextChild();
    const inner = `${JSON.stringify(node)} -e ${JSON.stringify(STUBBORN(witness.port))}`;
    const child = await startChild({
      name: 'Part',
      command: 'sh',
      args: ['-c', `${inner} & wait`],
      ready: /^up$/,
    });
    const dead = once(await connected, 'close');
    child.signal('SIGKILL');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await dead;
    witness.close();
  });
});

describe('runCommand', () => {
  it('returns the lines of a command that succeeds', async () => {
    const options = { name: 'Part', command: node, env: { GREETING: 'hello' } };
    await expect(runCommand({ ...options, args: ['-p', 'process.env.GREETING'] })).resolves.toEqual([
      'hello',
    ]);
  });

  it('fails with the log of one that does not', async () => {
    const run = runCommand({ name: 'Download', command: 'sh', args: ['-c', 'echo no space left; exit 1'] });
    await expect(run).rejects.toThrow('Download failed: sh exited with code 1\n  no space left');
  });
});

describe('the death of the parent', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'orphans-'));
    await writeFile(join(dir, 'package.json'), '{"type":"module"}');
    for (const file of ['child', 'orphans']) {
      const { code } = await transformFile(join(__dirname, `../../../local/parts/${file}.ts`), {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      });
      await writeFile(join(dir, `${file}.js`), code);
    }
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it.each([
    ['calls process.exit', 'process.exit(0)', undefined],
    ['throws an error that nobody catches', 'setTimeout(() => { throw new Error("boom") })', undefined],
    [
      'fails to start another part',
      `await startChild({ name: 'Other', command: 'sh', args: ['-c', 'exit 1'], ready: /never/ })`,
      undefined,
    ],
    ['is interrupted with Ctrl-C', 'console.log("up")', 'SIGINT'],
    ['is terminated', 'console.log("up")', 'SIGTERM'],
    ['is killed', 'console.log("up")', 'SIGKILL'],
  ] as const)('is the death of its children when it %s', async (_, end, signal) => {
    const witness = await startWitness();
    const connected = witness.nextChild();
    const script = join(dir, `parent-${witness.port}.js`);
    const args = JSON.stringify(['-e', STUBBORN(witness.port)]);
    await writeFile(
      script,
      `import { startChild } from './child.js';
      const first = await startChild({ name: 'First', command: 'sh', args: ['-c', 'exec sleep 60'] });
      await startChild({ name: 'Part', command: process.execPath, args: ${args}, ready: /^up$/ });
      await first.stop(0);
      ${end};`,
    );
    const parent = spawn(node, [script], { stdio: ['ignore', 'pipe', 'ignore'] });
    const exited = once(parent, 'exit');
    const dead = once(await connected, 'close');
    if (signal) {
      await once(parent.stdout, 'data');
      parent.kill(signal);
    }
    await dead;
    const [, endedBy] = (await exited) as [number | null, NodeJS.Signals | null];
    expect(endedBy).toBe(signal ?? null);
    witness.close();
  });
});
