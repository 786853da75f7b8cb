import { createInvoke } from '../../activities/invoke.js';
import type { Outbound } from '../../http/outbound.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import {
  type GitlabProject,
  type GitlabSimulator,
  gitlabAnswers,
  startGitlabSimulator,
  triggerPayload,
} from '../../local/simulators/gitlab.js';
import type { Fault } from '../../local/simulators/http-server.js';
import { type PrivateService, startPrivateService } from '../../local/simulators/private-service.js';
import type { Json, JsonObject } from '../../port/message.js';
import type { Outcome } from '../../port/outcome.js';
import { type CallPolicy, FAILURES } from '../../workflows/contract.js';
import {
  type Attempt,
  type AttemptInfo,
  attempt,
  CLIENT_SECRET,
  closing,
  everythingIn,
  failureOf,
  memoryLogger,
  newRunId,
  outbound,
  TRIGGER_TOKEN,
} from './environment.js';

const MINUTE_MS = 60_000;
const POLICY: CallPolicy = {
  callTimeoutMs: MINUTE_MS,
  workerLostAfterMs: 60_000,
  retryWindowMs: 10 * MINUTE_MS,
  maxWaitMs: 24 * 60 * MINUTE_MS,
};
const PROJECT = 'platform/infra';
/** For calls that are to be given up: soon, and not before a busy machine has sent them. */
const ENOUGH_TO_SEND_MS = 1500;
/** In every message; no log line may hold it. */
const CONTENT = 'planted-message-content';

/** Port's message of a run, as the ingester hands it on. */
function messageOf(runId: string, invocationMethod: JsonObject, properties: JsonObject = {}): JsonObject {
  return {
    action: 'deploy',
    resourceType: 'run',
    status: 'TRIGGERED',
    context: { entity: null, blueprint: 'service', runId },
    payload: {
      entity: null,
      action: { identifier: 'deploy', invocationMethod },
      properties: { note: CONTENT, ...properties },
    },
  };
}

interface InvokeOptions {
  /** The same run again; a new one when left out. */
  runId?: string;
  properties?: JsonObject;
  detailedLogging?: boolean;
  policy?: Partial<CallPolicy>;
  info?: AttemptInfo;
  environment?: Record<string, string>;
  webhooks?: Outbound;
  mayCall?: boolean;
  gitlabUrl?: string;
  stopping?: AbortSignal;
}

interface Invoked extends Attempt<{ kind: string; outcome?: Outcome }> {
  runId: string;
  message: JsonObject;
  logLines: string[];
}

/** One attempt of `invoke`, for a message with this invocation method. */
async function invoke(invocationMethod: JsonObject, options: InvokeOptions = {}): Promise<Invoked> {
  const runId = options.runId ?? newRunId();
  const message = messageOf(runId, invocationMethod, options.properties);
  const { logger, lines } = memoryLogger();
  const activity = createInvoke({
    stopping: options.stopping ?? new AbortController().signal,
    gitlab: outbound({ followRedirects: false }),
    webhooks: options.webhooks ?? outbound(),
    plan: {
      gitlabUrl: options.gitlabUrl ?? 'http://gitlab.invalid',
      environment: options.environment ?? {
        platform_infra: TRIGGER_TOKEN,
        PORT_CLIENT_SECRET: CLIENT_SECRET,
      },
    },
    clientSecret: CLIENT_SECRET,
    detailedLogging: options.detailedLogging ?? true,
    logger,
  });
  const input = {
    runId,
    kind: 'run' as const,
    call: 'POST the.target',
    message,
    policy: { ...POLICY, ...options.policy },
    mayCall: options.mayCall ?? true,
  };
  const ended = await attempt(activity, input, options.info);
  return { ...ended, runId, message, logLines: lines };
}

/** The outcome that an attempt returned; a thrown failure is an error of the test. */
function outcomeOf(invoked: Invoked): Outcome {
  if (invoked.error) throw invoked.error;
  if (!invoked.result?.outcome) throw new Error(`no outcome, but ${JSON.stringify(invoked.result)}`);
  return invoked.result.outcome;
}

async function startGitlab(changes: Partial<GitlabProject> = {}, version?: string): Promise<GitlabSimulator> {
  const project: GitlabProject = {
    path: PROJECT,
    refs: ['main'],
    triggerTokens: [{ token: TRIGGER_TOKEN, owner: 'port', role: 'maintainer' }],
    ...changes,
  };
  return closing(await startGitlabSimulator({ projects: [project], ...(version && { version }) }));
}

const gitlabMethod = (changes: JsonObject = {}): JsonObject => ({
  type: 'GITLAB',
  agent: true,
  groupName: 'platform',
  projectName: 'infra',
  defaultRef: 'main',
  ...changes,
});

