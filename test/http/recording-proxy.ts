/** An HTTP proxy that remembers what it was asked: CONNECT and absolute-form, on its own TLS or without. */
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { closing } from './raw-server.js';

export interface Asked {
  method: string;
  /** `target.test:443` with CONNECT, an address otherwise. */
  target: string;
  headers: IncomingMessage['headers'];
  /** The name that the client asked for in TLS with the proxy. */
  servername?: string | false;
}

export interface RecordingProxy {
  /** With the scheme it speaks. */
  url: string;
  asked: Asked[];
  close(): Promise<void>;
}

export interface RecordingProxyOptions {
  tls?: { cert: string; key: string };
  /** Where names lead. */
  hosts?: Record<string, number>;
  host?: string;
}

export async function startRecordingProxy(options: RecordingProxyOptions = {}): Promise<RecordingProxy> {
  const asked: Asked[] = [];
  const { hosts = {}, host = '127.0.0.1' } = options;
  const portOf = (url: URL): number => hosts[url.host] ?? Number(url.port || 80);
  const server: Server = options.tls ? createSecureServer(options.tls) : createServer();

  const remember = (incoming: IncomingMessage): void => {
    const { servername } = incoming.socket as TLSSocket;
    const { method = '', url: target = '', headers } = incoming;
    asked.push({ method, target, headers, ...(servername != null && { servername }) });
  };
  server.on('request', (incoming, outgoing) => {
    remember(incoming);
    const url = new URL(incoming.url ?? '');
    const { method, headers } = incoming;
    const forward = request({
      host: '127.0.0.1',
      port: portOf(url),
      path: url.pathname + url.search,
      method,
      headers,
    });
    forward.on('error', () => outgoing.writeHead(502).end());
    forward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forward);
  });
  server.on('connect', (incoming: IncomingMessage, client, head: Buffer) => {
    remember(incoming);
    const upstream = connect(portOf(new URL(`http://${incoming.url}`)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    client.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return closing({
    url: `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
