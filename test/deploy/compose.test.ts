/** docker-compose.yml as Compose itself reads it, and .env.example as the agent does. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config/config.js';
import { defaultOf, OWN_VARIABLES, type VariableName } from '../../config/variables.js';
import { ORG_ID, TRIGGER_TOKENS } from '../../local/demo/organization.js';
import { tableRows } from '../docs/markdown.js';
import { findCompose, type Linter, lint } from './linters.js';

const ROOT = join(__dirname, '../..');
const FETCH_MS = 300_000;
/** What someone who copied .env.example fills in. */
const FILLED_IN = {
  PORT_ORG_ID: 'org_mine',
  PORT_CLIENT_ID: 'my-id',
  PORT_CLIENT_SECRET: "'my$ecret'",
  KAFKA_CONSUMER_GROUP_ID: 'org_mine.agent',
};

/** What .env.example shows in place of a default that does not exist. */
const EXAMPLES = {
  HTTP_PROXY: '',
  HTTPS_PROXY: '',
  NO_PROXY: '',
  ALLOWED_TARGETS: '',
  ALLOWED_ACTIONS: '',
  ALLOWED_METHODS: '',
  TEMPORAL_UI_URL: 'http://localhost:8233',
};

interface Service {
  command: string[];
  environment: Record<string, string>;
  image: string;
  build?: { dockerfile: string; target: string };
  depends_on?: Record<string, { condition: string; required: boolean }>;
  ports?: { host_ip: string; published: string; target: number }[];
  profiles?: string[];
  [key: string]: unknown;
}

let compose: Linter;
beforeAll(async () => {
  compose = await findCompose();
}, FETCH_MS);

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((dir) => rm(dir, { recursive: true })));
});

