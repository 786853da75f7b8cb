import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Environment, loadConfig } from '../../config/config.js';
import { invocationMethodOf, type Json, type JsonObject } from '../../port/message.js';
import { concludeGitlab } from '../../port/outcome.js';
import { describeCall, type Plan, planRequest, targetOf } from '../../port/plan.js';
import { verify } from '../../port/signature.js';
import { REQUIRED } from '../config/required.js';
import { FUZZ_RUNS, fc } from '../support/fuzz.js';
import { CLIENT_SECRET, gitlabMessage, invocationOf, signed, webhookMessage } from './messages.js';

const TOKEN = { platform_infra: 'glptt-1' };

/** The plan for a message, under an environment as an operator would write it. */
function plan(message: JsonObject, environment: Environment = TOKEN): Plan {
  const { calls } = loadConfig({ ...REQUIRED, ...environment });
  return planRequest(message, invocationOf(message), { gitlabUrl: calls.gitlabUrl, environment });
}

function request(message: JsonObject, environment?: Environment) {
  const planned = plan(message, environment);
  if ('problem' in planned) throw new Error(planned.problem);
  return { ...planned.request, json: JSON.parse(planned.request.body ?? 'null') };
}

function problem(message: JsonObject, environment?: Environment): string {
  const planned = plan(message, environment);
  if (!('problem' in planned)) throw new Error('there is a plan');
  return planned.problem;
}

interface MappingCase {
  name: string;
  env: Record<string, string>;
  mapping: { url?: string };
  message: JsonObject;
  response: { statusCode: number; json: Json } | null;
  expected: {
    request: { method: string; url: string; headers: JsonObject; body: { variables: Json } & JsonObject };
    report: JsonObject;
  };
}

describe("the old agent's default mapping, as recorded", () => {
  const cases: MappingCase[] = JSON.parse(
    readFileSync(path.join(__dirname, '../cases/mapping.json'), 'utf8'),
  ).filter((c: MappingCase) => c.mapping.url?.includes('/trigger/pipeline'));

  /** Where this agent differs on purpose, by the case's name: all of it in the variables. */
  const differences: Record<string, Json> = {
    'gitlab empty props': {}, // was null
    'gitlab pipelineVariables ignored by default': { PORT_RUN_ID: 'r_1', nested: '{"a":1}' }, // was null
  };

  test('has three cases, and each difference belongs to one', () => {
    const names = cases.map(({ name }) => name);
    expect(names).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(Object.keys(differences)));
  });

  test.each(cases)('$name: the request', ({ name, env, message, expected }) => {
    const { method, url, headers, json } = request(message, env);
    const variables = differences[name] ?? expected.request.body.variables;
    expect({ method, url, headers }).toEqual({
      method: expected.request.method,
      url: expected.request.url,
      headers: expected.request.headers,
    });
    expect(json).toEqual({ ...expected.request.body, variables });
    if (name in differences) expect(expected.request.body.variables).not.toEqual(variables);
  });

  test.each(cases)('$name: the report', ({ response, expected }) => {
    const answer = { status: response?.statusCode ?? 0, headers: {}, text: JSON.stringify(response?.json) };
    const { link, externalRunId } = concludeGitlab(answer, { call: '', synchronized: false, detailed: true });
    expect({ link, externalRunId }).toEqual(expected.report);
  });
});

