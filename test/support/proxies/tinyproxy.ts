/** A real Tinyproxy: HTTP, with or without a password. It answers a CONNECT with wrong credentials with 401. */
import { join } from 'node:path';
import { freePorts } from '../../../local/parts/ports.js';
import { type Credentials, debianPart, type RunningProxy, startProgram } from './proxy-program.js';

export const TINYPROXY = debianPart('Tinyproxy', 'tinyproxy', 'tinyproxy');

/** User and password may have letters, digits, `-`, `.` and `_` only: its configuration knows no quotes. */
export interface TinyproxyOptions extends Partial<Credentials> {
  /** Ports that CONNECT may reach; all when left out. */
  connectPorts?: number[];
}

export async function startTinyproxy(options: TinyproxyOptions = {}): Promise<RunningProxy> {
  const { user, password, connectPorts = [] } = options;
  const [port = 0] = await freePorts(1);
  const config = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 30',
    'LogLevel Info',
    ...(user === undefined ? [] : [`BasicAuth ${user} ${password ?? ''}`]),
    ...connectPorts.map((allowed) => `ConnectPort ${allowed}`),
    '',
  ];
  const program = await startProgram({
    name: 'Tinyproxy',
    command: 'tinyproxy',
    ports: [port],
    args: (folder) => ['-d', '-c', join(folder, 'tinyproxy.conf')],
    files: () => ({ 'tinyproxy.conf': config.join('\n') }),
  });
  return { ...program, url: `http://127.0.0.1:${port}` };
}
