/** Holds the documentation to the code: its examples run, and what it names exists. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createInvoke, type InvokeDependencies } from '../activities/invoke.js';
import { variablesAsMarkdown } from '../config/help.js';
import { defaultOf, OWN_VARIABLES, type VariableName } from '../config/variables.js';
import { AmbiguousError, classifyConnectFailure, NotSentError } from '../http/errors.js';
import { createOutbound, type Outbound, type OutboundResponse } from '../http/outbound.js';
import { decide } from '../ingest/decide.js';
import { type ActionDefinition, startPortSimulator, type TriggerOptions } from '../local/simulators/port.js';
import { invocationMethodOf, type JsonObject } from '../port/message.js';
import { planRequest } from '../port/plan.js';
import { signatureHeaders } from '../port/signature.js';
import { findTriggerToken } from '../port/trigger-token.js';
import { createLogger } from '../telemetry/logger.js';
import { USER_AGENT } from '../telemetry/version.js';
import type { InvokeInput, RunInput } from '../workflows/contract.js';
import {
  announcedExamples,
  codeSpans,
  type Example,
  examplesIn,
  fences,
  linkedFiles,
  tableRows,
} from './docs-examples.js';

const ROOT = join(__dirname, '..');
const CLIENT_SECRET = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ';
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function example(path: string, name: string): Example {
  const found = examplesIn(read(path)).find((each) => each.name === name);
  if (!found) throw new Error(`${path} has no example called ${name}`);
  return found;
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act();
});

/** Runs the action of an example at the simulator of Port; returns what the ingester makes of its message. */
async function trigger(
  path: string,
  name: string,
  how: TriggerOptions = {},
  change: (action: ActionDefinition) => void = () => {},
): Promise<{ type: string; input: RunInput; runId: string }> {
  const action: ActionDefinition = JSON.parse(example(path, name).text);
  change(action);
  const published: string[] = [];
  const port = await startPortSimulator({
    orgId: 'org_docs',
    clientId: 'client',
    clientSecret: CLIENT_SECRET,
    actions: [action],
    publish: async (_, value) => void published.push(value),
  });
  undo.push(port.close);
  const runId = await port.trigger(action.identifier, how);
  const record = {
    topic: 'org_docs.runs',
    partition: 0,
    offset: 0n,
    timestampMs: 0,
    value: Buffer.from(published[0] ?? ''),
  };
  const decision = decide(record as never, {
    clientSecret: CLIENT_SECRET,
    gitlabUrl: 'https://gitlab.example.com',
    gitlabWithoutAgent: 'ignore',
    policy: POLICY as never,
    signatures: { anyGood: true, bad: new Set() },
  });
  if (decision.kind !== 'start') throw new Error(`The record was not started: ${decision.kind}`);
  return { type: decision.workflow.type, input: decision.workflow.input as RunInput, runId };
}

const POLICY = { callTimeoutMs: 30_000, retryWindowMs: 600_000, maxWaitMs: 86_400_000, workerLostAfterMs: 60_000 };
/** Past the window for trying again. */
const LATE_MS = POLICY.retryWindowMs + 60_000;
const ALMOST_TOO_LATE_MS = POLICY.maxWaitMs - 5000;
const TOKENS = { 'platform_sub-group_infra': 'glptt-infra', platform_buckets: 'glptt-buckets' };

function planOf({ message }: { message: JsonObject }): {
  method: string;
  url: string;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: a body is what the test says it is.
  body: any;
} {
  const invocation = invocationMethodOf(message);
  if (!invocation) throw new Error('The message does not say how to carry it out');
  const plan = planRequest(message, invocation, {
    gitlabUrl: 'https://gitlab.example.com',
    environment: TOKENS,
  });
  if ('problem' in plan) throw new Error(plan.problem);
  return { ...plan.request, body: JSON.parse(plan.request.body ?? 'null') };
}

