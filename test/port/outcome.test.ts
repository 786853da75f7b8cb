import type { OutboundResponse } from '../../http/read-response.js';
import type { Json } from '../../port/message.js';
import {
  type Conclusion,
  concludeGitlab,
  concludeWebhook,
  failed,
  isPipelineRateLimit,
  MAX_RESPONSE_LENGTH,
} from '../../port/outcome.js';

const CALL = 'POST hooks.example.com';
const SECRET = 'the-answer-is-nobody-else-s-business';

function answer(
  status: number,
  body: string | object = '',
  more: Partial<OutboundResponse> = {},
): OutboundResponse {
  return { status, headers: {}, text: typeof body === 'string' ? body : JSON.stringify(body), ...more };
}

function about(changes: Partial<Conclusion> = {}): Conclusion {
  return { call: CALL, synchronized: false, detailed: true, ...changes };
}

const pipeline = { id: 97, web_url: 'https://git.example.com/g/p/-/pipelines/97', ref: 'main' };

describe('a webhook that answered', () => {
  test.each([200, 201, 204, 302, 399])('%i is success: an asynchronous run is handed over', (status) => {
    expect(concludeWebhook(answer(status, 'ok'), about())).toEqual({
      log: [`Called ${CALL}: it answered ${status}.`, 'Handed over: the target reports how the run ends.'],
      headline: `HTTP ${status}`,
    });
  });

  test('success ends a synchronized run, with the answer as its response', () => {
    expect(concludeWebhook(answer(200, { done: true }), about({ synchronized: true }))).toEqual({
      status: 'SUCCESS',
      response: { done: true },
      log: [`Called ${CALL}: it answered 200.`],
      headline: 'HTTP 200',
    });
  });

  test('success without a body ends a synchronized run without a response', () => {
    const outcome = concludeWebhook(answer(204), about({ synchronized: true }));
    expect(outcome.status).toBe('SUCCESS');
    expect(outcome).not.toHaveProperty('response');
  });

  test.each([400, 404, 429, 500, 503])('%i is a failure, in words known from the old agent', (status) => {
    const summary = `Failed to invoke the webhook with status code: ${status}. Response: no!`;
    expect(concludeWebhook(answer(status, 'no!'), about())).toEqual({
      status: 'FAILURE',
      summary,
      log: [`Called ${CALL}: ${summary}`],
      headline: `HTTP ${status}`,
    });
  });

  test('a failed synchronized run has the answer as its response, too', () => {
    const outcome = concludeWebhook(answer(500, { error: 'x' }), about({ synchronized: true }));
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.response).toEqual({ error: 'x' });
  });

  test('a failure without a body quotes none', () => {
    expect(concludeWebhook(answer(500), about()).summary).toBe(
      'Failed to invoke the webhook with status code: 500.',
    );
  });

  test.each([
    ['too long', 'Its answer was longer than the agent reads, and was cut.'],
    ['broken off', 'Its answer broke off; what came of it was used.'],
  ] as const)('an answer that is %s is told of', (cut, line) => {
    expect(concludeWebhook(answer(200, 'x', { cut }), about({ synchronized: true })).log).toContain(line);
    expect(concludeWebhook(answer(500, 'x', { cut }), about()).log).toContain(line);
  });
});

describe('the response for Port', () => {
  const responses: [string, string, Json][] = [
    ['an object', '{"a":[1]}', { a: [1] }],
    ['a list', '[1,{"b":null}]', [1, { b: null }]],
    ['JSON text', '"ok"', 'ok'],
    ['plain text', 'ok', 'ok'],
    ['half of JSON', '{"a":', '{"a":'],
    // Port takes text, lists, objects and null; a bare number would be refused, and the run stay open.
    ['a number', '42', '42'],
    ['a boolean', 'true', 'true'],
    ['null', 'null', 'null'],
  ];
  test.each(responses)('%s', (_, text, response) => {
    expect(concludeWebhook(answer(200, text), about({ synchronized: true })).response).toEqual(response);
  });

  test('is cut when it is long, JSON too, and never in the middle of a character', () => {
    const text = JSON.stringify({ a: `${'x'.repeat(MAX_RESPONSE_LENGTH - 7)}🚀` });
    const { response } = concludeWebhook(answer(200, text), about({ synchronized: true }));
    expect(response).toBe(`${text.slice(0, MAX_RESPONSE_LENGTH - 1)}… (cut)`);
  });

  test('stays whole up to the limit', () => {
    const text = 'x'.repeat(MAX_RESPONSE_LENGTH);
    expect(concludeWebhook(answer(200, text), about({ synchronized: true })).response).toBe(text);
  });

  // What can't be written as JSON again would fail after the call was made, and the call be repeated.
  test('is text when it is nested too deep to be written as JSON again', () => {
    const text = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const { response } = concludeWebhook(answer(200, text), about({ synchronized: true }));
    expect(response).toBe(text);
  });
});

