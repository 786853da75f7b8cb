/** What stands around the agent when its ways out are tried: targets with good and bad certificates, and proxies. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '../../../local/parts/ports.js';
import { createTestCa } from '../../../local/parts/test-ca.js';
import { type PrivateService, startPrivateService } from '../../../local/simulators/private-service.js';
import { MICROSOCKS, startMicrosocks } from '../proxies/microsocks.js';
import type { RunningProxy } from '../proxies/proxy-program.js';
import { type RunningSquid, SQUID, startSquid } from '../proxies/squid.js';
import type { SystemPart } from '../system-part.js';

export const PROXY_PROGRAMS: SystemPart = {
  name: `${SQUID.name} and ${MICROSOCKS.name}`,
  isThere: SQUID.isThere && MICROSOCKS.isThere,
  remedy: 'apt-get install squid-openssl microsocks',
};

/** Every sign that an address gives a meaning to. */
export const PASSWORD = 'p@ss:w/rd';
export const WRONG_PASSWORD = 'old-p@ss';
export const USER = 'agent';

const LOCAL_NAMES = ['localhost', 'hook.corp.test'];
/** Names that only Squid knows. */
const SQUID_HOSTS = ['hook.corp.test', 'denied.corp.test', 'elsewhere.test'];

const TARGETS = ['plain', 'trusted', 'untrusted', 'expired', 'misnamed'] as const;
export type Target = (typeof TARGETS)[number];

export interface Site {
  targets: Record<Target, PrivateService>;
  /** Asks for user and password; speaks plain HTTP at `url`, and TLS at `tlsUrl`. */
  squid: RunningSquid;
  /** A Squid whose certificate comes from an unknown CA. */
  foreignSquid: RunningSquid;
  /** SOCKS5, with user and password. */
  socks: RunningProxy;
  /** Nothing listens there. */
  closedPort: number;
  /** A folder with the CA that vouches for the good ones, and its one file. */
  trusted: { folder: string; file: string };
  close(): Promise<void>;
}

/** Starts all of it; `folder` is the caller's. */
export async function startSite(folder: string): Promise<Site> {
  const ca = createTestCa('Corp Root CA');
  const foreignCa = createTestCa('Unknown CA');
  const file = join(folder, 'corp-root-ca.crt');
  await writeFile(file, ca.caPem);

  const local = { commonName: 'hook', dnsNames: LOCAL_NAMES, ipAddresses: ['127.0.0.1'] };
  const certificates = {
    trusted: ca.issue(local),
    untrusted: foreignCa.issue(local),
    expired: ca.issue({ ...local, notAfter: new Date('2025-01-31T00:00:00Z') }),
    misnamed: ca.issue({ commonName: 'other', dnsNames: ['other.corp'] }),
  };
  const tls = ({ certPem, keyPem }: { certPem: string; keyPem: string }) => ({ cert: certPem, key: keyPem });
  const service = (name: Target): Promise<PrivateService> =>
    startPrivateService(name === 'plain' ? {} : { tls: tls(certificates[name]) });

  const [closedPort = 0] = await freePorts(1);
  const [services, squid, foreignSquid, socks] = await Promise.all([
    Promise.all(TARGETS.map(async (name): Promise<[Target, PrivateService]> => [name, await service(name)])),
    startSquid({
      users: { [USER]: PASSWORD },
      tls: tls(certificates.trusted),
      hosts: Object.fromEntries(SQUID_HOSTS.map((host) => [host, '127.0.0.1'])),
      denyHosts: ['denied.corp.test'],
    }),
    startSquid({ tls: tls(certificates.untrusted) }),
    startMicrosocks({ user: USER, password: PASSWORD }),
  ]);
  return {
    targets: Object.fromEntries(services) as Site['targets'],
    squid,
    foreignSquid,
    socks,
    closedPort,
    trusted: { folder, file },
    async close() {
      await Promise.all(services.map(([, each]) => each.close()));
      await Promise.all([squid, foreignSquid, socks].map((proxy) => proxy.stop()));
    },
  };
}

/** `http://agent:p%40ss@127.0.0.1:3128`, as it is written into a proxy variable. */
export function withCredentials(url: string, password = PASSWORD): string {
  return url.replace('://', `://${USER}:${encodeURIComponent(password)}@`);
}

/** The passwords in every form in which they might be found where they must not be. */
export const SECRETS = [PASSWORD, WRONG_PASSWORD].flatMap((password) => [
  password,
  encodeURIComponent(password),
  Buffer.from(`${USER}:${password}`).toString('base64'),
]);
