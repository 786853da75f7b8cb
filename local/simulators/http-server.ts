/**
 * The ground under every simulator: raw-path routes, a journal of what was asked, faults on demand.
 *
 * Paths are matched undecoded, since GitLab tells `group%2Fproject` from `group/project`.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface SimRequest {
  method: string;
  /** As sent: not decoded, without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  rawBody: string;
  /** The capture groups of the route's path, still encoded. */
  params: string[];
}

export interface SimResponse {
  status: number;
  headers?: Record<string, string>;
  /** An object goes out as JSON, a string as it is. */
  body?: unknown;
}

export interface Route {
  /** `*` takes every method. */
  method: string;
  path: RegExp;
  handle(request: SimRequest): SimResponse | Promise<SimResponse>;
}

export interface JournalEntry extends Omit<SimRequest, 'params'> {
  at: number;
  /** What was answered; undefined while open, or when the connection was dropped. */
  status?: number;
  fault?: Fault['kind'];
}

/**
 * `respond` and `…Before` faults act before the request has had its effect, `…After` faults once it has. What is
 * held before it goes on when `until` resolves, if whoever asked is still there.
 */
export type Fault = {
  /** Which requests it hits; all when left out. */
  method?: string;
  path?: RegExp;
  /** How many requests it hits before it is used up; without end when left out. */
  times?: number;
} & (
  | { kind: 'respond' | 'respondAfter'; response: SimResponse }
  | { kind: 'delayBefore' | 'delayAfter'; ms: number }
  | { kind: 'holdBefore' | 'holdAfter'; until: Promise<unknown> }
  | { kind: 'dropBefore' | 'dropAfter' | 'hang' }
  | { kind: 'truncate'; bytes: number }
  | { kind: 'drip'; chunkBytes: number; everyMs: number }
);

export interface SimulatorServer {
  url: string;
  port: number;
  journal: JournalEntry[];
  /** Injects a fault; the function returned takes it back. */
  inject(fault: Fault): () => void;
  clearFaults(): void;
  /** Closes the listening socket, so that connections are refused, until `listen()`. */
  refuse(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

export interface ServerOptions {
  routes: Route[];
  notFound(request: SimRequest): SimResponse;
  /** Headers that the real service sends with every answer. */
  defaultHeaders?: () => Record<string, string>;
  host?: string;
  port?: number;
  tls?: { key: string; cert: string };
}

/** Starts a simulator's server on a free port (or `port`). */
export async function startSimulatorServer(options: ServerOptions): Promise<SimulatorServer> {
  const host = options.host ?? '127.0.0.1';
  const journal: JournalEntry[] = [];
  let faults: Fault[] = [];
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    answer(req, res).catch(() => res.destroy());
  };
  const server = options.tls
    ? createHttpsServer({ ...options.tls, keepAliveTimeout: 30_000 }, onRequest)
    : createHttpServer({ keepAliveTimeout: 30_000 }, onRequest);
  let port = options.port ?? 0;

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const [path = '/', ...search] = (req.url ?? '/').split('?');
    const request: SimRequest = {
      method: req.method ?? 'GET',
      path,
      query: new URLSearchParams(search.join('?')),
      headers: req.headers,
      rawBody: Buffer.concat(chunks).toString('utf8'),
      params: [],
    };
    const fault = takeFault(request);
    const { params: _, ...asked } = request;
    const entry: JournalEntry = { ...asked, at: Date.now(), ...(fault && { fault: fault.kind }) };
    journal.push(entry);

    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'dropBefore') return void res.destroy();
    if (fault?.kind === 'delayBefore') await delay(fault.ms);
    if (fault?.kind === 'holdBefore') {
      await fault.until;
      if (req.socket.destroyed) return;
    }
    const handled = fault?.kind === 'respond' ? fault.response : await handle(request);
    const response = fault?.kind === 'respondAfter' ? fault.response : handled;
    if (fault?.kind === 'dropAfter') return void res.destroy();
    if (fault?.kind === 'delayAfter') await delay(fault.ms);
    if (fault?.kind === 'holdAfter') await fault.until;
    entry.status = response.status;
    await write(res, response, fault);
  }

  function takeFault(request: SimRequest): Fault | undefined {
    const fault = faults.find(
      (f) =>
        (f.method === undefined || f.method === request.method) &&
        (f.path === undefined || f.path.test(request.path)),
    );
    if (fault?.times !== undefined && --fault.times <= 0) faults = faults.filter((f) => f !== fault);
    return fault;
  }

  function handle(request: SimRequest): SimResponse | Promise<SimResponse> {
    for (const route of options.routes) {
      const isMethod = route.method === '*' || route.method === request.method;
      const match = isMethod ? route.path.exec(request.path) : null;
      if (match) {
        request.params = match.slice(1);
        return route.handle(request);
      }
    }
    return options.notFound(request);
  }

  async function write(res: ServerResponse, response: SimResponse, fault: Fault | undefined): Promise<void> {
    const isText = typeof response.body === 'string';
    const body = Buffer.from(
      response.body === undefined ? '' : isText ? (response.body as string) : JSON.stringify(response.body),
    );
    res.writeHead(response.status, {
      ...(response.body === undefined
        ? {}
        : { 'content-type': isText ? 'text/plain' : 'application/json; charset=utf-8' }),
      ...(response.status === 204 ? {} : { 'content-length': String(body.length) }),
      ...options.defaultHeaders?.(),
      ...response.headers,
    });
    if (fault?.kind === 'truncate') {
      res.write(body.subarray(0, fault.bytes), () => res.destroy());
      return;
    }
    if (fault?.kind === 'drip') {
      for (let at = 0; at < body.length && !res.destroyed; at += fault.chunkBytes) {
        res.write(body.subarray(at, at + fault.chunkBytes));
        await delay(fault.everyMs);
      }
      res.end();
      return;
    }
    res.end(body);
  }

  const listen = async (): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    port = (server.address() as AddressInfo).port;
  };
  const refuse = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  await listen();
  return {
    url: `${options.tls ? 'https' : 'http'}://${host === '0.0.0.0' ? 'localhost' : host}:${port}`,
    port,
    journal,
    inject(fault) {
      const own = { ...fault };
      faults.push(own);
      return () => {
        faults = faults.filter((f) => f !== own);
      };
    },
    clearFaults() {
      faults = [];
    },
    refuse,
    listen,
    close: refuse,
  };
}
