/** A real Dante: SOCKS4 and SOCKS5 on one port, without a password, to this machine only. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../../local/parts/ports.js';
import { debianPart, type RunningProxy, startProgram } from './proxy-program.js';

export const DANTE = debianPart('Dante', 'danted', 'dante-server');

export interface RunningDante extends RunningProxy {
  /** `socks4://127.0.0.1:20123`; `url` is the same for SOCKS5. */
  socks4Url: string;
}

export async function startDante(): Promise<RunningDante> {
  const [port = 0] = await freePorts(1);
  const program = await startProgram({
    name: 'Dante',
    command: 'danted',
    ports: [port],
    args: (folder) => ['-f', join(folder, 'danted.conf'), '-p', join(folder, 'danted.pid')],
    files: () => ({ 'danted.conf': configuration(port) }),
  });
  const address = `127.0.0.1:${port}`;
  return { ...program, url: `socks5://${address}`, socks4Url: `socks4://${address}` };
}

function configuration(port: number): string {
  const { username, uid } = userInfo();
  return `
logoutput: stdout
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.privileged: ${username}
user.unprivileged: ${uid === 0 ? 'nobody' : username}
client pass {
  from: 127.0.0.0/8 to: 0.0.0.0/0
}
socks pass {
  from: 127.0.0.0/8 to: 127.0.0.0/8
  command: connect
  proxyprotocol: socks_v4 socks_v5
  log: connect
}
`;
}