const invokeGitlab = (gitlab: GitlabSimulator, options: InvokeOptions & { method?: JsonObject } = {}) =>
  invoke(gitlabMethod(options.method), { gitlabUrl: gitlab.url, ...options });

async function startService(): Promise<PrivateService> {
  return closing(await startPrivateService({ clientSecret: CLIENT_SECRET }));
}

const webhookMethod = (url: string, changes: JsonObject = {}): JsonObject => ({
  type: 'WEBHOOK',
  agent: true,
  url,
  ...changes,
});

const synchronized = (url: string): JsonObject => webhookMethod(url, { synchronized: true });

describe('a GitLab run', () => {
  test('is handed over to the pipeline that was created, with its link and id', async () => {
    const gitlab = await startGitlab();
    const outcome = outcomeOf(await invokeGitlab(gitlab));
    const [pipeline] = gitlab.pipelines();
    expect(outcome.status).toBeUndefined();
    expect(outcome.response).toBeUndefined();
    expect(outcome.externalRunId).toBe(String(pipeline?.id));
    expect(outcome.link).toBe(`${gitlab.url}/${PROJECT}/-/pipelines/${pipeline?.id}`);
    expect(outcome.headline).toBe(`HTTP 201, pipeline ${pipeline?.id}`);
    expect(outcome.log.join()).toContain('the pipeline reports how the run ends');
  });

  test('that is synchronized ends with success and GitLab’s answer', async () => {
    const gitlab = await startGitlab();
    const outcome = outcomeOf(await invokeGitlab(gitlab, { method: { synchronized: 'true' } }));
    const [pipeline] = gitlab.pipelines();
    expect(outcome.status).toBe('SUCCESS');
    expect(outcome.externalRunId).toBe(String(pipeline?.id));
    expect(outcome.response).toMatchObject({ id: pipeline?.id, source: 'trigger' });
  });

  test('starts one pipeline, with the ref, the variables, and the message as port_payload', async () => {
    const gitlab = await startGitlab({ refs: ['main', 'release'] });
    const pipelineVariables = { REGION: 'eu', COUNT: 3, TAGS: ['a'], DRY: false };
    const { message, runId } = await invokeGitlab(gitlab, {
      method: { pipelineVariables, defaultRef: 'release' },
    });
    const pipelines = gitlab.pipelinesFor(runId);
    expect(pipelines).toHaveLength(1);
    const [pipeline] = pipelines;
    expect(pipeline?.ref).toBe('release');
    const variables = pipeline?.variables.filter(({ key }) => key !== 'TRIGGER_PAYLOAD');
    expect(variables?.map(({ key, value }) => [key, value])).toEqual([
      ['REGION', 'eu'],
      ['COUNT', '3'],
      ['TAGS', '["a"]'],
      ['DRY', 'false'],
    ]);
    const payload = pipeline && triggerPayload(pipeline);
    expect(payload?.['port_payload']).toEqual(message);
    expect(payload?.['ref']).toBe('release');
    expect(gitlab.journal).toHaveLength(1);
    expect(gitlab.journal[0]?.path).toBe('/api/v4/projects/platform%2Finfra/trigger/pipeline');
    expect(gitlab.journal[0]?.headers['idempotency-key']).toBe(runId);
  });

  test('without variables of its own takes the user’s inputs, and their ref before the default', async () => {
    const gitlab = await startGitlab({ refs: ['main', 'topic'] });
    const { runId } = await invokeGitlab(gitlab, { properties: { ref: 'topic', size: 2 } });
    const [pipeline] = gitlab.pipelinesFor(runId);
    expect(pipeline?.ref).toBe('topic');
    expect(pipeline?.variables).toContainEqual({ variable_type: 'env_var', key: 'size', value: '2' });
  });

  interface Refused {
    what: string;
    project?: Partial<GitlabProject>;
    version?: string;
    fault?: Fault;
    options?: InvokeOptions & { method?: JsonObject };
    advice: RegExp;
    headline: string;
    pipelines?: number;
  }
  const respond = (status: number, body: unknown = { message: 'no' }): Fault => ({
    kind: 'respond',
    response: { status, body },
  });
  const refusals: Refused[] = [
    {
      what: 'a ref that does not exist',
      options: { properties: { ref: 'gone' } },
      advice: /the ref exists.*Reference not found/,
      headline: 'HTTP 400',
    },
    {
      what: 'a token whose owner may not set variables',
      project: { minimumOverrideRole: 'no_one_allowed' },
      advice: /token's owner may run pipelines with variables.*Insufficient permissions/,
      headline: 'HTTP 400',
    },
    {
      what: 'a token whose owner may not run pipelines',
      project: { triggerTokens: [{ token: TRIGGER_TOKEN, owner: 'port', role: 'guest' }] },
      advice: /token's owner may run pipelines/,
      headline: 'HTTP 400',
    },
    {
      what: 'a protected ref',
      project: {
        protectedRefs: ['main'],
        triggerTokens: [{ token: TRIGGER_TOKEN, owner: 'port', role: 'developer' }],
        minimumOverrideRole: 'developer',
      },
      advice: /token's owner may run pipelines.*sufficient permission/,
      headline: 'HTTP 400',
    },
    {
      what: 'a project with CI switched off',
      project: { ciEnabled: false },
      advice: /Pipelines are disabled/,
      headline: 'HTTP 400',
    },
    {
      what: 'rules that leave no job',
      project: { rules: 'empty' },
      advice: /CI configuration has jobs for triggers/,
      headline: 'HTTP 400',
    },
    {
      what: 'workflow rules that filter the pipeline out',
      project: { rules: 'filtered' },
      advice: /CI configuration has jobs for triggers/,
      headline: 'HTTP 400',
    },
    {
      what: 'no CI configuration',
      project: { ciConfig: 'missing' },
      advice: /CI configuration/,
      headline: 'HTTP 400',
    },
    {
      what: 'an invalid CI configuration',
      project: { invalidYaml: 'jobs:x config is wrong' },
      advice: /pipeline that failed at once; check the project's CI configuration/,
      headline: 'HTTP 422',
      pipelines: 1,
    },
    {
      what: 'a variable named TRIGGER_PAYLOAD',
      options: { method: { pipelineVariables: { TRIGGER_PAYLOAD: 'mine' } } },
      advice: /CI configuration.*Duplicate variable name/,
      headline: 'HTTP 422',
      pipelines: 1,
    },
    {
      what: 'a token that has expired',
      project: { triggerTokens: [{ token: TRIGGER_TOKEN, owner: 'port', role: 'owner', expired: true }] },
      advice: /project does not exist, or the trigger token is not valid/,
      headline: 'HTTP 404',
    },
    {
      what: 'an unknown project',
      project: { path: 'platform/other' },
      advice: /project does not exist, or the trigger token is not valid/,
      headline: 'HTTP 404',
    },
    { what: 'a 401', fault: respond(401), advice: /refuses this agent/, headline: 'HTTP 401' },
    { what: 'a 403', fault: respond(403), advice: /allowed IP addresses/, headline: 'HTTP 403' },
    {
      what: 'a 413 of a proxy',
      fault: respond(413, '<html>too large</html>'),
      advice: /no pipeline was created. Check GITLAB_URL/,
      headline: 'HTTP 413',
    },
    {
      what: 'a login page',
      fault: respond(200, '<html>Please log in</html>'),
      advice: /no pipeline, so something else/,
      headline: 'HTTP 200',
    },
    ...([500, 502, 503, 504] as const).map((status) => ({
      what: `a page with ${status}`,
      fault: { kind: 'respond', response: gitlabAnswers.html(status) } as const,
      advice: /a pipeline may have been created, look at the project's pipelines/,
      headline: `HTTP ${status}`,
    })),
  ];

  test.each(refusals)('that GitLab refuses for $what fails at once, with advice', async (refused) => {
    const gitlab = await startGitlab(refused.project, refused.version);
    if (refused.fault) gitlab.inject(refused.fault);
    const outcome = outcomeOf(await invokeGitlab(gitlab, refused.options));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(refused.advice);
    expect(outcome.headline).toBe(refused.headline);
    expect(outcome.log.join('\n')).toMatch(refused.advice);
    expect(outcome.response).toBeUndefined();
    expect(gitlab.journal).toHaveLength(1);
    expect(gitlab.pipelines()).toHaveLength(refused.pipelines ?? 0);
  });

  test('that is synchronized and refused ends with GitLab’s words as its response', async () => {
    const gitlab = await startGitlab();
    const outcome = outcomeOf(
      await invokeGitlab(gitlab, { method: { synchronized: true }, properties: { ref: 'gone' } }),
    );
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.response).toEqual({ message: { base: ['Reference not found'] } });
  });

  test('of a GitLab before 15, whose pipeline failed at once, fails: that pipeline will never report', async () => {
    const gitlab = await startGitlab({ invalidYaml: 'jobs:x config is wrong' }, '14.10.0');
    const outcome = outcomeOf(await invokeGitlab(gitlab));
    const [pipeline] = gitlab.pipelines();
    expect(gitlab.journal[0]?.status).toBe(201);
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toContain('failed at once');
    expect(outcome.externalRunId).toBe(String(pipeline?.id));
    expect(outcome.link).toContain(`/pipelines/${pipeline?.id}`);
  });

  test('is not followed where GitLab redirects it', async () => {
    const gitlab = await startGitlab();
    const elsewhere = await startService();
    gitlab.inject({ kind: 'respond', response: gitlabAnswers.moved(`${elsewhere.url}/ok`) });
    const outcome = outcomeOf(await invokeGitlab(gitlab));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(/has moved; correct GITLAB_URL or the project's path/);
    expect(elsewhere.calls()).toHaveLength(0);
  });

  test('that is told 429 comes back when GitLab wants it', async () => {
    const gitlab = await startGitlab();
    gitlab.inject({ kind: 'respond', response: gitlabAnswers.retryLater(42) });
    const failure = failureOf(await invokeGitlab(gitlab));
    expect(failure.type).toBe(FAILURES.rateLimited);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.category).toBe('BENIGN');
    expect(failure.nextRetryDelay).toBe(42_000);
    expect(failure.message).toContain('42 s');
  });

  test('that is told 429 for longer than the window fails', async () => {
    const gitlab = await startGitlab();
    gitlab.inject({ kind: 'respond', response: gitlabAnswers.retryLater(601) });
    const outcome = outcomeOf(await invokeGitlab(gitlab));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(/^GitLab answered 429: it limits requests/);
  });

  test('is tried again after a minute when GitLab has made too many pipelines', async () => {
    const gitlab = await startGitlab({ pipelinesPerMinute: 1 });
    outcomeOf(await invokeGitlab(gitlab));
    const failure = failureOf(await invokeGitlab(gitlab, { info: { scheduledMsAgo: 60 * MINUTE_MS } }));
    expect(failure.type).toBe(FAILURES.rateLimited);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.category).toBe('BENIGN');
    expect(failure.nextRetryDelay).toBeGreaterThanOrEqual(60_000);
    expect(failure.nextRetryDelay).toBeLessThanOrEqual(90_000);
    expect(gitlab.pipelines()).toHaveLength(1);
  });

  test('that met too many pipelines until the longest wait fails, and says what was in the way', async () => {
    const gitlab = await startGitlab({ pipelinesPerMinute: 1 });
    outcomeOf(await invokeGitlab(gitlab));
    const info = { scheduledMsAgo: POLICY.maxWaitMs - 30_000, attempt: 900 };
    const outcome = outcomeOf(await invokeGitlab(gitlab, { info }));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(/limit of pipelines a minute/);
  });

  const never = new Promise(() => {});
  const lost: [string, string, Fault][] = [
    ['the connection is dropped', 'no answer', { kind: 'dropAfter' }],
    ['no answer comes in time', 'no answer', { kind: 'holdAfter', until: never }],
    ['a proxy answers 502', 'HTTP 502', { kind: 'respondAfter', response: gitlabAnswers.html(502) }],
  ];
  test.each(lost)('whose pipeline was created when %s is not called again', async (_, headline, fault) => {
    const gitlab = await startGitlab();
    gitlab.inject(fault);
    const isSilent = fault.kind === 'holdAfter';
    const policy = isSilent ? { callTimeoutMs: ENOUGH_TO_SEND_MS } : {};
    const invoked = await invokeGitlab(gitlab, { policy });
    const outcome = outcomeOf(invoked);
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.headline).toBe(headline);
    expect(outcome.summary).toMatch(/may have been (reached|created).*before running the action again/);
    expect(gitlab.pipelinesFor(invoked.runId)).toHaveLength(1);
    expect(gitlab.journal).toHaveLength(1);
  });

  test('whose 201 breaks off is handed over, and its log says what is missing', async () => {
    const gitlab = await startGitlab();
    gitlab.inject({ kind: 'truncate', bytes: 12 });
    const outcome = outcomeOf(await invokeGitlab(gitlab));
    expect(outcome.status).toBeUndefined();
    expect(outcome.link).toBeUndefined();
    expect(outcome.log.join()).toContain('broke off');
  });

  test('never shows its token, nor the client secret', async () => {
    const gitlab = await startGitlab();
    const all = [
      await invokeGitlab(gitlab, { method: { synchronized: true } }),
      await invokeGitlab(gitlab, { properties: { ref: 'gone' }, method: { synchronized: true } }),
    ];
    gitlab.inject({ kind: 'dropAfter', times: 1 });
    all.push(await invokeGitlab(gitlab));
    gitlab.inject({ kind: 'respond', response: gitlabAnswers.retryLater(), times: 1 });
    all.push(await invokeGitlab(gitlab));
    await gitlab.refuse();
    all.push(await invokeGitlab(gitlab));
    expect(all.map(({ result }) => result?.kind)).toEqual([
      'outcome',
      'outcome',
      'outcome',
      undefined,
      undefined,
    ]);
    for (const { result, error, logLines } of all) {
      const seen = `${everythingIn(result)}${everythingIn(error)}${logLines.join()}`;
      expect(seen).not.toContain(TRIGGER_TOKEN);
      expect(seen).not.toContain(CLIENT_SECRET);
    }
  });

  test('does not show its token even where a page echoes the request', async () => {
    const gitlab = await startGitlab();
    const page = `<html>blocked: {"token":"${TRIGGER_TOKEN}"}</html>`;
    gitlab.inject({ kind: 'respond', response: { status: 403, body: page } });
    const { result } = await invokeGitlab(gitlab, { method: { synchronized: true } });
    expect(result?.outcome?.summary).toContain('blocked');
    expect(everythingIn(result)).not.toContain(TRIGGER_TOKEN);
  });
});

