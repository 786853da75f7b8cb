/** The SOCKS step, by the `socks` package, on a connection that is open already. */
import type { Socket } from 'node:net';
import { SocksClient } from 'socks';
import type { ProxyServer } from '../proxy/proxy-url.js';
import { type Endpoint, StepError, settled } from './step.js';

/** Longer than any call: the deadline is the signal's. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Asks the proxy at the other end of `socket` for a way to `target`. @throws StepError in the phase 'SOCKS'. */
export async function throughSocks(
  socket: Socket,
  proxy: ProxyServer,
  target: Endpoint,
  signal: AbortSignal,
): Promise<Socket> {
  const { scheme, username, password } = proxy;
  const handshake = SocksClient.createConnection({
    command: 'connect',
    proxy: {
      host: proxy.host,
      port: proxy.port,
      type: scheme.startsWith('socks4') ? 4 : 5,
      ...(username !== undefined && { userId: username }),
      ...(password !== undefined && { password }),
    },
    destination: target,
    existing_socket: socket,
    timeout: NO_TIMEOUT_MS,
  });
  try {
    await settled(handshake, signal);
    return socket;
  } catch (error) {
    // The package's error carries the options, and with them the password: nothing of it but a code goes on.
    throw new StepError('SOCKS', codeOfHandshake(error));
  }
}

/** The package tells its failures apart by message alone; these are the ones that matter for what to do. */
function codeOfHandshake(error: unknown): string {
  if ((error as { code?: unknown }).code === 'ETIMEDOUT') return 'ETIMEDOUT';
  const message = error instanceof Error ? error.message : '';
  if (/NotAllowed|\(Rejected/.test(message)) return 'SOCKS_NOT_ALLOWED';
  if (/Authentication failed|no accepted auth/i.test(message)) return 'SOCKS_AUTH';
  if (/invalid socks version|Invalid Socks4/i.test(message)) return 'SOCKS_NO_SOCKS';
  const reply = /rejected connection - \(?(\w+)/.exec(message)?.[1];
  if (reply !== undefined) return `SOCKS_${reply.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}`;
  return 'ECONNRESET';
}
