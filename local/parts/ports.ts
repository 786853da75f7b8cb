/** Ports for parts that must be told theirs before they start. */
import { randomInt } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { PartFailed } from './child.js';

/**
 * Below the range from which Linux and macOS take the ports of outgoing connections. A port from `listen(0)`
 * lies inside it: before the part binds it, any connection may take it, and a client that polls for the part
 * may even connect to itself.
 */
const FIRST = 15_000;
const LAST = 32_000;

/** Returns `count` different ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const held: { port: number; server: Server }[] = [];
  for (let tries = 0; held.length < count; tries++) {
    if (tries > count + 1000) throw new Error(`No free port between ${FIRST} and ${LAST}.`);
    const port = randomInt(FIRST, LAST);
    const server = await listen(port, '127.0.0.1').catch(() => undefined);
    if (server) held.push({ port, server });
  }
  await Promise.all(held.map(({ server }) => close(server)));
  return held.map(({ port }) => port);
}

/** Throws PartFailed, with the remedy, when a port that was asked for is taken. `flag` is what changes it. */
export async function assertPortFree(port: number, part: string, flag?: string): Promise<void> {
  // Both: on macOS a listener on one address does not keep others off the wildcard.
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    try {
      await close(await listen(port, host));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === 'EADDRINUSE' ? 'it is taken by another process' : message;
      throw new PartFailed(
        part,
        `cannot have port ${port}: ${why}. Stop that process, or choose another port${flag ? ` with ${flag}` : ''}.`,
      );
    }
  }
}

/** Whether something on this machine accepts connections on a port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 });
    const answer = (listening: boolean) => () => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).once('timeout', answer(false));
  });
}

function listen(port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