describe('a call that was not sent', () => {
  const PATH = '/planted-path?token=planted-query';

  test('is tried again within the window, with words that name method and host alone', async () => {
    const service = await startService();
    await service.refuse();
    const failure = failureOf(await invoke(webhookMethod(service.url + PATH)));
    expect(failure.type).toBe(FAILURES.notSent);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.category).toBe('BENIGN');
    expect(failure.nextRetryDelay).toBeUndefined();
    expect(failure.message).toContain(`POST ${new URL(service.url).host} was not sent`);
    expect(failure.message).toContain('ECONNREFUSED');
    expect(everythingIn(failure)).not.toMatch(/planted-(path|query)/);
  });

  test('is left to another worker when this one is to stop', async () => {
    const service = await startService();
    const stopping = AbortSignal.abort();
    expect(failureOf(await invoke(webhookMethod(`${service.url}/ok`), { stopping }))).toMatchObject({
      type: FAILURES.notSent,
      nonRetryable: false,
      message: 'POST the.target: nothing was sent, since the worker stops; another one makes the call',
    });
    expect(service.journal).toEqual([]);
  });

  test('past the window fails with the last error, how often and how long it was tried', async () => {
    const service = await startService();
    await service.refuse();
    const info = { attempt: 14, scheduledMsAgo: 11 * MINUTE_MS };
    const outcome = outcomeOf(await invoke(webhookMethod(service.url + PATH), { info }));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.headline).toBe('not called');
    expect(outcome.summary).toMatch(
      /was not sent: connecting to .* failed: .*\(ECONNREFUSED\)\..*; tried 14 times in 11 minutes$/,
    );
    expect(everythingIn(outcome)).not.toMatch(/planted-(path|query)/);
  });

  test('past the window at its first attempt says that it was tried once', async () => {
    const service = await startService();
    await service.refuse();
    const info = { attempt: 1, scheduledMsAgo: 11 * MINUTE_MS };
    const outcome = outcomeOf(await invoke(webhookMethod(service.url), { info }));
    expect(outcome.summary).toMatch(/; tried once in 11 minutes$/);
  });

  test('to an https server without a trusted certificate fails at once and says what to do', async () => {
    const service = await startTlsService();
    const outcome = outcomeOf(await invoke(webhookMethod(`${service.url}/ok`)));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.headline).toBe('not called');
    expect(outcome.summary).toMatch(
      /the certificate is signed by "a private CA", which is not trusted .*Mount that CA/,
    );
    expect(service.calls()).toHaveLength(0);
  });

  test('to that server is sent when certificates are not verified', async () => {
    const service = await startTlsService();
    const webhooks = outbound({ verifyTls: false });
    const outcome = outcomeOf(await invoke(synchronized(`${service.url}/ok`), { webhooks }));
    expect(outcome.status).toBe('SUCCESS');
    expect(service.calls()).toHaveLength(1);
  });

  async function startTlsService(): Promise<PrivateService> {
    const { certPem, keyPem } = createTestCa('a private CA').issue({
      commonName: '127.0.0.1',
      ipAddresses: ['127.0.0.1'],
    });
    return closing(await startPrivateService({ tls: { cert: certPem, key: keyPem } }));
  }

  test('since nobody may call, is withheld', async () => {
    const service = await startService();
    const { result } = await invoke(webhookMethod(`${service.url}/ok`), { mayCall: false });
    expect(result).toEqual({ kind: 'withheld' });
    expect(service.calls()).toHaveLength(0);
  });

  test('until the longest wait was over, is not sent any more', async () => {
    const service = await startService();
    const info = { scheduledMsAgo: POLICY.maxWaitMs + MINUTE_MS };
    const first = outcomeOf(await invoke(webhookMethod(`${service.url}/ok`), { info }));
    expect(first.status).toBe('FAILURE');
    expect(first.summary).toMatch(/^nothing was sent within 1440 minutes, since no worker was there/);
    const later = outcomeOf(
      await invoke(webhookMethod(`${service.url}/ok`), { info: { ...info, attempt: 8 } }),
    );
    expect(later.summary).toMatch(/^nothing was sent within 1440 minutes, in 7 attempts/);
    expect(service.calls()).toHaveLength(0);
  });
});

