/**
 * Connections for requests: one of its own for each, or shared ones that stay open.
 *
 * A target gets a connection of its own for each request: on one that was used before, a lost request can't be
 * told from a connection that was stale.
 */
import type { Socket } from 'node:net';
import { type buildConnector, Client, type Dispatcher, Pool } from 'undici';
import { type Means, openConnection } from './connection/open.js';
import type { Route } from './connection/route.js';
import { authorityOf } from './connection/step.js';
import { type CallLabel, NotSentError } from './errors.js';
import type { Trust } from './trust/trust.js';

/** What a request is dispatched on. */
export interface Line {
  dispatcher: Dispatcher;
  /** To be called when the answer was read. */
  release(): void;
}

export interface Lines {
  /** @throws NotSentError when no connection can be opened before `signal` says that time is up. */
  open(route: Route, origin: string, call: CallLabel, signal: AbortSignal): Promise<Line>;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

/** A shared connection is not opened for one request alone, so it has a deadline of its own. */
const SHARED_CONNECT_TIMEOUT_MS = 15_000;

/** Deadlines are the caller's. */
const OPTIONS = { headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 64 * 1024 };

/** A line for each request. */
export function createOwnLines(means: Means): Lines {
  const open = new Set<Client>();
  return {
    async open(route, origin, call, signal) {
      const socket = await openConnection(route, means, call, signal);
      const client = new Client(origin, { ...OPTIONS, pipelining: 0, connect: once(socket, call) });
      open.add(client);
      const release = (): void => {
        open.delete(client);
        socket.destroy();
        client.destroy().catch(() => {});
      };
      return { dispatcher: client, release };
    },
    async close() {
      await Promise.all([...open].map((client) => client.destroy()));
    },
  };
}

/** Hands out an open socket, and no other: undici asks again and again for one when a connection is lost early. */
function once(socket: Socket, call: CallLabel): buildConnector.connector {
  let given = false;
  const lost = { phase: 'connect', to: call.host, code: 'ECONNRESET' } as const;
  return (_target, done) => {
    // Not at once: undici would be called back in the middle of what it does.
    setImmediate(() => {
      if (given || socket.destroyed) return done(new NotSentError(call, lost), null);
      given = true;
      done(null, socket as never);
    });
  };
}

/** Lines that stay open and are shared, until what is trusted changes: then new ones take over. */
export function createSharedLines(means: Means, currentTrust: () => Trust): Lines {
  const pools = new Map<string, { pool: Pool; trust: Trust }>();

  const poolFor = (route: Route, origin: string, call: CallLabel): Pool => {
    const key = `${origin} ${route.proxy ? `${route.proxy.scheme} ${authorityOf(route.proxy)}` : ''}`;
    const known = pools.get(key);
    const trust = currentTrust();
    if (known?.trust === trust) return known.pool;
    known?.pool.close().catch(() => {});
    const pool = new Pool(origin, {
      ...OPTIONS,
      connect: (_target, done) => {
        openConnection(route, means, call, AbortSignal.timeout(SHARED_CONNECT_TIMEOUT_MS)).then(
          (socket) => done(null, socket as never),
          (error: Error) => done(error, null),
        );
      },
    });
    pools.set(key, { pool, trust });
    return pool;
  };

  return {
    open: async (route, origin, call) => ({ dispatcher: poolFor(route, origin, call), release: () => {} }),
    async close() {
      await Promise.all([...pools.values()].map(({ pool }) => pool.destroy()));
    },
  };
}
