/** A real MicroSocks: SOCKS5, with or without a password. It looks names up itself. */
import { freePorts } from '../../../local/parts/ports.js';
import { type Credentials, debianPart, type RunningProxy, startProgram } from './proxy-program.js';

export const MICROSOCKS = debianPart('MicroSocks', 'microsocks', 'microsocks');

export async function startMicrosocks(credentials?: Credentials): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1);
  const login = credentials ? ['-u', credentials.user, '-P', credentials.password] : [];
  const program = await startProgram({
    name: 'MicroSocks',
    command: 'microsocks',
    ports: [port],
    args: () => ['-i', '127.0.0.1', '-p', String(port), ...login],
  });
  return { ...program, url: `socks5://127.0.0.1:${port}` };
}
