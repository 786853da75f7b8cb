/** The first step of every connection: a name's addresses, and a TCP connection to one of them. */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { type Endpoint, StepError, settled } from './step.js';

/** How long one of several addresses is waited for before the next one is tried as well. */
const NEXT_ADDRESS_AFTER_MS = 1000;

export interface Address {
  address: string;
  family: number;
}

/** Every address of a name, or the address that it is. @throws StepError in the phase 'name lookup'. */
export async function addressesOf(host: string, signal: AbortSignal): Promise<Address[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  return settled(lookup(host, { all: true }), signal).catch((error: unknown) => {
    throw StepError.of(error, 'name lookup');
  });
}

/** A connection to the first of the addresses that answers. @throws StepError in the phase 'connect'. */
export async function dial(
  { host, port }: Endpoint,
  addresses: Address[],
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({
    host,
    port,
    keepAlive: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
    lookup: (_host, options, done) => {
      const [first] = addresses;
      if (options.all) done(null, addresses);
      else done(null, first?.address ?? '', first?.family ?? 0);
    },
  });
  // Between two steps nobody listens; an error then shows in the next step.
  socket.on('error', () => {});
  try {
    await settled(happening(socket, 'connect'), signal);
    return socket;
  } catch (error) {
    socket.destroy();
    throw StepError.of(error, 'connect');
  }
}

/** Resolves with an event of a socket; rejects with its error, or when it is closed before. */
export function happening(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    const clear = (): void => {
      socket.removeListener(event, done).removeListener('close', closed).removeListener('error', failed);
    };
    const done = (): void => {
      clear();
      resolve();
    };
    const failed = (error: Error): void => {
      clear();
      reject(error);
    };
    socket.once(event, done).once('close', closed).once('error', failed);
  });
}
