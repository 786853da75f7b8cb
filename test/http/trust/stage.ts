/** A directory that vanishes with the test, and real TLS connections. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, createServer, type SecureContext, type TLSSocket, type TlsOptions } from 'node:tls';
import type { TrustSources } from '../../../http/trust/trust-sources.js';
import type { IssuedCertificate } from '../../../local/parts/test-ca.js';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** Open to every user, as mounts are. */
export function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'trust-'));
  chmodSync(directory, 0o755);
  directories.push(directory);
  return directory;
}

/** Writes a file, with the directories above it; returns its path. */
export function put(directory: string, name: string, content: string | Buffer): string {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Nothing but Node's own roots, unless the test says so. */
export function sources(given: Partial<TrustSources>): TrustSources {
  return { bundleOnly: false, mounted: [], system: [], ...given };
}

/** As a user without special rights, for whom permissions count: root reads everything. */
export function asOrdinaryUser<T>(run: () => T): T {
  if (process.geteuid?.() !== 0) return run();
  process.seteuid?.(65534);
  try {
    return run();
  } finally {
    process.seteuid?.(0);
  }
}

export const LOCAL = { commonName: 'localhost', ipAddresses: ['127.0.0.1'] };

/** Makes one connection to such a server; returns what it says first, `trusted`, or the error's code. */
export async function handshake(
  { certPem, keyPem }: IssuedCertificate,
  secureContext: SecureContext,
  server: TlsOptions = {},
): Promise<string> {
  const greet = (socket: TLSSocket) => socket.on('error', () => {}).end(peerOf(socket) ?? 'trusted');
  const listener = createServer({ ...server, cert: certPem, key: keyPem }, greet);
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', secureContext });
  try {
    // Under TLS 1.3 a client learns only with the first data that its certificate was refused.
    const [said] = await once(socket, 'data');
    return String(said);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    socket.destroy();
    listener.close();
  }
}

function peerOf(socket: TLSSocket): string | undefined {
  const name = socket.getPeerCertificate()?.subject?.CN;
  return typeof name === 'string' ? `hello ${name}` : undefined;
}
