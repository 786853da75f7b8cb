import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ActionDefinition, TriggerOptions } from '../../local/simulators/port.js';
import { findTriggerToken } from '../../port/trigger-token.js';
import {
  ALMOST_TOO_LATE_MS,
  afterwards,
  answering,
  CLIENT_SECRET,
  outcomeOf,
  planOf,
  publish,
  refusing,
  silent,
  summaryOf,
  trigger,
} from './agent.js';
import { codeSpans, fences, tableRows, textOf } from './markdown.js';

const DOC = readFileSync(join(__dirname, '../../docs/gitlab.md'), 'utf8');

function action(name: string): ActionDefinition {
  return JSON.parse(textOf(DOC, name));
}

/** Runs an example, with a change to its backend. */
function run(name: string, how: TriggerOptions, change: object = {}): ReturnType<typeof trigger> {
  const { invocationMethod, ...rest } = action(name);
  return trigger({ ...rest, invocationMethod: { ...invocationMethod, ...change } }, how);
}

describe('the examples', () => {
  const HOW = { entity: 'checkout', properties: { replicas: 3, regions: ['eu', 'us'] } };

  it('the self-service action triggers a pipeline with its pipelineVariables, as text', async () => {
    const { type, input } = await run('gitlab-action', HOW);
    expect(type).toBe('triggerGitlabPipeline');
    const { url, method, body } = planOf(input);
    expect(`${method} ${url}`).toBe(
      'POST https://gitlab.example.com/api/v4/projects/platform%2Fsub-group%2Finfra/trigger/pipeline',
    );
    expect(body).toMatchObject({ ref: 'main', token: 'glptt-infra' });
    expect(body.variables).toEqual({
      SERVICE: 'checkout',
      REPLICAS: '3',
      REGIONS: '["eu","us"]',
      REQUESTED_BY: 'executor@example.com',
    });
    expect(body.port_payload.context.runId).toBe(input.runId);
  });

  it('an input that was left empty is the text null', async () => {
    const { input } = await run('gitlab-action', { entity: 'checkout', properties: { replicas: 1 } });
    expect(planOf(input).body.variables.REGIONS).toBe('null');
  });

  it('a user input named ref decides on the ref, a variable of that name does not', async () => {
    const properties = { ...HOW.properties, ref: 'v1.4.0' };
    const byInput = await run('gitlab-action', { ...HOW, properties });
    expect(planOf(byInput.input).body.ref).toBe('v1.4.0');
    const byVariable = await run('gitlab-action', HOW, { pipelineVariables: { ref: 'v1.4.0' } });
    expect(planOf(byVariable.input).body).toMatchObject({ ref: 'main', variables: { ref: 'v1.4.0' } });
  });

  it('without pipelineVariables every user input is a variable; without defaultRef it is main', async () => {
    const { input } = await run('gitlab-action', HOW, {
      pipelineVariables: undefined,
      defaultRef: undefined,
    });
    expect(planOf(input).body).toMatchObject({ ref: 'main' });
    expect(planOf(input).body.variables).toEqual({ replicas: '3', regions: '["eu","us"]' });
  });

  it('the automation triggers a pipeline that knows the entity and the run; without variables it knows neither', async () => {
    const event = { context: { entityIdentifier: 'env-7' } };
    const { input, runId } = await run('gitlab-automation', { event });
    expect(planOf(input).body.variables).toEqual({ ENVIRONMENT: 'env-7', RUN_ID: runId });
    const bare = await run('gitlab-automation', { event }, { pipelineVariables: undefined });
    expect(planOf(bare.input).body.variables).toEqual({});
  });

  it('the older form sends inputs and payload, unless told to omit them', async () => {
    const properties = { bucket_name: 'logs', versioned: true };
    const { input } = await run('gitlab-action-legacy', { properties });
    const { url, body } = planOf(input);
    expect(url).toMatch(/\/projects\/platform%2Fbuckets\/trigger\/pipeline$/);
    expect(body.variables).toEqual({ bucket_name: 'logs', versioned: 'true' });
    expect(body.port_payload.payload.properties).toEqual(properties);
    const omitting = await run(
      'gitlab-action-legacy',
      { properties },
      { omitPayload: true, omitUserInputs: true, pipelineVariables: { A: 'b' } },
    );
    expect(planOf(omitting.input).body).toMatchObject({ variables: {}, port_payload: {} });
  });

  it('names each trigger token as the agent looks it up', () => {
    const rows = tableRows(DOC, 'Group').map((cells) => cells.map((cell) => cell.replaceAll('`', '')));
    expect(rows.length).toBeGreaterThan(5);
    for (const [group = '', project = '', variable = ''] of rows) {
      expect(findTriggerToken(group, project, { [variable]: 'glptt' })).toEqual({ token: 'glptt' });
    }
    expect(findTriggerToken('PORT_CLIENT', 'SECRET', { PORT_CLIENT_SECRET: 'x' })).toHaveProperty('problem');
  });

  it('what it lets the pipeline read from $TRIGGER_PAYLOAD is there', async () => {
    const { input, runId } = await run('gitlab-action', HOW);
    const { token: _, ...payload } = planOf(input).body;
    const commands = fences(DOC, 'sh').flatMap(
      (text) => text.match(/^cat \$TRIGGER_PAYLOAD \| jq .*$/gm) ?? [],
    );
    expect(commands).toHaveLength(3);
    const answers = commands.map((command) => inShell(command, payload));
    expect(answers[0]).toBe(runId);
    expect(answers[1]).toBe('executor@example.com');
    expect(JSON.parse(answers[2] ?? '')).toMatchObject({ identifier: 'checkout' });
  });

  it("the pipeline's report ends the run in Port", async () => {
    const { port, runId, value } = await publish(action('gitlab-action'), HOW);
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'payload.json'), JSON.stringify({ port_payload: JSON.parse(value) }));
    writeFileSync(join(dir, 'report-to-port.sh'), textOf(DOC, 'report-to-port.sh'));
    await promisify(execFile)('sh', ['report-to-port.sh', 'SUCCESS'], {
      cwd: dir,
      env: {
        PATH: process.env['PATH'],
        PORT_API_BASE_URL: port.url,
        PORT_CLIENT_ID: 'client',
        PORT_CLIENT_SECRET: CLIENT_SECRET,
        TRIGGER_PAYLOAD: 'payload.json',
        CI_PIPELINE_ID: '97',
      },
    });
    expect(port.run(runId)).toMatchObject({ status: 'SUCCESS', summary: 'Pipeline 97 has ended' });
  });
});