describe('the actions in docs/gitlab.md', () => {
  const DOC = 'docs/gitlab.md';
  const HOW = { entity: 'checkout', properties: { replicas: 3, regions: ['eu', 'us'] } };

  it('the self-service action triggers a pipeline with its pipelineVariables, as text', async () => {
    const { type, input } = await trigger(DOC, 'gitlab-action', HOW);
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
    const { input } = await trigger(DOC, 'gitlab-action', { entity: 'checkout', properties: { replicas: 1 } });
    expect(planOf(input).body.variables.REGIONS).toBe('null');
  });

  it('a user input named ref decides on the ref, a variable of that name does not', async () => {
    const properties = { ...HOW.properties, ref: 'v1.4.0' };
    const byInput = await trigger(DOC, 'gitlab-action', { ...HOW, properties });
    expect(planOf(byInput.input).body.ref).toBe('v1.4.0');
    const byVariable = await trigger(DOC, 'gitlab-action', HOW, ({ invocationMethod }) => {
      Object.assign(invocationMethod, { pipelineVariables: { ref: 'v1.4.0' } });
    });
    expect(planOf(byVariable.input).body).toMatchObject({ ref: 'main', variables: { ref: 'v1.4.0' } });
  });

  it('without pipelineVariables every user input is a variable; without defaultRef it is main', async () => {
    const { input } = await trigger(DOC, 'gitlab-action', HOW, ({ invocationMethod }) => {
      Object.assign(invocationMethod, { pipelineVariables: undefined, defaultRef: undefined });
    });
    expect(planOf(input).body).toMatchObject({ ref: 'main' });
    expect(planOf(input).body.variables).toEqual({ replicas: '3', regions: '["eu","us"]' });
  });

  it('the automation triggers a pipeline that knows the entity and the run; without variables it knows neither', async () => {
    const event = { context: { entityIdentifier: 'env-7' } };
    const { input, runId } = await trigger(DOC, 'gitlab-automation', { event });
    expect(planOf(input).body.variables).toEqual({ ENVIRONMENT: 'env-7', RUN_ID: runId });
    const bare = await trigger(DOC, 'gitlab-automation', { event }, ({ invocationMethod }) => {
      Object.assign(invocationMethod, { pipelineVariables: undefined });
    });
    expect(planOf(bare.input).body.variables).toEqual({});
  });

  it('the older form sends inputs and payload, unless told to omit them', async () => {
    const properties = { bucket_name: 'logs', versioned: true };
    const { input } = await trigger(DOC, 'gitlab-action-legacy', { properties });
    const { url, body } = planOf(input);
    expect(url).toMatch(/\/projects\/platform%2Fbuckets\/trigger\/pipeline$/);
    expect(body.variables).toEqual({ bucket_name: 'logs', versioned: 'true' });
    expect(body.port_payload.payload.properties).toEqual(properties);
    const omitting = await trigger(DOC, 'gitlab-action-legacy', { properties }, ({ invocationMethod }) => {
      Object.assign(invocationMethod, { omitPayload: true, omitUserInputs: true });
      Object.assign(invocationMethod, { pipelineVariables: { A: 'b' } });
    });
    expect(planOf(omitting.input).body).toMatchObject({ variables: {}, port_payload: {} });
  });

  it('names each trigger token as the agent looks it up', () => {
    const rows = tableRows(read(DOC), 'Group').map((cells) => cells.map((cell) => cell.replaceAll('`', '')));
    expect(rows.length).toBeGreaterThan(5);
    for (const [group = '', project = '', variable = ''] of rows) {
      expect(findTriggerToken(group, project, { [variable]: 'glptt' })).toEqual({ token: 'glptt' });
    }
    expect(findTriggerToken('PORT_CLIENT', 'SECRET', { PORT_CLIENT_SECRET: 'x' })).toHaveProperty('problem');
  });

  it('what it lets the pipeline read from $TRIGGER_PAYLOAD is there', async () => {
    const { input, runId } = await trigger(DOC, 'gitlab-action', HOW);
    const { token: _, ...payload } = planOf(input).body;
    const commands = fences(read(DOC), 'sh').flatMap(
      (text) => text.match(/^cat \$TRIGGER_PAYLOAD \| jq .*$/gm) ?? [],
    );
    expect(commands).toHaveLength(3);
    const answers = commands.map((command) => inShell(command, payload));
    expect(answers[0]).toBe(runId);
    expect(answers[1]).toBe('executor@example.com');
    expect(JSON.parse(answers[2] ?? '')).toMatchObject({ identifier: 'checkout' });
  });

  it("the pipeline's report ends the run in Port", async () => {
    const published: string[] = [];
    const port = await startPortSimulator({
      orgId: 'org_docs',
      clientId: 'client',
      clientSecret: CLIENT_SECRET,
      actions: [JSON.parse(example(DOC, 'gitlab-action').text)],
      publish: async (_, value) => void published.push(value),
    });
    undo.push(port.close);
    const runId = await port.trigger('scale_service', HOW);
    const dir = temporaryFolder();
    const payload = { port_payload: JSON.parse(published[0] ?? '') };
    writeFileSync(join(dir, 'payload.json'), JSON.stringify(payload));
    writeFileSync(join(dir, 'report-to-port.sh'), example(DOC, 'report-to-port.sh').text);
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

describe('the actions in docs/webhook.md', () => {
  const DOC = 'docs/webhook.md';
  const HOW = { entity: 'checkout', properties: { reason: 'memory leak' } };

  it('the self-service action calls its URL with its headers, and what arrives is as shown', async () => {
    const { type, input, runId } = await trigger(DOC, 'webhook-action', HOW);
    expect(type).toBe('callWebhook');
    const { method, url, headers, body } = planOf(input);
    expect(`${method} ${url}`).toBe('POST https://operations.internal/restart');
    expect(headers).toEqual({ RUN_ID: runId });
    const shown = example(DOC, 'webhook-received').text.replaceAll('r_HardNzG6kzc9vWOQ', runId);
    expect(body).toMatchObject(JSON.parse(shown));
    expect(invocationMethodOf(input.message)?.synchronized).toBe(true);
  });

  it('the automation calls its URL, asynchronously', async () => {
    const event = { context: { entityIdentifier: 'checkout' } };
    const { input, runId } = await trigger(DOC, 'webhook-automation', { event });
    const { method, url, body } = planOf(input);
    expect(`${method} ${url}`).toBe('PUT https://operations.internal/announcements');
    expect(body).toMatchObject({ service: 'checkout', port_context: { runId } });
    expect(invocationMethodOf(input.message)?.synchronized).toBe(false);
  });

  it('what its table says of agent, method and headers is so', async () => {
    const left = await trigger(DOC, 'webhook-action', HOW, ({ invocationMethod }) => {
      Object.assign(invocationMethod, { method: undefined, synchronized: 'TRUE' });
    });
    expect(planOf(left.input).method).toBe('POST');
    expect(invocationMethodOf(left.input.message)?.synchronized).toBe(true);
    for (const name of ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection']) {
      const { input } = await trigger(DOC, 'webhook-action', HOW, ({ invocationMethod }) => {
        Object.assign(invocationMethod, { headers: { [name]: 'x' } });
      });
      expect(() => planOf(input)).toThrow(`the action sets the header ${name}`);
    }
  });

  it('its headers arrive, and both samples verify what arrives, and nothing else', async () => {
    const received = await receive(async (url) => {
      const { input } = await trigger(
        DOC,
        'webhook-action',
        { ...HOW, properties: { reason: 'mémoire → “fuite”' } },
        ({ invocationMethod }) => void Object.assign(invocationMethod, { url }),
      );
      return input;
    });
    const { headers, body, input } = received;
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      'idempotency-key': input.runId,
    });
    const samples = { node: verifyInNode, python: verifyInPython };
    for (const [name, verify] of Object.entries(samples)) {
      const spoilt = Buffer.concat([body, Buffer.from(' ')]);
      const old = { ...headers, ...lowerCase(signatureHeaders(`${body}`, CLIENT_SECRET, Date.now() - 600_000)) };
      const verdicts = {
        genuine: verify(body, headers, CLIENT_SECRET),
        spoilt: verify(spoilt, headers, CLIENT_SECRET),
        otherSecret: verify(body, headers, `${CLIENT_SECRET}x`),
        old: verify(body, old, CLIENT_SECRET),
        unsigned: verify(body, {}, CLIENT_SECRET),
      };
      expect({ name, ...verdicts }).toEqual({
        name,
        genuine: true,
        spoilt: false,
        otherSecret: false,
        old: false,
        unsigned: false,
      });
    }
  });

  function verifyInNode(body: Buffer, headers: IncomingHttpHeaders, secret: string): boolean {
    // Jest's modules are not ES modules, so the sample's two keywords are taken out.
    const code = example(DOC, 'verify.mjs')
      .text.replace(/^import (\{.*\}) from ('.*');$/m, 'const $1 = require($2);')
      .replace('export function', 'return function');
    const isFromPort = new Function('require', code)(require);
    return isFromPort(body, headers, secret);
  }

  function verifyInPython(body: Buffer, headers: IncomingHttpHeaders, secret: string): boolean {
    // As http.server hands them over: an email.message.Message, whose names have no case.
    const code = `${example(DOC, 'verify.py').text}
import sys, json
from email.message import Message
given = json.load(sys.stdin)
headers = Message()
for name, value in given["headers"].items(): headers[name] = value
print(is_from_port(base64.b64decode(given["body"]), headers, given["secret"]))`;
    const input = JSON.stringify({ body: body.toString('base64'), headers, secret });
    return execFileSync('python3', ['-c', code], { input, encoding: 'utf8' }).trim() === 'True';
  }
});

describe('what the documentation quotes', () => {
  const GITLAB = { type: 'GITLAB', agent: true, groupName: 'platform', projectName: 'infra' };
  const WEBHOOK = { type: 'WEBHOOK', agent: true, url: 'https://operations.internal/restart' };
  const gitlab = { method: 'POST', host: 'gitlab.example.com' };
  const target = { method: 'POST', host: 'operations.internal' };

  const quotes: [string, string, () => Promise<string>][] = [
    ...[200, 301, 400, 403, 404, 405, 422, 429, 502].map((status): [string, string, () => Promise<string>] => [
      'docs/gitlab.md',
      `GitLab's ${status}`,
      () => summaryOf(GITLAB, answering(status)),
    ]),
    [
      'docs/gitlab.md',
      'a created pipeline',
      async () => {
        const web_url = 'https://gitlab.example.com/platform/infra/-/pipelines/97';
        const outcome = await outcomeOf(GITLAB, answering(201, JSON.stringify({ id: 97, web_url })));
        expect(outcome).toMatchObject({ link: web_url, externalRunId: '97' });
        expect(outcome.status).toBeUndefined();
        return outcome.log[0]?.replace(/^Called .*?: /, '') ?? '';
      },
    ],
    [
      'docs/gitlab.md',
      'a pipeline that failed at once',
      () => summaryOf(GITLAB, answering(201, '{"id": 97, "status": "failed"}')),
    ],
    [
      'docs/gitlab.md',
      "GitLab's limit of pipelines",
      () => summaryOf(GITLAB, answering(400, 'Too many pipelines created in the last minute.'), ALMOST_TOO_LATE_MS),
    ],
    ['docs/gitlab.md', 'a missing token', () => summaryOf(GITLAB, answering(201), LATE_MS, {})],
    ['docs/gitlab.md', 'a missing project', () => summaryOf({ ...GITLAB, projectName: '' }, answering(201))],
    ['docs/gitlab.md', 'an unreachable GitLab', () => summaryOf(GITLAB, failing(notSent(gitlab, 'ECONNREFUSED')))],
    [
      'docs/gitlab.md',
      "GitLab's certificate",
      () => summaryOf(GITLAB, failing(notSent(gitlab, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'))),
    ],
    ['docs/gitlab.md', 'no answer', () => summaryOf(GITLAB, silent())],
    ['docs/webhook.md', "a target's 500", () => summaryOf(WEBHOOK, answering(500))],
    [
      'docs/webhook.md',
      'an unreachable target',
      () => summaryOf(WEBHOOK, failing(notSent(target, 'ECONNREFUSED'))),
    ],
    [
      'docs/webhook.md',
      "a target's certificate",
      () => summaryOf(WEBHOOK, failing(notSent(target, 'SELF_SIGNED_CERT_IN_CHAIN'))),
    ],
    ['docs/webhook.md', 'no answer', () => summaryOf(WEBHOOK, silent())],
    ['docs/webhook.md', 'a missing URL', () => summaryOf({ ...WEBHOOK, url: '' }, answering(200))],
  ];

  it.each(quotes)('%s says of %s what the agent says', async (path, _, said) => {
    // How often it was tried is left out, and so is the answer.
    const text = (await said()).replace(/; tried \d+ times in .*$| Response: .*$/, '');
    expect(codeSpans(read(path))).toContain(text);
  });

  it('the limits are those of the code', async () => {
    const answer = { status: 500, headers: {}, text: 'x'.repeat(200_000) };
    const outcome = await outcomeOf({ ...WEBHOOK, synchronized: true }, async () => answer);
    expect(read('docs/webhook.md')).toContain('65,536 characters');
    expect(`${outcome.response}`.replace(/[^x]/g, '')).toHaveLength(65_536);
    expect(read('docs/webhook.md')).toContain('4,096 are quoted');
    expect(outcome.summary?.replace(/[^x]/g, '')).toHaveLength(4096);
  });

  function answering(status: number, text = ''): Outbound['send'] {
    return async () => ({ status, headers: {}, text });
  }

  function failing(error: Error): Outbound['send'] {
    return async () => {
      throw error;
    };
  }

  /** A target that takes the request and says nothing, over the real way out, whose words are asked for. */
  function silent(): Outbound['send'] {
    return async (request, timeoutMs) => {
      const server = createServer(() => {}).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const outbound = wayOut();
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      try {
        return await outbound.send({ ...request, url }, 300);
      } catch (error) {
        if (!(error instanceof AmbiguousError)) throw error;
        const what = error.message
          .replace(/^.* was sent, but /, '')
          .replace(/ \(\w+\)$/, '')
          .replace('0.3 s', `${timeoutMs / 1000} s`);
        throw new AmbiguousError({ method: request.method, host: new URL(request.url).host }, error.reason, what);
      } finally {
        await outbound.close();
        server.closeAllConnections();
        server.close();
      }
    };
  }

  function notSent(label: { method: string; host: string }, code: string): NotSentError {
    const { phase, reason, permanent } = classifyConnectFailure(Object.assign(new Error(), { code }));
    return new NotSentError(label, phase, reason, permanent);
  }

  async function summaryOf(
    method: JsonObject,
    send: Outbound['send'],
    waitedMs?: number,
    environment?: Record<string, string>,
  ): Promise<string> {
    const { status, summary } = await outcomeOf(method, send, waitedMs, environment);
    expect(status).toBe('FAILURE');
    return summary ?? '';
  }

  /** What comes of a call when the time for trying again is over, and a run may still be carried out. */
  async function outcomeOf(
    method: JsonObject,
    send: Outbound['send'],
    waitedMs = LATE_MS,
    environment: Record<string, string> = { platform_infra: 'glptt' },
  ) {
    const message = { context: { runId: 'r_1' }, payload: { action: { invocationMethod: method } } };
    const invoke = invoker(send, environment);
    const input = { runId: 'r_1', call: 'POST x', message, policy: POLICY, mayCall: true };
    const late = new MockActivityEnvironment({ attempt: 14, scheduledTimestampMs: Date.now() - waitedMs });
    const result = await late.run(invoke, input as InvokeInput);
    if (result.kind !== 'outcome') throw new Error('The call was withheld');
    return result.outcome;
  }
});

describe.each(DOCUMENTS)('%s', (path) => {
  it('is there', () => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });
  if (!existsSync(join(ROOT, path))) return;

  it('follows each announced example with a fenced block', () => {
    expect(examplesIn(read(path))).toHaveLength(announcedExamples(read(path)));
  });

  it('names only variables that exist', () => {
    const names = shown(read(path)).flatMap((code) => code.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? []);
    const unknown = names.filter(
      (name) => !OWN_VARIABLES.has(name) && !OTHER_NAMES.has(name) && !ERROR_CODE.test(name),
    );
    expect(unknown).toEqual([]);
  });

  it('names defaults as they are', () => {
    const text = read(path).replace(/\n/g, ' ');
    for (const [, name = '', said = ''] of text.matchAll(/`([A-Z][A-Z0-9_]+)` \(default ([^)]*)\)/g)) {
      expect({ name, default: said }).toEqual({ name, default: `\`${defaultOf(name as VariableName)}\`` });
    }
  });

  it('names only files that exist', () => {
    const missing = [
      ...shown(read(path)).flatMap(pathsIn),
      ...linkedFiles(read(path)).map((link) => join(dirname(path), link)),
    ].filter((file) => !existsSync(join(ROOT, file)));
    expect(missing).toEqual([]);
  });

  it('names only scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = shown(read(path)).flatMap((code) => [
      ...[...code.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name),
      ...[...code.matchAll(/\bnpm (test|start)\b/g)].map(([, name = '']) => name),
    ]);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

describe("the README's table of variables", () => {
  const MARKED = /(<!-- variables:begin -->)[\s\S]*?(<!-- variables:end -->)/;

  it('is the one that config/help.ts makes (UPDATE_DOCS=1 rewrites it)', () => {
    const generated = read('README.md').replace(
      MARKED,
      (_, begin, end) => `${begin}\n\n${variablesAsMarkdown()}\n\n${end}`,
    );
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(join(ROOT, 'README.md'), generated);
    expect(read('README.md')).toMatch(MARKED);
    expect(read('README.md')).toBe(generated);
  });
});

/** Names that are not the agent's: GitLab's, Node's, those of the examples, and those that tests read. */
const OTHER_NAMES = new Set([
  'CI_PIPELINE_ID',
  'CI_PIPELINE_SOURCE',
  'TRIGGER_PAYLOAD',
  'NODE_EXTRA_CA_CERTS',
  'RUN_ID',
  'REQUIRE_ALL',
  'UPDATE_DOCS',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'TEMPORAL_PORT_AGENT_CACHE',
  'XDG_CACHE_HOME',
  'JAVA_HOME',
  'KAFKA_HOME',
]);
const ERROR_CODE = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_|REJECT_DUPLICATE$|USE_EXISTING$)/;
const FOLDERS =
  /^(activities|cli|config|deploy|docs|http|ingest|local|port|telemetry|temporal|test|worker|workflows)\//;
const ROOT_FILES =
  /^(package(-lock)?\.json|tsconfig(\.build)?\.json|biome\.json|jest\.config\.json|docker-compose\.yml|\.env\.example|\.dockerignore|[A-Z]+\.md)$/;

/** All code a reader sees: between backticks, and the blocks that are no example data. */
function shown(markdown: string): string[] {
  return [...codeSpans(markdown), ...fences(markdown, '', 'sh', 'bash', 'console', 'yaml', 'text')];
}

/** The files of this repository that a piece of code names; a pattern stands for its folder. */
function pathsIn(code: string): string[] {
  return code
    .split(/[\s"'=,:()]+/)
    .map((word) => word.replace(/^\.\//, ''))
    .filter((word) => FOLDERS.test(word) || ROOT_FILES.test(word))
    .map((word) => (word.includes('*') ? dirname(word.slice(0, word.indexOf('*') + 1)) : word))
    .filter((word) => !word.includes('<'));
}

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'docs-'));
  undo.push(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** What a line of shell prints, with the payload as GitLab hands it to a pipeline. */
function inShell(command: string, payload: unknown): string {
  const file = join(temporaryFolder(), 'payload.json');
  writeFileSync(file, JSON.stringify(payload));
  const env = { PATH: process.env['PATH'], TRIGGER_PAYLOAD: file };
  return execFileSync('sh', ['-c', command], { env, encoding: 'utf8' }).trim();
}

function wayOut(): Outbound {
  return createOutbound({
    tls: { verify: true },
    keepAlive: false,
    followRedirects: true,
    userAgent: USER_AGENT,
    connectTimeoutMs: 10_000,
  });
}

function invoker(send: Outbound['send'], environment: Record<string, string>) {
  const outbound: Outbound = { send, close: async () => {} };
  const deps: InvokeDependencies = {
    gitlab: outbound,
    webhooks: outbound,
    plan: { gitlabUrl: 'https://gitlab.example.com', environment },
    clientSecret: CLIENT_SECRET,
    detailedLogging: true,
    logger: createLogger('fatal', 'worker'),
  };
  return createInvoke(deps);
}

/** Calls a server of its own, as the worker does, and returns what arrived. */
async function receive(
  make: (url: string) => Promise<RunInput>,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer; input: RunInput }> {
  let headers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  const server = createServer((request, response) => {
    headers = request.headers;
    request.on('data', (chunk) => chunks.push(chunk)).on('end', () => response.end('{}'));
  });
  undo.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const outbound = wayOut();
  undo.push(() => outbound.close());
  const input = await make(`http://127.0.0.1:${(server.address() as AddressInfo).port}/restart`);
  const invoke = invoker((request, timeoutMs): Promise<OutboundResponse> => outbound.send(request, timeoutMs), {});
  await new MockActivityEnvironment({ scheduledTimestampMs: Date.now() }).run(invoke, { ...input, mayCall: true });
  return { headers, body: Buffer.concat(chunks), input };
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
