/**
 * A worker beside the composition as Kubernetes runs it with our chart: nothing allowed, certificates mounted in both
 * of the chart's ways at once. And targets with certificates to call.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestCa } from '../../../local/parts/test-ca.js';
import { type Composition, eventually } from './composition.js';
import type { Engine } from './engine.js';
import type { Images } from './images.js';

export const HARDENED = [
  ...['--read-only', '--tmpfs', '/tmp:size=64m', '--cap-drop', 'ALL'],
  ...['--security-opt', 'no-new-privileges', '--memory', '768m', '--pids-limit', '256'],
];
/** No shell could name it. */
export const ODD_VARIABLE = '3d-x_y.z';

/** Hosts whose certificate is signed by an authority mounted as a file, by one in a mounted folder, by a stranger. */
export const TARGETS = { byFile: 'by-file.test', byFolder: 'by-folder.test', byStranger: 'by-stranger.test' };
const FOLDER = '/etc/temporal-port-agent/certificates';
const SERVE = `
  import { readFileSync } from 'node:fs';
  import { startPrivateService } from '/app/dist/local/simulators/private-service.js';
  const tls = { cert: readFileSync('/tls/cert.pem'), key: readFileSync('/tls/key.pem') };
  await startPrivateService({ host: '0.0.0.0', port: 8443, tls });
`;

export interface Container {
  id: string;
  exec(...command: string[]): Promise<string>;
  /** One value of `docker inspect`. */
  inspect(format: string): Promise<string>;
}

/** Starts the three targets, all on port 8443, and makes what the worker mounts. */
export async function startTargets(engine: Engine, images: Images, house: Composition): Promise<Container[]> {
  await mkdir(join(house.dir, 'trusted'));
  return Promise.all(
    Object.values(TARGETS).map(async (host) => {
      const ca = createTestCa(`CA ${host}`);
      const { certPem, keyPem } = ca.issue({ commonName: host, dnsNames: [host] });
      const dir = join(house.dir, host);
      await mkdir(dir);
      await writeFile(join(dir, 'cert.pem'), certPem);
      await writeFile(join(dir, 'key.pem'), keyPem);
      if (host === TARGETS.byFile) await writeFile(join(house.dir, 'corp.crt'), ca.caPem);
      if (host === TARGETS.byFolder) await writeFile(join(house.dir, 'trusted', 'ca.crt'), ca.caPem);
      return start(engine, [
        ...['--network', house.network, '--network-alias', host, '--volume', `${dir}:/tls:ro`],
        ...['--entrypoint', 'node', images.simulators, '--input-type=module', '--eval', SERVE],
      ]);
    }),
  );
}

/** Starts the worker and waits until the image's own check calls it healthy. */
export async function startHardenedWorker(
  engine: Engine,
  images: Images,
  house: Composition,
): Promise<Container> {
  const variables = {
    TEMPORAL_ADDRESS: 'temporal:7233',
    SSL_CERT_DIR: FOLDER,
    CONTROL_THE_PAYLOAD_CONFIG_PATH: '/mapping/control_the_payload_config.json',
    [ODD_VARIABLE]: 'a token',
  };
  const worker = await start(engine, [
    ...HARDENED,
    ...['--network', house.network, '--env-file', join(house.dir, 'deploy/demo.env')],
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...['--volume', `${join(house.dir, 'corp.crt')}:/usr/local/share/ca-certificates/corp.crt:ro`],
    ...['--volume', `${join(house.dir, 'trusted')}:${FOLDER}:ro`],
    ...['--volume', `${join(house.dir, 'mapping')}:/mapping:ro`],
    ...['--health-interval', '1s', images.agent, 'worker'],
  ]);
  await eventually(async () => (await worker.inspect('{{.State.Health.Status}}')) === 'healthy' || undefined);
  return worker;
}

async function start(engine: Engine, args: string[]): Promise<Container> {
  const id = (await engine.docker('run', '--detach', ...args)).trim();
  return {
    id,
    exec: (...command) => engine.docker('exec', id, ...command),
    inspect: async (format) => (await engine.docker('inspect', '--format', format, id)).trim(),
  };
}