describe('docker-compose.yml', () => {
  it('is what Compose takes, with the demo and without', async () => {
    expect(await check([])).toEqual({ passed: true, output: '' });
    expect(await check(['--profile', 'demo'])).toEqual({ passed: true, output: '' });
  });

  it('would be refused with a misspelt key', async () => {
    const dir = await clone();
    const file = join(dir, 'docker-compose.yml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('read_only:', 'readonly:'));
    const verdict = await lint(compose, ['config', '-q'], { cwd: dir });
    expect(verdict).toMatchObject({ passed: false, output: expect.stringContaining('readonly') });
  });

  it('starts one agent beside Temporal, and in the demo the same one', async () => {
    const agent = ['ingester', 'temporal', 'temporal-retention', 'worker'];
    const demo = ['kafka', 'kafka-setup', 'simulators'];
    expect(Object.keys(await services({})).sort()).toEqual(agent);
    expect(Object.keys(await services({ demo: true })).sort()).toEqual([...agent, ...demo].sort());
  });

  it('gives the agent what .env says, tokens of any name included', async () => {
    const env = `${await filledInExample()}
platform_infra='glptt-1'
3d-team_render.farm='glptt-$2'`;
    for (const name of ['worker', 'ingester']) {
      const { environment } = (await services({ env }))[name] as Service;
      expect(environment).toMatchObject({
        PORT_ORG_ID: 'org_mine',
        PORT_CLIENT_SECRET: 'my$ecret',
        PORT_API_BASE_URL: 'https://api.getport.io',
        TEMPORAL_ADDRESS: 'temporal:7233',
        platform_infra: 'glptt-1',
        '3d-team_render.farm': 'glptt-$2',
      });
      expect(Object.keys(environment)).not.toContain('KAFKA_CONSUMER_SECURITY_PROTOCOL');
      expect(loadConfig(environment)).toMatchObject({ warnings: [], port: { orgId: 'org_mine' } });
    }
  });

  it('does not take a .env that was not filled in for the demo', async () => {
    const env = await readFile(join(ROOT, '.env.example'), 'utf8');
    const { environment } = (await services({ env }))['worker'] as Service;
    expect(() => loadConfig(environment)).toThrow('PORT_ORG_ID is missing');
  });

  it('gives the agent the demo without a .env, and on demand in spite of one', async () => {
    const fresh = await services({ demo: true });
    const inSpite = await services({
      demo: true,
      env: await filledInExample(),
      args: ['--env-file', '/dev/null'],
    });
    for (const { environment } of [fresh['worker'], fresh['ingester'], inSpite['worker']] as Service[]) {
      const config = loadConfig(environment);
      expect(config).toMatchObject({
        warnings: [],
        port: { orgId: ORG_ID, apiUrl: 'http://simulators:8080' },
        kafka: { securityProtocol: 'sasl_plaintext', mechanism: 'scram-sha-512' },
        calls: { gitlabUrl: 'http://simulators:8081' },
      });
      expect(environment).toMatchObject(TRIGGER_TOKENS);
    }
  });

  it('lets the simulators and the agent agree on Port, Kafka and the tokens', async () => {
    const { worker, simulators, 'kafka-setup': setup, kafka } = await services({ demo: true });
    const shared = ['PORT_ORG_ID', 'PORT_CLIENT_ID', 'PORT_CLIENT_SECRET', ...Object.keys(TRIGGER_TOKENS)];
    const pick = (service?: Service) => shared.map((name) => service?.environment[name]);
    expect(pick(simulators)).toEqual(pick(worker));
    expect(simulators?.environment).toMatchObject(setup?.environment ?? {});
    const addresses = kafka?.environment['KAFKA_ADVERTISED_LISTENERS'];
    expect(addresses).toBe(
      `INTERNAL://${simulators?.environment['KAFKA_BROKERS']},AGENT://${simulators?.environment['AGENT_KAFKA_BROKERS']}`,
    );
    expect(setup?.command.join()).toContain(`${ORG_ID}.runs ${ORG_ID}.change.log`);
  });

  it('runs the agent unprivileged, after what it needs, and with time to finish', async () => {
    const all = await services({ demo: true });
    expect([all['worker']?.command, all['ingester']?.command]).toEqual([['worker'], ['ingest']]);
    for (const name of ['worker', 'ingester']) {
      expect(all[name]).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        build: { dockerfile: 'deploy/Dockerfile', target: 'runtime' },
        depends_on: {
          temporal: { condition: 'service_healthy', required: true },
          simulators: { condition: 'service_healthy', required: false },
        },
      });
    }
    expect(all['worker']?.['stop_grace_period']).toBe('1m0s');
  });

  it('gives every service a check or an end, a limit, and nothing it does not need', async () => {
    const all = await services({ demo: true });
    const oneShot = ['temporal-retention', 'kafka-setup'];
    for (const [name, service] of Object.entries(all)) {
      expect(service).toMatchObject({
        mem_limit: expect.stringMatching(/^\d+$/),
        pids_limit: expect.any(Number),
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: oneShot.includes(name) ? 'on-failure:5' : 'unless-stopped',
        logging: { options: { 'max-size': '10m', 'max-file': '3' } },
      });
      expect({ name, isChecked: 'healthcheck' in service }).toEqual({
        name,
        isChecked: !oneShot.includes(name),
      });
    }
  });

  it('asks the agent whether it is ready, on the port that the image serves', async () => {
    const dockerfile = await readFile(join(ROOT, 'deploy/Dockerfile'), 'utf8');
    const port = /HEALTH_PORT=(\d+)/.exec(dockerfile)?.[1];
    const { worker, ingester } = await services({});
    for (const service of [worker, ingester])
      expect(JSON.stringify(service?.['healthcheck'])).toContain(`127.0.0.1:${port}/readyz`);
  });

  it('mounts folders for certificates and mappings, which need not be there', async () => {
    const { worker, ingester } = await services({});
    for (const service of [worker, ingester]) {
      const volumes = service?.['volumes'] as { type: string; source: string; target: string }[];
      expect(volumes).toEqual(
        [
          ['certs', '/usr/local/share/ca-certificates'],
          ['mapping', '/mapping'],
        ].map(([folder, target]) => ({
          type: 'bind',
          source: expect.stringMatching(`/${folder}$`),
          target,
          read_only: true,
          bind: expect.not.objectContaining({ create_host_path: false }),
        })),
      );
      expect(service?.['working_dir']).toBe('/mapping');
    }
  });

  it('publishes ports to this machine alone', async () => {
    const ports = Object.values(await services({ demo: true })).flatMap((each) => each.ports ?? []);
    expect(ports.map(({ host_ip, target }) => `${host_ip} ${target}`).sort()).toEqual(
      [8080, 8081, 8082, 8233].map((port) => `127.0.0.1 ${port}`),
    );
  });
});