describe('what is quoted', () => {
  test('is cut after 4096 characters', () => {
    const { summary } = concludeWebhook(answer(500, 'x'.repeat(5000)), about());
    expect(summary).toBe(
      `Failed to invoke the webhook with status code: 500. Response: ${'x'.repeat(4096)}… (cut)`,
    );
  });

  const silent = about({ detailed: false });
  test.each([
    ['a failed webhook', concludeWebhook(answer(500, SECRET), silent)],
    ['a successful webhook', concludeWebhook(answer(200, SECRET), silent)],
    [
      'a failed synchronized webhook',
      withoutResponse(concludeWebhook(answer(500, SECRET), { ...silent, synchronized: true })),
    ],
    ['a refused pipeline', concludeGitlab(answer(400, SECRET), silent)],
    ['a moved pipeline', concludeGitlab(answer(302, SECRET), silent)],
    ['a pipeline', concludeGitlab(answer(201, { ...pipeline, message: SECRET }), silent)],
  ])('is nothing without DETAILED_LOGGING: %s', (_, outcome) => {
    expect(outcome.log.length).toBeGreaterThan(0);
    expect(JSON.stringify(outcome)).not.toContain(SECRET);
  });
});

describe('GitLab that answered', () => {
  test('a created pipeline is handed over, with link and id', () => {
    expect(concludeGitlab(answer(201, pipeline), about())).toEqual({
      link: pipeline.web_url,
      externalRunId: '97',
      log: [
        `Called ${CALL}: GitLab created pipeline 97 ${pipeline.web_url}.`,
        'Handed over: the pipeline reports how the run ends.',
      ],
      headline: 'HTTP 201, pipeline 97',
    });
  });

  test('a created pipeline ends a synchronized run', () => {
    expect(concludeGitlab(answer(201, pipeline), about({ synchronized: true }))).toMatchObject({
      status: 'SUCCESS',
      response: pipeline,
      link: pipeline.web_url,
      externalRunId: '97',
      log: [`Called ${CALL}: GitLab created pipeline 97 ${pipeline.web_url}.`],
    });
  });

  test('200 with a pipeline is one as well', () => {
    expect(concludeGitlab(answer(200, pipeline), about())).toMatchObject({
      externalRunId: '97',
      link: pipeline.web_url,
      headline: 'HTTP 200, pipeline 97',
    });
  });

  test.each([false, true])(
    'a pipeline that failed at once ends the run as failed (synchronized: %s)',
    (synchronized) => {
      const outcome = concludeGitlab(answer(201, { ...pipeline, status: 'failed' }), about({ synchronized }));
      expect(outcome.status).toBe('FAILURE');
      expect(outcome.summary).toMatch(
        /^GitLab created pipeline 97, and it failed at once; check the project's CI/,
      );
      expect(outcome.link).toBe(pipeline.web_url);
      expect(outcome.externalRunId).toBe('97');
    },
  );

  test.each(['created', '', '{"id":', '[]', 'null', '7'])(
    '201 and %j is a pipeline nobody can link to',
    (text) => {
      const outcome = concludeGitlab(answer(201, text), about());
      expect(outcome.headline).toBe('HTTP 201, a pipeline');
      expect(outcome).not.toHaveProperty('status');
      expect(outcome).not.toHaveProperty('link');
      expect(outcome).not.toHaveProperty('externalRunId');
    },
  );

  test.each([null, {}, [], true, '', ' ', 'x'.repeat(65), 'a\nb'])('the id %j is none', (id) => {
    const outcome = concludeGitlab(answer(201, { ...pipeline, id }), about());
    expect(outcome).not.toHaveProperty('externalRunId');
    expect(outcome.headline).toBe('HTTP 201, a pipeline');
  });

  test('an id may be text, or zero', () => {
    expect(concludeGitlab(answer(201, { id: '12ab' }), about()).externalRunId).toBe('12ab');
    expect(concludeGitlab(answer(201, { id: 0 }), about()).externalRunId).toBe('0');
  });

  test('a pipeline whose answer broke off is told of', () => {
    const { log } = concludeGitlab(answer(201, '{"id":9', { cut: 'broken off' }), about());
    expect(log).toContain('Its answer broke off; what came of it was used.');
  });

  const advice: [number, RegExp][] = [
    [302, /has moved; correct GITLAB_URL or the project's path/],
    [200, /that is no pipeline, so something else seems to have answered; check GITLAB_URL/],
    [204, /that is no pipeline/],
    [400, /check that the ref exists, .* and that the token's owner may run pipelines/],
    [401, /refuses this agent; check the allowed IP addresses/],
    [403, /refuses this agent; check the allowed IP addresses/],
    [404, /project does not exist, or the trigger token is not valid for it/],
    [422, /failed at once; check the project's CI configuration/],
    [413, /refused the request; no pipeline was created/],
    [429, /limits requests from here, longer than the retry window/],
    [500, /a pipeline may have been created, look at the project's pipelines/],
    [503, /a pipeline may have been created, look at the project's pipelines/],
  ];
  test.each(advice)('%i is a failure that says what to do', (status, words) => {
    const outcome = concludeGitlab(answer(status, '{"message":"no"}'), about());
    expect(outcome.status).toBe('FAILURE');
    expect(outcome.summary).toMatch(words);
    expect(outcome.summary).toMatch(new RegExp(`^GitLab answered ${status}: .* Response: {"message":"no"}$`));
    expect(outcome.log).toEqual([`Called ${CALL}: ${outcome.summary}`]);
    expect(outcome.headline).toBe(`HTTP ${status}`);
    expect(outcome).not.toHaveProperty('response');
  });

  test('the limit of pipelines, once waiting has not helped, is told as such', () => {
    const text = '{"message":{"base":["Too many pipelines created in the last minute. Try again later."]}}';
    expect(concludeGitlab(answer(400, text), about()).summary).toMatch(
      /^GitLab answered 400: its limit of pipelines a minute was reached each time/,
    );
  });

  test('a refusal ends a synchronized run with the answer as its response', () => {
    const outcome = concludeGitlab(answer(400, { message: 'no' }), about({ synchronized: true }));
    expect(outcome.response).toEqual({ message: 'no' });
  });
});

describe("GitLab's limit of pipelines", () => {
  const text = '{"message":{"base":["Too many pipelines created in the last minute. Try again later."]}}';
  test.each([
    [400, text, true],
    [400, '{"message":{"base":["Reference not found"]}}', false],
    [400, '', false],
    [429, text, false],
    [403, text, false],
    [201, text, false],
  ])('%i %s: %s', (status, body, expected) => {
    expect(isPipelineRateLimit(answer(status, body))).toBe(expected);
  });
});

describe('a run that failed without an answer', () => {
  test('says what happened, in summary and log', () => {
    expect(failed(CALL, 'nobody listens')).toEqual({
      status: 'FAILURE',
      summary: 'nobody listens',
      log: [`${CALL}: nobody listens`],
      headline: 'not called',
    });
    expect(failed(CALL, 'silence', 'no answer').headline).toBe('no answer');
  });

  test('says it at a length that Port and Temporal take', () => {
    expect(failed(CALL, 'x'.repeat(2_000_000)).summary?.length).toBeLessThan(5000);
  });
});

function withoutResponse<T extends { response?: Json }>(outcome: T): Omit<T, 'response'> {
  const { response: _, ...rest } = outcome;
  return rest;
}
