import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { createAuthentication } from '../../codec-server/authenticate.js';
import { startServer } from '../../codec-server/server.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { createEncryption } from '../../temporal/codec/encryption.js';
import { CODEC_KEYS, keysOf, startCodecServer, TOKEN } from './server.js';

const ca = createTestCa('Test CA');
const folder = mkdtempSync(join(tmpdir(), 'codec-tls-'));
const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
afterAll(() => rmSync(folder, { recursive: true }));

/** Puts a certificate of this name into the files. */
function renew(commonName: string, files: ('cert' | 'key')[] = ['cert', 'key']): void {
  const { certPem, keyPem } = ca.issue({ commonName, dnsNames: ['localhost'] });
  if (files.includes('cert')) writeFileSync(tls.certFile, certPem);
  if (files.includes('key')) writeFileSync(tls.keyFile, keyPem);
}

/** Whose certificate is shown; verified. */
async function nameShown(port: number): Promise<string | string[] | undefined> {
  const socket = connect({ port, host: 'localhost', servername: 'localhost', ca: ca.caPem });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

async function start(lookEveryMs: number) {
  const log: string[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const config = { allowedOrigins: [], namespaces: ['default'], encodes: false, tls };
  const desk = {
    config,
    codec: createEncryption(keysOf(CODEC_KEYS)),
    authenticate: createAuthentication(),
    logger,
  };
  return { log, ...(await startServer({ port: 0, tls, lookEveryMs }, desk)) };
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isTrue()); ) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a renewed certificate is shown without a restart; half a one is not, and is told once', async () => {
  renew('first');
  const server = await start(10);
  try {
    expect(await nameShown(server.port)).toBe('first');
    renew('half', ['cert']);
    await until(() => server.log.some((line) => /stays as it is: .* does not belong to the key/.test(line)));
    expect(await nameShown(server.port)).toBe('first');
    renew('second');
    await until(async () => (await nameShown(server.port)) === 'second');
    expect(server.log.filter((line) => /stays as it is/.test(line))).toHaveLength(1);
    expect(server.log.join('')).toMatch(/shown is now CN=second \(until /);
  } finally {
    await server.close();
  }
});

test('with a certificate the sessions of browsers stay off plain HTTP, and plain HTTP is not answered', async () => {
  renew('codec');
  const dispatcher = new Agent({ connect: { ca: ca.caPem } });
  const server = await startCodecServer({
    CODEC_SERVER_TLS_CERT_PATH: tls.certFile,
    CODEC_SERVER_TLS_KEY_PATH: tls.keyFile,
  });
  try {
    const answer = await request(`${server.url}/sign-in`, {
      method: 'POST',
      body: `token=${TOKEN}`,
      dispatcher,
    });
    expect(answer.headers['set-cookie']).toMatch(/; Secure$/);
    await expect(fetch(`http://localhost:${server.port}/`)).rejects.toThrow();
  } finally {
    await dispatcher.close();
    await server.stop();
  }
});

test('a port that is taken is a mistake of the configuration', async () => {
  const first = await startCodecServer();
  try {
    await expect(startCodecServer({ CODEC_SERVER_PORT: `${first.port}` })).rejects.toThrow(
      /CODEC_SERVER_PORT names a port that another process has; choose a free one/,
    );
  } finally {
    await first.stop();
  }
});

test('who connects and says nothing does not keep the server from closing', async () => {
  renew('first');
  const server = await start(1000);
  const silent = connectPlain({ port: server.port, host: 'localhost' });
  await once(silent, 'connect');
  await server.close();
  silent.destroy();
});