describe('a message that can not be carried out', () => {
  interface Impossible {
    what: string;
    method: (serviceUrl: string) => JsonObject;
    environment?: Record<string, string>;
    why: RegExp;
  }
  const impossible: Impossible[] = [
    {
      what: 'no trigger token',
      method: () => gitlabMethod(),
      environment: { PLATFORM_INFRA: TRIGGER_TOKEN },
      why: /set the variable platform_infra; the name is case sensitive, and there is a PLATFORM_INFRA/,
    },
    {
      what: 'a variable of the agent as trigger token',
      method: () => gitlabMethod({ groupName: 'PORT_CLIENT', projectName: 'SECRET' }),
      environment: { PORT_CLIENT_SECRET: CLIENT_SECRET },
      why: /PORT_CLIENT_SECRET is a variable of the agent itself/,
    },
    {
      what: 'no project',
      method: () => gitlabMethod({ projectName: '' }),
      why: /set groupName and projectName/,
    },
    { what: 'no URL', method: () => webhookMethod(''), why: /set url in its backend/ },
    { what: 'a URL that is none', method: () => webhookMethod('not a url'), why: /not an absolute address/ },
    {
      what: 'a URL of another kind',
      method: () => webhookMethod('ftp://host/x'),
      why: /ftp: is neither http: nor https:/,
    },
    {
      what: 'a header of the connection',
      method: (url) => webhookMethod(url, { headers: { 'Content-Length': '3' } }),
      why: /sets the header Content-Length.*remove it/,
    },
    {
      what: 'a header that breaks the line',
      method: (url) => webhookMethod(url, { headers: { 'X-Bad': `a\r\nX-Evil: ${CONTENT}` } }),
      why: /x-bad/i,
    },
    {
      what: 'a header name that is none',
      method: (url) => webhookMethod(url, { headers: { 'X Bad': '1' } }),
      why: /can't be sent/,
    },
    {
      what: 'a method that is none',
      method: (url) => webhookMethod(url, { method: 'GE T' }),
      why: /can't be sent.*method/,
    },
  ];
  test.each(impossible)('fails for $what, and nothing is sent', async ({ method, environment, why }) => {
    const service = await startService();
    const gitlab = await startGitlab();
    const invoked = await invoke(method(`${service.url}/ok`), {
      gitlabUrl: gitlab.url,
      ...(environment && { environment }),
    });
    const outcome = outcomeOf(invoked);
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.headline).toBe('not called');
    expect(outcome.summary).toMatch(why);
    expect(everythingIn(outcome)).not.toContain(CONTENT);
    expect(everythingIn(outcome)).not.toContain(CLIENT_SECRET);
    expect(gitlab.journal).toHaveLength(0);
    expect(service.journal).toHaveLength(0);
  });

  test('fails when it does not say how', async () => {
    const { logger } = memoryLogger();
    const activity = createInvoke({
      stopping: new AbortController().signal,
      gitlab: outbound(),
      webhooks: outbound(),
      plan: { gitlabUrl: 'http://gitlab.invalid', environment: {} },
      clientSecret: CLIENT_SECRET,
      detailedLogging: true,
      logger,
    });
    const input = {
      runId: newRunId(),
      kind: 'run' as const,
      call: 'x',
      message: { payload: {} },
      policy: POLICY,
      mayCall: true,
    };
    const { result } = await attempt(activity, input);
    expect(result).toMatchObject({ outcome: { status: 'FAILURE', headline: 'not called' } });
  });
});

