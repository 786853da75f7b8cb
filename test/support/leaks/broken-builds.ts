/** Builds of the agent with one protection taken away each: what shows that the search for leaks can find one. */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface BrokenBuild {
  /** What is taken away, in this file of the build. */
  file: string;
  from: string;
  to: string;
  /** The run that is to leak then, and where to. */
  action: string;
  leak: RegExp;
}

export const BROKEN_BUILDS: Record<string, BrokenBuild> = {
  'redaction of outcomes': {
    file: 'port/secrets/redact.js',
    from: 'export function redact(value, secrets, options = {}) {',
    to: 'export function redact(value) { return value;',
    action: 'quoted-by-target',
    leak: /^an input that was decrypted stands in PATCH .* to Port$/,
  },
  'what of a message is known to be secret': {
    file: 'activities/prepare-call.js',
    from: '...secretsOfCall({ url, headers }',
    to: '...[].concat({ url, headers }',
    action: 'deep-in-a-body',
    leak: /^the mapping's token stands in PATCH .* to Port$/,
  },
  "logs without Port's words": {
    file: 'telemetry/temporal-logger.js',
    from: "'Activity failed'",
    to: '',
    action: 'refused-by-port',
    leak: /^an input stands in a log line of the worker/,
  },
  "the mapping's filtered environment": {
    file: 'port/mapping/mapped-environment.js',
    from: 'function isSecret(name) {',
    to: 'function isSecret(name) { return false;',
    action: 'echo',
    leak: /^the client secret stands in POST \/echo to a target$/,
  },
  'proxies named without their password': {
    file: 'http/proxy/proxy-url.js',
    from: 'const label = `',
    to: 'const label = raw + `',
    action: 'behind-the-proxy',
    leak: /^the proxy's password stands in a log line of the worker/,
  },
  'encryption of failures': {
    file: 'worker/main.js',
    from: "'workflow-bundle-encrypted.js'",
    to: "'workflow-bundle.js'",
    action: 'quoted-by-target',
    leak: /^an input stands in the history of r_/,
  },
};

/** Makes such a build of `dist/` in this folder; resolves with its path. */
export async function makeBrokenBuild(folder: string, { file, from, to }: BrokenBuild): Promise<string> {
  const [root, build] = [process.cwd(), join(folder, 'dist')];
  await mkdir(folder);
  await cp(join(root, 'dist'), build, { recursive: true });
  await cp(join(root, 'package.json'), join(folder, 'package.json'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const source = await readFile(join(build, file), 'utf8');
  if (!source.includes(from)) throw new Error(`${file} has no ${from} any more`);
  await writeFile(join(build, file), source.replace(from, to));
  return build;
}
