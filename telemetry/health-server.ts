/** Serves a process's health: `/livez` and `/readyz`, each 200 or 503 with the reasons as JSON. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Health } from './health.js';
import { listen } from './listen.js';

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

/** Whoever asks is a probe on the same network; a slow asker must not hold anything up. */
const LIMITS = {
  requestTimeout: 5000,
  headersTimeout: 5000,
  // How often Node looks for those that took longer; its own 30 s would be added to them.
  connectionsCheckingInterval: 2000,
  keepAliveTimeout: 5000,
  maxHeaderSize: 8192,
};

/**
 * Listens on every address, IPv4 and IPv6; port 0 takes a free one.
 *
 * @throws ConfigurationError when the port can't be had.
 */
export async function startHealthServer(health: Health, port: number): Promise<HealthServer> {
  const server = createServer(LIMITS, (request, response) => send(response, answerTo(request, health)));
  return {
    port: await listen(server, port, 'HEALTH_PORT'),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  body: object;
  headers?: Record<string, string>;
}

function answerTo({ url, method }: IncomingMessage, health: Health): Answer {
  const path = url?.split('?')[0];
  if (path !== '/livez' && path !== '/readyz')
    return { status: 404, body: { error: 'There is nothing here but /livez and /readyz.' } };
  if (method !== 'GET' && method !== 'HEAD') {
    const body = { error: `${path} is only read, with GET or HEAD.` };
    return { status: 405, body, headers: { Allow: 'GET, HEAD' } };
  }
  const word = path === '/readyz' ? 'ready' : 'live';
  const { isGood, reasons, notes } = word === 'ready' ? health.readiness() : health.liveness();
  const status = isGood ? word : `not ${word}`;
  return { status: isGood ? 200 : 503, body: { status, reasons, ...(notes.length > 0 && { notes }) } };
}

/** Node leaves the body out of an answer to HEAD. */
function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(`${JSON.stringify(body)}\n`);
}