describe('what it says that Port shows', () => {
  const GITLAB = { type: 'GITLAB', agent: true, groupName: 'platform', projectName: 'infra' };
  const TOO_MANY = 'Too many pipelines created in the last minute.';

  const sayings: [string, () => Promise<string>][] = [
    ...[200, 301, 400, 403, 404, 405, 422, 429, 502].map((status): [string, () => Promise<string>] => [
      `an answer of ${status}`,
      () => summaryOf(GITLAB, answering(status)),
    ]),
    [
      'a pipeline that failed at once',
      () => summaryOf(GITLAB, answering(201, '{"id":97,"status":"failed"}')),
    ],
    [
      "GitLab's limit of pipelines",
      () => summaryOf(GITLAB, answering(400, TOO_MANY), { waitedMs: ALMOST_TOO_LATE_MS }),
    ],
    ['a missing token', () => summaryOf(GITLAB, answering(201), { environment: {} })],
    ['a missing project', () => summaryOf({ ...GITLAB, projectName: '' }, answering(201))],
    ['a GitLab that is unreachable', () => summaryOf(GITLAB, refusing('ECONNREFUSED'))],
    ['its certificate', () => summaryOf(GITLAB, refusing('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'TLS'))],
    ['a missing answer', () => summaryOf(GITLAB, silent())],
  ];

  it.each(sayings)('of %s, is what the agent says', async (_, said) => {
    expect(codeSpans(DOC)).toContain(await said());
  });

  it('of a created pipeline, is what the agent says', async () => {
    const web_url = 'https://gitlab.example.com/platform/infra/-/pipelines/97';
    const outcome = await outcomeOf(GITLAB, answering(201, JSON.stringify({ id: 97, web_url })));
    expect(outcome).toMatchObject({ link: web_url, externalRunId: '97' });
    expect(outcome.status).toBeUndefined();
    expect(codeSpans(DOC)).toContain(outcome.log[0]?.replace(/^Called .*?: /, ''));
  });
});

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'docs-'));
  afterwards(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** What a line of shell prints, with the payload as GitLab hands it to a pipeline. */
function inShell(command: string, payload: unknown): string {
  const file = join(temporaryFolder(), 'payload.json');
  writeFileSync(file, JSON.stringify(payload));
  const env = { PATH: process.env['PATH'], TRIGGER_PAYLOAD: file };
  return execFileSync('sh', ['-c', command], { env, encoding: 'utf8' }).trim();
}
