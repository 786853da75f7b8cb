/** A real Squid: HTTP, with passwords, over TLS, with names of its own, or looking into TLS. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '../../../local/parts/ports.js';
import type { SystemPart } from '../system-part.js';
import { debianPart, isExecutable, type RunningProxy, startProgram } from './proxy-program.js';

const HELPERS = '/usr/lib/squid';

const part = debianPart('Squid', 'squid', 'squid-openssl');

/** Debian's package `squid` will not do: it cannot look into TLS. It also lacks this helper, which tells them apart. */
export const SQUID: SystemPart = {
  ...part,
  isThere: part.isThere && isExecutable(`${HELPERS}/security_file_certgen`),
};

export interface PemPair {
  cert: string;
  key: string;
}

export interface SquidOptions {
  /** Name to password; without users, anybody is served. */
  users?: Record<string, string>;
  /** Adds a port that speaks TLS, with this certificate and key in PEM. */
  tls?: PemPair;
  /** Names that only Squid knows: `{ 'origin.test': '127.0.0.1' }`. */
  hosts?: Record<string, string>;
  /** Hosts that it answers 403 for. */
  denyHosts?: string[];
  /**
   * Looks into TLS, as a company's proxy may do: every client gets this certificate instead of the origin's,
   * so it has to have the origins' names. Squid itself trusts every origin.
   */
  bump?: PemPair;
}

export interface RunningSquid extends RunningProxy {
  /** With `tls`: `https://127.0.0.1:20124`. */
  tlsUrl?: string;
}

/** Starts a Squid; its log is the access log, whose line for a tunnel comes when the tunnel ends. */
export async function startSquid(options: SquidOptions = {}): Promise<RunningSquid> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  // Squid names its shared memory after the service: two of one name share it, and one may belong to another user.
  const service = `test${port}`;
  const program = await startProgram({
    name: 'Squid',
    command: 'squid',
    // It keeps nothing, and its orderly end takes two seconds whatever its configuration says.
    graceMs: 0,
    ports: options.tls ? [port, tlsPort] : [port],
    args: (folder) => ['-N', '-n', service, '-d', '1', '-f', join(folder, 'squid.conf')],
    files: (folder) => filesOf(options, folder, port, tlsPort),
  });
  return {
    ...program,
    url: `http://127.0.0.1:${port}`,
    ...(options.tls && { tlsUrl: `https://127.0.0.1:${tlsPort}` }),
    log: () => linesOf(join(program.folder, 'access.log')),
    async stop() {
      await program.stop();
      await removeSharedMemory(service);
    },
  };
}

/** What a killed Squid leaves behind. */
async function removeSharedMemory(service: string): Promise<void> {
  const segments = await readdir('/dev/shm').catch(() => []);
  for (const segment of segments) {
    if (segment.startsWith(`${service}-`)) await rm(join('/dev/shm', segment), { force: true });
  }
}

/** A connection that asked nothing was ours, to see whether Squid is there. */
function linesOf(accessLog: string): string[] {
  if (!existsSync(accessLog)) return [];
  const lines = readFileSync(accessLog, 'utf8').split('\n').filter(Boolean);
  return lines.filter((line) => !line.includes('error:transaction-end-before-headers'));
}

function filesOf(
  options: SquidOptions,
  folder: string,
  port: number,
  tlsPort: number,
): Record<string, string> {
  const { users = {}, tls, hosts = {}, bump } = options;
  const names = Object.entries({ localhost: '127.0.0.1', ...hosts });
  return {
    'squid.conf': configuration(options, folder, port, tlsPort),
    hosts: names.map(([name, address]) => `${address} ${name}\n`).join(''),
    users: Object.entries(users)
      .map(([name, password]) => `${name}:${hashed(password)}\n`)
      .join(''),
    ...(tls && { 'tls.crt': tls.cert, 'tls.key': tls.key }),
    ...(bump && { 'bump.crt': bump.cert, 'bump.key': bump.key }),
  };
}

/** The only one of the forms that Squid's password checker knows which Node can make. */
function hashed(password: string): string {
  return createHash('md5').update(password).digest('hex');
}

function configuration(options: SquidOptions, folder: string, port: number, tlsPort: number): string {
  const { users, tls, denyHosts = [], bump } = options;
  const certificate = (name: string): string =>
    `tls-cert=${folder}/${name}.crt tls-key=${folder}/${name}.key`;
  const bumping = `ssl-bump generate-host-certificates=off ${certificate('bump')}`;
  return [
    `http_port 127.0.0.1:${port} ${bump ? bumping : ''}`,
    ...(tls ? [`https_port 127.0.0.1:${tlsPort} ${certificate('tls')}`] : []),
    'pid_filename none',
    `cache_log ${folder}/cache.log`,
    `access_log stdio:${folder}/access.log`,
    'netdb_filename none',
    'pinger_enable off',
    'cache deny all',
    'visible_hostname squid.test',
    'connect_timeout 2 seconds',
    // Squid reserves memory for each, and containers allow a million.
    'max_filedescriptors 1024',
    `hosts_file ${folder}/hosts`,
    // Other names don't exist, and no name server is waited for to say so.
    'dns_nameservers 127.0.0.1',
    'dns_timeout 1 seconds',
    'dns_retransmit_interval 1 seconds',
    // `-n`: a target given by its address is not looked up backwards.
    ...(denyHosts.length > 0 ? [`acl denied dstdomain -n ${denyHosts.join(' ')}`] : []),
    ...(denyHosts.length > 0 ? ['http_access deny denied'] : []),
    ...(users ? withPasswords(folder) : ['http_access allow all']),
    'http_access deny all',
    ...(bump ? LOOKING_INTO_TLS : []),
    '',
  ].join('\n');
}

const LOOKING_INTO_TLS = [
  'ssl_bump bump all',
  'tls_outgoing_options flags=DONT_VERIFY_PEER',
  'sslproxy_cert_error allow all',
];

function withPasswords(folder: string): string[] {
  return [
    `auth_param basic program ${HELPERS}/basic_ncsa_auth ${folder}/users`,
    'auth_param basic children 1 startup=1 idle=1',
    'auth_param basic realm test',
    'acl known proxy_auth REQUIRED',
    'http_access allow known',
  ];
}
