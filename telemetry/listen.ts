/** Opens a port of ours, or says what to do about it. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError } from '../config/config.js';

const TAKEN = 'names a port that another process has; choose a free one';
const PRIVILEGED = 'names a port that this process may not open; choose one above 1023';

/**
 * Listens on every address, IPv4 and IPv6, on the port that `variable` names; 0 takes a free one. Returns the port.
 *
 * @throws ConfigurationError when the port can't be had.
 */
export async function listen(server: Server, port: number, variable: string): Promise<number> {
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? TAKEN : code === 'EACCES' ? PRIVILEGED : `can't be used: ${message}`;
    throw new ConfigurationError([`${variable} ${why}`]);
  }
  // A connection that can't be accepted is no reason to end the process.
  server.on('error', () => {});
  return (server.address() as AddressInfo).port;
}
