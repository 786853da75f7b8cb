/** The agent's own images, built from the Dockerfile as it is, and the foreign ones that docker-compose.yml names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from './engine.js';
import { provideImage } from './stand-ins.js';

export const ROOT = join(__dirname, '../../..');
/** What Docker passes on to a build without putting it into the image. */
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

export const LABELS = {
  'org.opencontainers.image.title': 'temporal-port-agent',
  'org.opencontainers.image.licenses': 'Apache-2.0',
  'org.opencontainers.image.version': '1.2.3',
  'org.opencontainers.image.revision': 'abcdef0',
  'org.opencontainers.image.source': 'https://git.example.com/temporal-port-agent',
};

export interface Images {
  agent: string;
  simulators: string;
  temporal: string;
  kafka: string;
}

export async function provideImages(engine: Engine): Promise<Images> {
  const dockerfile = await readFile(join(ROOT, 'deploy/Dockerfile'), 'utf8');
  const compose = await readFile(join(ROOT, 'docker-compose.yml'), 'utf8');
  const node = await provideImage(engine, /^ARG NODE_IMAGE=(.+)$/m.exec(dockerfile)?.[1] ?? '');
  const temporal = await provideImage(engine, /image: .*(temporalio\/\S+)$/m.exec(compose)?.[1] ?? '');
  const kafka = await provideImage(engine, /image: .*(apache\/\S+)$/m.exec(compose)?.[1] ?? '');
  // With names, what the stages before the last have made is kept for the next time.
  await build(engine, 'production', node);
  await build(engine, 'build', node);
  const agent = await build(engine, 'runtime', node);
  const simulators = await build(engine, 'simulators', node);
  if (engine.isOwn) await engine.docker('image', 'prune', '--force');
  return { agent, simulators, temporal, kafka };
}

async function build(engine: Engine, target: string, nodeImage: string): Promise<string> {
  const name = `on-docker/${target}`;
  const settings = [
    `NODE_IMAGE=${nodeImage}`,
    `VERSION=${LABELS['org.opencontainers.image.version']}`,
    `REVISION=${LABELS['org.opencontainers.image.revision']}`,
    `SOURCE=${LABELS['org.opencontainers.image.source']}`,
    ...PROXIES.filter((proxy) => process.env[proxy]),
  ].flatMap((setting) => ['--build-arg', setting]);
  const file = join(ROOT, 'deploy/Dockerfile');
  await engine.docker('build', '--file', file, '--target', target, ...settings, '--tag', name, ROOT);
  return name;
}