describe('a webhook', () => {
  const answers: [string, string, Json | undefined][] = [
    ['JSON', '/ok', { ok: true, received: 1 }],
    ['text', '/text', 'done'],
    ['nothing', '/empty', undefined],
  ];
  test.each(answers)('that is synchronized and answers %s ends with success', async (_, path, response) => {
    const service = await startService();
    const outcome = outcomeOf(await invoke(synchronized(service.url + path)));
    expect(outcome.status).toBe('SUCCESS');
    expect(outcome.response).toEqual(response);
    expect(outcome.link).toBeUndefined();
    expect(outcome.externalRunId).toBeUndefined();
  });

  test('that answers a bare number or null ends with its text, which Port takes', async () => {
    const service = await startService();
    for (const body of ['7', 'null']) {
      service.inject({ kind: 'respond', response: { status: 200, body }, times: 1 });
      expect(outcomeOf(await invoke(synchronized(service.url))).response).toBe(body);
    }
  });

  test('that is asynchronous and accepts is handed over', async () => {
    const service = await startService();
    const outcome = outcomeOf(await invoke(webhookMethod(`${service.url}/accepted`)));
    expect(outcome.status).toBeUndefined();
    expect(outcome.response).toBeUndefined();
    expect(outcome.headline).toBe('HTTP 202');
    expect(outcome.log.join()).toContain('the target reports how the run ends');
  });

  test('receives the message in the method asked for, signed as received, with the run id as its key', async () => {
    const service = await startService();
    const { message, runId } = await invoke(webhookMethod(`${service.url}/ok`, { method: 'put' }), {
      properties: { text: 'Grüße → 1e-7 \u2028', number: 1e-7, big: 1e21 },
    });
    const [call, ...more] = service.calls();
    expect(more).toHaveLength(0);
    expect(call?.method).toBe('PUT');
    expect(JSON.parse(call?.rawBody ?? '')).toEqual(message);
    expect(call?.isSigned).toBe(true);
    expect(call?.idempotencyKey).toBe(runId);
    expect(call?.headers['content-type']).toBe('application/json');
  });

  test('receives the action’s headers, but never the action’s word for ours', async () => {
    const service = await startService();
    const headers = {
      RUN_ID: 'r_1',
      Authorization: 'Bearer theirs',
      'X-Count': 3,
      'X-None': null,
      'x-port-signature': 'v1,forged',
      'X-PORT-TIMESTAMP': '1',
      'idempotency-key': 'forged',
    };
    const { runId } = await invoke(webhookMethod(`${service.url}/ok`, { headers }));
    const [call] = service.calls();
    expect(call?.headers['run_id']).toBe('r_1');
    expect(call?.headers.authorization).toBe('Bearer theirs');
    expect(call?.headers['x-count']).toBe('3');
    expect(call?.headers['x-none']).toBeUndefined();
    expect(call?.headers['x-port-signature']).not.toContain('forged');
    expect(call?.isSigned).toBe(true);
    expect(call?.headers['idempotency-key']).toBe(runId);
  });

  test('that redirects to another host does not pass on signature and credentials, but body and key', async () => {
    const service = await startService();
    const other = await startService();
    const url = `${service.url}/redirect/307?to=${other.url}/ok`;
    const { runId, message } = await invoke(webhookMethod(url, { headers: { Authorization: 'Bearer x' } }));
    expect(service.calls()[0]?.isSigned).toBe(true);
    const [call] = other.calls();
    expect(call?.headers['x-port-signature']).toBeUndefined();
    expect(call?.headers['x-port-timestamp']).toBeUndefined();
    expect(call?.headers.authorization).toBeUndefined();
    expect(call?.idempotencyKey).toBe(runId);
    expect(JSON.parse(call?.rawBody ?? '')).toEqual(message);
  });

  test.each([true, false])('that answers 500 fails; its words are shown: %s', async (detailedLogging) => {
    const service = await startService();
    const body = 'planted-answer';
    service.inject({ kind: 'respond', response: { status: 500, body } });
    const outcome = outcomeOf(await invoke(webhookMethod(service.url), { detailedLogging }));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(/^Failed to invoke the webhook with status code: 500\./);
    expect(outcome.summary?.includes(body)).toBe(detailedLogging);
    expect(outcome.log.join().includes(body)).toBe(detailedLogging);
    expect(service.calls()).toHaveLength(1);
  });

  test('that is synchronized and answers 404 fails with the answer as response', async () => {
    const service = await startService();
    const outcome = outcomeOf(await invoke(synchronized(`${service.url}/nothing`)));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.response).toEqual({ error: 'nothing at /nothing' });
  });

  const waits: [string, string, number][] = [
    ['when it wants', '?retryAfter=7', 7000],
    ['after half a minute when it does not say', '', 30_000],
    ['after a pause even when it wants none', '?retryAfter=0', 1000],
  ];
  test.each(waits)('that answers 429 is called again %s', async (_, query, delayMs) => {
    const service = await startService();
    const failure = failureOf(await invoke(webhookMethod(`${service.url}/status/429${query}`)));
    expect(failure.type).toBe(FAILURES.rateLimited);
    expect(failure.nonRetryable).toBeFalsy();
    expect(failure.nextRetryDelay).toBe(delayMs);
  });

  test('that answers 429 to the end of the window fails', async () => {
    const service = await startService();
    const info = { scheduledMsAgo: 10 * MINUTE_MS - 5000, attempt: 20 };
    const outcome = outcomeOf(
      await invoke(webhookMethod(`${service.url}/status/429?retryAfter=7`), { info }),
    );
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toContain('status code: 429');
  });

  test('whose answer is longer than Port gets is cut there, and says so', async () => {
    const service = await startService();
    const outcome = outcomeOf(await invoke(synchronized(`${service.url}/big/${64 * 1024 + 1}`)));
    expect(outcome.status).toBe('SUCCESS');
    expect(outcome.response).toBe(`${'x'.repeat(64 * 1024)}… (cut)`);
  });

  test('whose long answer is an error is quoted in a few kilobytes', async () => {
    const service = await startService();
    service.inject({ kind: 'respond', response: { status: 500, body: 'y'.repeat(900_000) } });
    const outcome = outcomeOf(await invoke(webhookMethod(service.url)));
    expect(outcome.summary?.length).toBeLessThan(5000);
    expect(outcome.log.join('\n').length).toBeLessThan(6000);
  });

  test('whose answer breaks off ends by its status, and the log says so', async () => {
    const service = await startService();
    service.inject({ kind: 'truncate', bytes: 4 });
    const outcome = outcomeOf(await invoke(synchronized(`${service.url}/ok`)));
    expect(outcome.status).toBe('SUCCESS');
    expect(outcome.response).toBe('{"ok');
    expect(outcome.log.join()).toContain('broke off');
  });

  test('that is still at work at the deadline fails as "may have been reached", after one call', async () => {
    const service = await startService();
    service.inject({ kind: 'hang' });
    const invoked = await invoke(webhookMethod(`${service.url}/ok`), {
      policy: { callTimeoutMs: ENOUGH_TO_SEND_MS },
    });
    const outcome = outcomeOf(invoked);
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.headline).toBe('no answer');
    expect(outcome.summary).toMatch(/no answer came within 1.5 s.*may have been reached/);
    expect(service.calls()).toHaveLength(1);
  });

  describe('to a receiver that honours the key', () => {
    const POLICY_OF_KEY = { retryAmbiguous: true };

    test('is tried again within the window, with the same key', async () => {
      const service = await startService();
      service.inject({ kind: 'dropAfter', times: 1 });
      const method = synchronized(`${service.url}/idempotent`);
      const first = await invoke(method, { policy: POLICY_OF_KEY });
      const failure = failureOf(first);
      expect(failure.type).toBe(FAILURES.ambiguous);
      expect(failure.nonRetryable).toBeFalsy();
      const again = { policy: POLICY_OF_KEY, info: { attempt: 2 }, runId: first.runId };
      expect(outcomeOf(await invoke(method, again)).status).toBe('SUCCESS');
      expect(new Set(service.calls().map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
      expect(service.effects()).toBe(1);
    });

    test('past the window fails with the words that it may have been reached', async () => {
      const service = await startService();
      service.inject({ kind: 'dropAfter' });
      const info = { attempt: 5, scheduledMsAgo: 11 * MINUTE_MS };
      const outcome = outcomeOf(
        await invoke(webhookMethod(`${service.url}/ok`), { policy: POLICY_OF_KEY, info }),
      );
      expect(outcome.summary).toMatch(/may have been reached\. It was tried 5 times in 11 minutes/);
    });

    test('that was long past the window when a worker came back is not called once more', async () => {
      const service = await startService();
      const info = { attempt: 3, scheduledMsAgo: 20 * MINUTE_MS };
      const outcome = outcomeOf(
        await invoke(webhookMethod(`${service.url}/ok`), { policy: POLICY_OF_KEY, info }),
      );
      expect(outcome.summary).toMatch(/no answer came in 2 attempts .*; the target may have been reached/);
      expect(service.calls()).toHaveLength(0);
    });
  });

  test('whose answer the agent fails to read is not called again', async () => {
    const unreadable = { status: 500, headers: {}, text: undefined as unknown as string };
    const webhooks: Outbound = { send: async () => unreadable, close: async () => {} };
    const outcome = outcomeOf(await invoke(webhookMethod('http://host.invalid/'), { webhooks }));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(/the agent itself failed.*may have been reached/);
  });
});

describe('the process’s log', () => {
  test('tells of every call, and holds neither secrets nor what messages and answers say', async () => {
    const service = await startService();
    const gitlab = await startGitlab();
    const all = [
      await invokeGitlab(gitlab),
      await invokeGitlab(gitlab, { properties: { ref: 'gone' } }),
      await invoke(webhookMethod(`${service.url}/echo`, { synchronized: true })),
      await invoke(webhookMethod(`${service.url}/status/500`)),
      await invoke(webhookMethod(`${service.url}/ok`, { headers: { 'X-Bad': `\n${CONTENT}` } })),
    ];
    for (const { logLines, runId } of all) {
      expect(logLines).toHaveLength(1);
      const line = logLines.join();
      expect(JSON.parse(line)).toMatchObject({ runId, msg: 'called' });
      for (const hidden of [TRIGGER_TOKEN, CLIENT_SECRET, CONTENT, 'Reference not found']) {
        expect(line).not.toContain(hidden);
      }
    }
  });
});