describe('docs/deploy.md', () => {
  it('has every service, with its limit', async () => {
    const rows = tableRows(await readFile(join(ROOT, 'docs/deploy.md'), 'utf8'), 'Service');
    const said = rows.map(([name, , memory]) => `${name} ${memory}`).sort();
    const limits = Object.entries(await services({ demo: true })).map(
      ([name, service]) => `\`${name}\` ${Number(service['mem_limit']) / 1024 ** 2} MB`,
    );
    expect(said).toEqual(limits.sort());
  });
});

describe('.env.example', () => {
  it('names only variables that exist, with their defaults', async () => {
    const lines = (await readFile(join(ROOT, '.env.example'), 'utf8')).matchAll(/^(#?)([A-Z_]+)=(.*)$/gm);
    const given = [...lines].map(([, off, name = '', value]) => ({ off, name, value }));
    expect(given.filter(({ name }) => !OWN_VARIABLES.has(name))).toEqual([]);
    for (const { name, value } of given.filter(({ name }) => !(name in FILLED_IN || name in EXAMPLES)))
      expect(`${name}=${value}`).toBe(`${name}=${defaultOf(name as VariableName)}`);
  });

  it('is understood with every line that is switched off in it', async () => {
    const env = (await filledInExample()).replace(/^#(?=\w+=)/gm, '');
    const { environment } = (await services({ env }))['worker'] as Service;
    expect(loadConfig(environment)).toMatchObject({
      warnings: [],
      temporal: { uiUrl: EXAMPLES.TEMPORAL_UI_URL },
    });
  });

  it('asks for what the agent can not do without', async () => {
    const example = await readFile(join(ROOT, '.env.example'), 'utf8');
    for (const name of Object.keys(FILLED_IN)) expect(example).toContain(`\n${name}=\n`);
  });
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'compose-'));
  folders.push(dir);
  return dir;
}

/** What Compose reads, without the developer's own .env. */
async function clone(env?: string): Promise<string> {
  const dir = await folder();
  await mkdir(join(dir, 'deploy'));
  for (const file of ['docker-compose.yml', 'deploy/demo.env', 'deploy/Dockerfile'])
    await cp(join(ROOT, file), join(dir, file));
  if (env !== undefined) await writeFile(join(dir, '.env'), env);
  return dir;
}

async function check(args: string[]) {
  return lint(compose, [...args, 'config', '-q'], { cwd: await clone() });
}

async function filledInExample(): Promise<string> {
  const example = await readFile(join(ROOT, '.env.example'), 'utf8');
  return Object.entries(FILLED_IN).reduce(
    (text, [name, value]) => text.replace(`\n${name}=\n`, () => `\n${name}=${value}\n`),
    example,
  );
}

/** The services as Compose would start them; a `$` that it doubles is single again. */
async function services({
  env,
  demo = false,
  args = [],
}: {
  env?: string;
  demo?: boolean;
  args?: string[];
}): Promise<Record<string, Service>> {
  const all = [...args, ...(demo ? ['--profile', 'demo'] : []), 'config', '--format', 'json'];
  const { passed, output } = await lint(compose, all, { cwd: await clone(env) });
  if (!passed) throw new Error(output);
  return JSON.parse(output.replaceAll('$$', '$')).services;
}