describe('a GitLab run', () => {
  const paths: [string, string, string][] = [
    ['platform', 'infra', 'platform%2Finfra'],
    ['platform/sub-group/deep', 'my.infra_repo~1', 'platform%2Fsub-group%2Fdeep%2Fmy.infra_repo~1'],
    ['a b', 'c', 'a%20b%2Fc'],
    ["!'()*", 'c', '%21%27%28%29%2A%2Fc'],
    ['Zürich', '🚀', 'Z%C3%BCrich%2F%F0%9F%9A%80'],
    ['a?x=1#y', '%2e%2e', 'a%3Fx%3D1%23y%2F%252e%252e'],
    ['..', '..', '..%2F..'],
    ['half\ud83d', 'c', 'half%EF%BF%BD%2Fc'],
  ];
  test.each(paths)('of the project %s/%s is addressed as %s', (groupName, projectName, encoded) => {
    const token = { [`${groupName.replaceAll('/', '_')}_${projectName}`]: 'glptt' };
    const { url, method } = request(gitlabMessage({ groupName, projectName }), token);
    expect(url).toBe(`https://gitlab.com/api/v4/projects/${encoded}/trigger/pipeline`);
    expect(new URL(url).pathname).toBe(`/api/v4/projects/${encoded}/trigger/pipeline`);
    expect(method).toBe('POST');
  });

  test.each([
    ['https://git.example.com', 'https://git.example.com/api/v4/'],
    ['https://git.example.com/', 'https://git.example.com/api/v4/'],
    ['https://example.com/git', 'https://example.com/git/api/v4/'],
    ['http://example.com:8080/a/git/', 'http://example.com:8080/a/git/api/v4/'],
  ])('goes to GITLAB_URL=%s', (GITLAB_URL, start) => {
    const { url } = request(gitlabMessage(), { ...TOKEN, GITLAB_URL });
    expect(url).toBe(`${start}projects/platform%2Finfra/trigger/pipeline`);
  });

  const refs: [string, Json | undefined, Json | undefined, string][] = [
    ["the user's input first", 'release/1', 'develop', 'release/1'],
    ["the action's default then", undefined, 'develop', 'develop'],
    ['main at last', undefined, undefined, 'main'],
    ['null is none', null, null, 'main'],
    ['an empty one is none', '', '', 'main'],
    ['a number is text', 42, 'develop', '42'],
  ];
  test.each(refs)('has a ref: %s', (_, input, defaultRef, expected) => {
    const message = gitlabMessage(
      { defaultRef: defaultRef ?? null },
      input === undefined ? {} : { ref: input },
    );
    expect(request(message).json.ref).toBe(expected);
  });

  const variables: [string, JsonObject, JsonObject, JsonObject][] = [
    [
      'inputs, all as text',
      {},
      { text: 'a', count: 3, big: 12345678901, yes: true, none: null, list: [1, 'b'], map: { k: { l: 1 } } },
      {
        text: 'a',
        count: '3',
        big: '12345678901',
        yes: 'true',
        none: 'null',
        list: '[1,"b"]',
        map: '{"k":{"l":1}}',
      },
    ],
    [
      "the action's own, in place of inputs",
      { pipelineVariables: { ENV: 'prod', nested: [1, true, 'a', { a: [] }, null, [2]] } },
      { ignored: 'yes' },
      { ENV: 'prod', nested: '[1,true,"a",{"a":[]},null,[2]]' },
    ],
    ["none, where the action's own are none", { pipelineVariables: {} }, { ignored: 'yes' }, {}],
    ['inputs, where the own are no object', { pipelineVariables: null }, { input: 'yes' }, { input: 'yes' }],
    ['inputs, where the own are a list', { pipelineVariables: ['a'] }, { input: 'yes' }, { input: 'yes' }],
    ['none without inputs', {}, {}, {}],
    ['none when the inputs are left out', { omitUserInputs: true }, { input: 'yes' }, {}],
    ['none when a template leaves them out', { omitUserInputs: 'true' }, { input: 'yes' }, {}],
    ['inputs, when "false" leaves them out', { omitUserInputs: 'false' }, { input: 'yes' }, { input: 'yes' }],
  ];
  test.each(variables)('has variables: %s', (_, method, properties, expected) => {
    expect(request(gitlabMessage(method, properties)).json.variables).toEqual(expected);
  });

  test.each([null, 'text', ['list'], 7])('whose inputs are %j has no variables', (properties) => {
    const message = gitlabMessage();
    const payload = { ...(message['payload'] as JsonObject), properties };
    expect(request({ ...message, payload }).json.variables).toEqual({});
  });

  test('hands over the whole message, unless the action leaves it out', () => {
    const message = gitlabMessage({}, { a: 1 });
    expect(request(message).json.port_payload).toEqual(message);
    expect(request(gitlabMessage({ omitPayload: true })).json.port_payload).toEqual({});
    const kept = gitlabMessage({ omitPayload: 'false' });
    expect(request(kept).json.port_payload).toEqual(kept);
  });

  test('hands over no signature', () => {
    const message = gitlabMessage({}, { a: 1 });
    const verified = verify(signed(message), CLIENT_SECRET, 'GITLAB');
    expect(request(verified.message).json.port_payload).toEqual(message);
  });

  test.each([[{ groupName: null }], [{ projectName: '' }], [{ groupName: 7 }], [{ projectName: ['infra'] }]])(
    'that names no project is not called: %j',
    (method) => {
      expect(problem(gitlabMessage(method))).toBe(
        'the action names no GitLab project: set groupName and projectName in its backend',
      );
    },
  );

  test('without a token is not called', () => {
    expect(problem(gitlabMessage(), {})).toMatch(/^there is no trigger token for platform\/infra: /);
  });
});

