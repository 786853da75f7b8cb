/**
 * The image and docker-compose.yml on a real Docker engine; the first time takes some minutes to build.
 *
 *   npx jest --testMatch "$PWD/test/deploy/docker/on-docker.ts"
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEMO_RUNS } from '../../../local/demo/runs.js';
import { describeWith } from '../../support/system-part.js';
import { type Composition, eventually, prepareComposition } from './composition.js';
import { dockerEngine, type Engine, startEngine } from './engine.js';
import {
  type Container,
  HARDENED,
  ODD_VARIABLE,
  startHardenedWorker,
  startTargets,
  TARGETS,
} from './hardened-worker.js';
import { type Images, LABELS, provideImages } from './images.js';

// Longer than the composition's own patience, which says what was waited for.
jest.setTimeout(180_000);
const BUILD_MS = 20 * 60_000;
const MEGABYTE = 1_000_000;
/** Sends a run where its input says, with what is known of the odd variable. */
const MAPPING = {
  enabled: '.payload.properties.target != null',
  url: '.payload.properties.target',
  body: { length: `env["${ODD_VARIABLE}"] | length` },
};

describeWith(dockerEngine, 'on a Docker engine', () => {
  let engine: Engine;
  let images: Images;
  beforeAll(async () => {
    engine = await startEngine();
    images = await provideImages(engine);
  }, BUILD_MS);
  afterAll(() => engine?.stop());

  describe('the image', () => {
    const agent = (...args: string[]) => engine.docker('run', '--rm', ...HARDENED, images.agent, ...args);

    it('shows its help with nothing allowed', async () => {
      expect(await agent('--help')).toContain('Usage: temporal-port-agent <command>');
    });

    it('refuses a command that does not exist', async () => {
      await expect(agent('serve')).rejects.toThrow('There is no command "serve"');
    });

    it('says what it is, and runs as a number that is not root', async () => {
      const [{ Config: config }] = JSON.parse(await engine.docker('image', 'inspect', images.agent));
      expect(config).toMatchObject({ User: '10001:10001', Labels: LABELS });
      expect(config.Healthcheck.Test[0]).toBe('CMD');
    });

    it('is no larger than 400 MB', async () => {
      const size = Number(await engine.docker('image', 'inspect', '--format', '{{.Size}}', images.agent));
      process.stdout.write(`The image has ${Math.round(size / MEGABYTE)} MB.\n`);
      expect(size).toBeLessThanOrEqual(400 * MEGABYTE);
    });
  });

  describe('docker compose --profile demo up', () => {
    let house: Composition;
    beforeAll(async () => {
      house = await prepareComposition(engine, images);
      await house.up();
    }, BUILD_MS);
    afterAll(() => house?.remove());

    it('publishes the runs of the demo, and each comes out as expected', async () => {
      const verdicts = await eventually(async () => {
        const runs = await house.runs();
        const all = DEMO_RUNS.map(({ action, check }) => {
          const run = runs.find(({ actionIdentifier }) => actionIdentifier === action);
          return run ? check(run) : `${action} was not published`;
        });
        return all.every((verdict) => verdict === undefined) || undefined;
      });
      expect(verdicts).toBe(true);
    });

    it('says in the log how they came out', async () => {
      const log = await eventually(async () => {
        const text = await house.compose('logs', '--no-log-prefix', 'simulators');
        return text.includes('All runs are through') ? text : undefined;
      });
      expect(log.match(/^✓ /gm)).toHaveLength(DEMO_RUNS.length);
    });

    it('shows them in Temporal, whose UI answers, and which remembers them for 7 days', async () => {
      const ids = (await house.runs()).map(({ id }) => id).sort();
      expect(await workflowIds(house)).toEqual(ids);
      const ui = await fetch(`http://${await house.addressOf('temporal', 8233)}/`);
      expect(ui.status).toBe(200);
      const { config } = (await house.temporal('operator', 'namespace', 'describe', 'default')) as {
        config: { workflowExecutionRetentionTtl: string };
      };
      expect(config.workflowExecutionRetentionTtl).toBe('604800s');
    });

    it('keeps them when the containers are made anew', async () => {
      const before = await workflowIds(house);
      await house.compose('rm', '--stop', '--force', 'temporal');
      await house.up('temporal');
      expect(await workflowIds(house)).toEqual(before);
    });

    describe('beside it, a worker as Kubernetes runs it', () => {
      let worker: Container;
      let targets: Container[] = [];
      const run = async (target: string) =>
        house.trigger('restart_service', { entity: 'checkout', properties: { target } });

      beforeAll(async () => {
        await writeFile(
          join(house.dir, 'mapping', 'control_the_payload_config.json'),
          JSON.stringify(MAPPING),
        );
        await Promise.all([house.compose('stop', 'worker'), house.compose('restart', 'ingester')]);
        targets = await startTargets(engine, images, house);
        worker = await startHardenedWorker(engine, images, house);
      });
      afterAll(() => engine.docker('rm', '--force', ...[...targets, worker].map(({ id }) => id)));

      it('has ended in good order in the composition', async () => {
        const stopped = await house.compose('ps', '--all', '--format', 'json', 'worker');
        expect(JSON.parse(stopped)).toMatchObject({ State: 'exited', ExitCode: 0 });
      });

      it('is nobody, with tini first, and can write nothing', async () => {
        expect(await worker.exec('cat', '/proc/1/comm')).toBe('tini\n');
        expect(await worker.exec('id', '-u')).toBe('10001\n');
        await expect(worker.exec('touch', '/app/file')).rejects.toThrow('Read-only file system');
      });

      it('trusts a certificate mounted as a file and those of a folder elsewhere, and no others', async () => {
        const [byFile, byFolder, byStranger] = await Promise.all(
          Object.values(TARGETS).map(async (host) => house.ended(await run(`https://${host}:8443/ok`))),
        );
        expect([byFile?.status, byFolder?.status]).toEqual(['SUCCESS', 'SUCCESS']);
        expect(byStranger).toMatchObject({
          status: 'FAILURE',
          summary: expect.stringContaining(`signed by "CA ${TARGETS.byStranger}", which is not trusted`),
        });
      });

      it('has variables of any name', async () => {
        const { status, response } = await house.ended(await run('http://simulators:8082/echo'));
        expect(status).toBe('SUCCESS');
        expect(JSON.stringify(response)).toContain(`"length":${'a token'.length}`);
      });

      it('finishes the call under way when it is stopped', async () => {
        const id = await run('http://simulators:8082/slow/5000');
        await eventually(async () => {
          const { pendingActivities } = (await house
            .temporal('workflow', 'describe', '--workflow-id', id)
            .catch(() => ({}))) as { pendingActivities?: { state: string }[] };
          return pendingActivities?.[0]?.state === 'PENDING_ACTIVITY_STATE_STARTED' || undefined;
        });
        await engine.docker('stop', '--time', '60', worker.id);
        expect(await worker.inspect('{{.State.ExitCode}}')).toBe('0');
        // Its report is the next worker's.
        await house.up('--no-deps', 'worker');
        expect(await house.ended(id)).toMatchObject({ status: 'SUCCESS' });
      });
    });
  });
});

async function workflowIds(house: Composition): Promise<string[]> {
  const list = (await house.temporal('workflow', 'list')) as { execution: { workflowId: string } }[];
  return list.map(({ execution }) => execution.workflowId).sort();
}
