/** Servers that speak nothing of their own accord: what they do with a connection is the test's. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { createOutbound, type Outbound, type OutboundProfile } from '../../http/outbound.js';
import { type NetworkOptions, testNetwork } from '../support/network.js';

const closers: (() => unknown)[] = [];

/** Closes everything that was opened with the functions below, last first. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export function closing<T extends { close(): unknown }>(what: T): T {
  closers.push(() => what.close());
  return what;
}

/** What targets are called with, on a network of the test's. */
export function wayOut(network: NetworkOptions = {}, profile: Partial<OutboundProfile> = {}): Outbound {
  return closing(
    createOutbound({
      network: testNetwork(network),
      verifyTls: true,
      keepAlive: false,
      followRedirects: true,
      userAgent: 'test',
      ...profile,
    }),
  );
}

export interface RawServer {
  /** `127.0.0.1:40001`. */
  host: string;
  port: number;
  /** How many connections were made. */
  connections: number;
  close(): Promise<void>;
}

export function rawServer(onConnection: (socket: Socket) => void): Promise<RawServer> {
  return listening(createServer({ allowHalfOpen: true }), 'connection', onConnection);
}

export function rawTlsServer(
  options: TlsOptions,
  onConnection: (socket: TLSSocket) => void,
): Promise<RawServer> {
  const server = createTlsServer(options);
  server.on('tlsClientError', () => {});
  return listening(server, 'secureConnection', onConnection);
}

async function listening<S extends Socket>(
  server: Server,
  event: string,
  onConnection: (socket: S) => void,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const raw: RawServer = { host: '', port: 0, connections: 0, close };
  server.on('connection', (socket: Socket) => {
    raw.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on(event, (socket: S) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  raw.port = (server.address() as AddressInfo).port;
  raw.host = `127.0.0.1:${raw.port}`;
  function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  }
  return closing(raw);
}

/** Resolves with the bytes of a whole request with a body of `bodyBytes`. */
export function requestOn(socket: Socket, bodyBytes: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const end = text.indexOf('\r\n\r\n');
      if (end >= 0 && text.length >= end + 4 + bodyBytes) resolve(text);
    });
  });
}