describe('a webhook run', () => {
  test('sends exactly the message, less its signature', () => {
    const message = webhookMessage(
      { headers: { RUN_ID: 'r_1' } },
      { headers: { more: 'x' }, text: 'Zürich' },
    );
    const verified = verify(signed(message), CLIENT_SECRET, 'WEBHOOK');
    const { url, body } = request(verified.message);
    expect(url).toBe('https://hooks.example.com/deploy');
    expect(body).toBe(JSON.stringify(message));
  });

  test.each([
    [undefined, 'POST'],
    [null, 'POST'],
    ['', 'POST'],
    [7, 'POST'],
    ['PUT', 'PUT'],
    ['delete', 'DELETE'],
    ['GET', 'GET'],
  ])('with the method %j is sent as %s', (method, expected) => {
    expect(request(webhookMessage(method === undefined ? {} : { method })).method).toBe(expected);
  });

  const headers: [string, Json, JsonObject][] = [
    ['as they are', { RUN_ID: 'r_1', Accept: 'text/plain' }, { RUN_ID: 'r_1', Accept: 'text/plain' }],
    ['numbers and the like as text', { n: 1, b: false, o: { a: 1 } }, { n: '1', b: 'false', o: '{"a":1}' }],
    ['without those that are null', { gone: null, here: '' }, { here: '' }],
    ['none from a list', ['a'], {}],
    ['none from text', 'a: b', {}],
  ];
  test.each(headers)("sends the action's headers: %s", (_, given, expected) => {
    expect(request(webhookMessage({ headers: given })).headers).toEqual(expected);
  });

  test.each(['Host', 'content-length', 'Transfer-Encoding', 'CONNECTION'])(
    'that sets the header %s is not called',
    (name) => {
      expect(problem(webhookMessage({ headers: { 'X-Fine': '1', [name]: 'x' } }))).toBe(
        `the action sets the header ${name}, which the agent sets itself: remove it`,
      );
    },
  );

  test.each([null, '', 7, ['https://x'], { url: 'https://x' }])('to the URL %j is not called', (url) => {
    expect(problem(webhookMessage({ url }))).toBe('the action names no URL: set url in its backend');
  });
});

describe('the words for a call', () => {
  const calls: [string, JsonObject, string, string | undefined][] = [
    ['GitLab project', gitlabMessage(), 'POST git.example.com:8443 platform/infra', 'platform/infra'],
    ['no project', gitlabMessage({ groupName: null }), 'POST git.example.com:8443 (no project)', undefined],
    ['webhook', webhookMessage({ method: 'put' }), 'PUT hooks.example.com', 'hooks.example.com'],
    ['credentials', webhookMessage({ url: 'https://u:p@h/x?token=t' }), 'POST h', 'h'],
    ['no URL', webhookMessage({ url: 'nonsense' }), 'POST (no valid URL)', undefined],
    ['no host', webhookMessage({ url: 'mailto:a@b' }), 'POST (no valid URL)', undefined],
    [
      'line breaks',
      gitlabMessage({ groupName: 'a\nb\u0000' }),
      'POST git.example.com:8443 a b /infra',
      'a\nb\u0000/infra',
    ],
  ];
  test.each(calls)('tell method and target, and nothing else: %s', (_, message, call, target) => {
    const invocation = invocationOf(message);
    expect(describeCall(invocation, 'https://user:pass@git.example.com:8443/git')).toBe(call);
    expect(targetOf(invocation)).toBe(target);
  });

  // Temporal takes 400 bytes of a summary; more would keep the workflow from ever taking its first step.
  test.each(['a', 'é', '世', '🚀', '"', '\u0000', '\ud83d'])(
    'fit into a summary, made of %j',
    (character) => {
      const many = character.repeat(5000);
      for (const message of [
        gitlabMessage({ groupName: many }),
        webhookMessage({ method: many }),
        webhookMessage({ url: `https://${many}/` }),
      ]) {
        const call = describeCall(invocationOf(message), 'https://git.example.com');
        expect(Buffer.byteLength(JSON.stringify(call))).toBeLessThan(400);
      }
    },
  );
});

test('a message of any JSON is planned, or refused in words', () => {
  const method = fc.record(
    {
      type: fc.constantFrom('GITLAB', 'WEBHOOK', 'other'),
      groupName: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
      projectName: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
      defaultRef: fc.jsonValue(),
      pipelineVariables: fc.jsonValue(),
      omitPayload: fc.jsonValue(),
      omitUserInputs: fc.jsonValue(),
      url: fc.oneof(fc.webUrl(), fc.string({ unit: 'binary' }), fc.jsonValue()),
      method: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
      headers: fc.jsonValue(),
    },
    { requiredKeys: ['type'] },
  );
  /** A token for every project there is. */
  const environment = new Proxy<Record<string, string>>(
    {},
    {
      get: () => 'glptt',
      getOwnPropertyDescriptor: () => ({ value: 'glptt', configurable: true, enumerable: true }),
    },
  );
  const context = { gitlabUrl: 'https://git.example.com/git', environment };
  fc.assert(
    fc.property(method, fc.jsonValue(), fc.jsonValue(), (raw, properties, rest) => {
      const message = { rest, payload: { action: { invocationMethod: raw }, properties } } as JsonObject;
      const invocation = invocationMethodOf(message);
      if (!invocation) throw new Error('the method is an object');
      const planned = planRequest(message, invocation, context);
      if ('problem' in planned) return expect(planned.problem).not.toBe('');
      const { url, body } = planned.request;
      expect(typeof JSON.parse(body ?? '')).toBe('object');
      if (invocation.type === 'GITLAB')
        expect(new URL(url).pathname).toMatch(/^\/git\/api\/v4\/projects\/[^/]+\/trigger\/pipeline$/);
      return undefined;
    }),
    { numRuns: FUZZ_RUNS },
  );
});
