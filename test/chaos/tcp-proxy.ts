/** A wire that can be cut: it stands between a client and a server, and knows nothing of what they say. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../../local/parts/ports.js';

export type Cut =
  /** Every piece arrives so much later, in order. */
  | { kind: 'latency'; ms: number }
  /** What is sent is swallowed, and nobody is told; new connections are accepted and lead nowhere. */
  | { kind: 'black hole' }
  /** Every connection, new ones too, is reset. */
  | { kind: 'reset' }
  /** The same, but that nothing listens any more. */
  | { kind: 'refuse' };

export interface TcpProxy {
  port: number;
  /** Replaces the cut before it. */
  cut(cut: Cut): Promise<void>;
  /** As before; connections that have swallowed something are reset, since they can't go on. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

interface Wire {
  client: Socket;
  server?: Socket;
  hasSwallowed: boolean;
}

/** Listens on a free port of this machine and passes everything on to `targetPort`. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const [port = 0] = await freePorts(1);
  const wires = new Set<Wire>();
  let current: Cut | undefined;

  const listener: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on('error', () => {});
    if (current?.kind === 'reset' || current?.kind === 'refuse') return void client.resetAndDestroy();
    const wire: Wire = { client, hasSwallowed: current?.kind === 'black hole' };
    wires.add(wire);
    if (wire.hasSwallowed) return void client.resume();
    const server = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    wire.server = server;
    server.on('error', () => {});
    pass(wire, client, server);
    pass(wire, server, client);
  });

  /** What comes from one side goes to the other, in order, however the latency changes meanwhile. */
  function pass(wire: Wire, from: Socket, to: Socket): void {
    let last: Promise<unknown> = Promise.resolve();
    const afterwards = (act: () => void): void => {
      if (current?.kind === 'black hole') {
        wire.hasSwallowed = true;
        return;
      }
      const dueMs = Date.now() + (current?.kind === 'latency' ? current.ms : 0);
      last = last.then(() => (dueMs > Date.now() ? delay(dueMs - Date.now()) : undefined)).then(act);
    };
    from.on('data', (piece) => afterwards(() => void (to.destroyed || to.write(piece))));
    from.on('end', () => afterwards(() => void to.end()));
    from.on('close', (hadError) => afterwards(() => end(wire, hadError)));
  }

  function end(wire: Wire, isReset: boolean): void {
    wires.delete(wire);
    for (const socket of [wire.client, wire.server]) {
      if (isReset) socket?.resetAndDestroy();
      else socket?.destroy();
    }
  }

  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', () => {
        listener.off('error', reject);
        resolve();
      });
    });

  async function refuse(): Promise<void> {
    if (!listener.listening) return;
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    for (const wire of [...wires]) end(wire, true);
    await closed;
  }

  await listen();
  return {
    port,
    async cut(cut) {
      current = cut;
      if (cut.kind === 'refuse') await refuse();
      if (cut.kind === 'reset') for (const wire of [...wires]) end(wire, true);
    },
    async mend() {
      current = undefined;
      for (const wire of [...wires]) if (wire.hasSwallowed) end(wire, true);
      if (!listener.listening) await listen();
    },
    close: refuse,
  };
}
