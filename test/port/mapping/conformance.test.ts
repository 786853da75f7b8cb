/** The mapping language of the predecessor: its conformance data, and what its documentation says. */
import { readFileSync } from 'node:fs';
import { type Mapping, readMappings } from '../../../port/mapping/mapping.js';
import { usableRequest } from '../../../port/mapping/usable-request.js';
import type { JsonObject } from '../../../port/message.js';
import { useEvaluator } from './evaluators.js';

interface Case {
  name: string;
  env: Record<string, string>;
  mapping: Mapping;
  message: JsonObject;
  response: { statusCode: number; json: never; text: string; headers: Record<string, string> } | null;
  expected: { enabled: boolean; request: JsonObject; report?: JsonObject };
}

const cases: Case[] = JSON.parse(readFileSync('test/cases/mapping.json', 'utf8'));
const evaluator = useEvaluator();

async function raw(mapping: Mapping, message: JsonObject, env: Record<string, string> = {}) {
  const { request, problems } = await evaluator().request(mapping, 0, message, env);
  const { bodyText, ...fields } = request;
  expect(JSON.parse(bodyText)).toEqual(fields.body);
  return { fields, problems: problems.map(({ text }) => text), mapped: request };
}

test.each(cases)(
  'the case "$name" evaluates equal',
  async ({ env, mapping: written, message, response, expected }) => {
    const { mappings, problems } = await readMappings(
      JSON.stringify([written]),
      'f.json',
      evaluator().compile,
    );
    expect(problems).toEqual([]);
    const mapping = mappings[0] as Mapping;
    const match = await evaluator().firstMatch(mappings, message, env);
    expect(match).toEqual({ index: expected.enabled ? 0 : undefined, problems: [] });
    const { fields } = await raw(mapping, message, env);
    const body = expected.request['body'] === '<whole message>' ? message : expected.request['body'];
    expect(fields).toEqual({ ...expected.request, body });
    if (!response) return;
    const context = { body: message, request: fields, response };
    const { report } = await evaluator().report(mapping, 0, context, env);
    expect(report).toEqual(expected.report);
  },
);

const WEBHOOK = {
  action: 'x',
  payload: {
    action: {
      invocationMethod: {
        type: 'WEBHOOK',
        agent: true,
        url: 'https://api.example.com/v1',
        headers: { a: 'b' },
      },
    },
    properties: { network_port: 8080, n: 1 },
  },
};

describe('samples of the documentation', () => {
  test('.payload.invocationMethod.url + a port is the number alone, and cannot be sent', async () => {
    const url = '.payload.invocationMethod.url + .payload.properties.network_port';
    const { fields, mapped, problems } = await raw({ enabled: true, url }, WEBHOOK);
    expect(fields.url).toBe(8080);
    expect(problems).toEqual([]);
    expect(usableRequest(mapped, 0)).toMatchObject({
      problems: [
        { kind: 'fatal', text: 'mapping 0, url: must yield text, not a number; no request can be sent' },
      ],
    });
  });
  test('with the path corrected, text and number cannot be added', async () => {
    const url = '.payload.action.invocationMethod.url + .payload.properties.network_port';
    const { fields, problems } = await raw({ enabled: true, url }, WEBHOOK);
    expect(fields.url).toBeNull();
    expect(problems).toEqual(['mapping 0, url: string and number cannot be added']);
  });
  test('headers can be forwarded by one filter', async () => {
    const { fields } = await raw(
      { enabled: true, headers: '.payload.action.invocationMethod.headers // {}' },
      WEBHOOK,
    );
    expect(fields.headers).toEqual({ a: 'b' });
  });
  test("Argo's link on a 404 is built of nothing", async () => {
    const link =
      '.body.payload.action.invocationMethod.url + "/workflows/" + .response.json.metadata.namespace + "/"';
    const response = { statusCode: 404, json: { message: 'not found' }, text: '', headers: {} };
    const context = { body: WEBHOOK, request: {}, response };
    const { report } = await evaluator().report({ enabled: true, report: { link } }, 0, context, {});
    expect(report).toEqual({ link: 'https://api.example.com/v1/workflows//' });
  });
  test('a change-log event goes to its destination', async () => {
    const { fields } = await raw(
      { enabled: true },
      { changelogDestination: { url: 'https://c', method: 'PUT' } },
    );
    expect(fields).toMatchObject({ url: 'https://c', method: 'PUT' });
  });
});

describe('the language', () => {
  test('empty objects inside objects vanish, lists are mapped element by element, literals pass', async () => {
    const body = {
      gone: {},
      deep: { also: {} },
      kept: {
        n: 1,
        b: false,
        nothing: null,
        'a.b': '.action',
        list: ['.action', 2, {}, { x: {} }, [], null],
      },
    };
    const { fields } = await raw({ enabled: true, body }, WEBHOOK);
    expect(fields.body).toEqual({
      kept: { n: 1, b: false, nothing: null, 'a.b': 'x', list: ['x', 2, {}, {}, [], null] },
    });
  });
  test('an empty body object stays, and __proto__ is a key like others', async () => {
    expect((await raw({ enabled: true, body: {} }, WEBHOOK)).fields.body).toEqual({});
    const body = JSON.parse('{"__proto__": ".action"}');
    expect((await raw({ enabled: true, body }, WEBHOOK)).mapped.bodyText).toBe('{"__proto__":"x"}');
  });
  test('the first output counts; no output is null, and said', async () => {
    const { fields, problems } = await raw(
      { enabled: true, body: { a: '1, 2', b: 'empty', c: '.[]?, null | empty' } },
      WEBHOOK,
    );
    expect(fields.body).toEqual({ a: 1, b: null, c: null });
    expect(problems).toEqual(['mapping 0, body.b: yields nothing', 'mapping 0, body.c: yields nothing']);
  });
  test('a filter that does not compile is null, and the others go on', async () => {
    const { fields, problems } = await raw(
      { enabled: true, body: { a: '.a[', b: '1) | (2', c: 'nope', d: '3' } },
      WEBHOOK,
    );
    expect(fields.body).toEqual({ a: null, b: null, c: null, d: 3 });
    expect(problems).toEqual([
      'mapping 0, body.a: is no usable jq filter: syntax error, unexpected end of file',
      expect.stringMatching(/^mapping 0, body\.b: is no usable jq filter: syntax error/),
      'mapping 0, body.c: is no usable jq filter: nope/0 is not defined',
    ]);
  });
  test('comments, definitions and functions of the old jq work', async () => {
    const body = {
      a: '.action # to the end \\',
      b: 'def f: 2; f',
      c: '{a: [1]} | [leaf_paths]',
      d: '',
      e: '" x " | trim',
      f: '65 | ascii',
    };
    const { fields, problems } = await raw({ enabled: true, body }, { action: 'x' });
    expect(problems).toEqual([]);
    expect(fields.body).toEqual({ a: 'x', b: 2, c: [['a', 0]], d: { action: 'x' }, e: 'x', f: 'A' });
  });
  test('the first mapping whose filter is exactly true wins', async () => {
    const enabled = (...filters: (string | boolean)[]) => filters.map((e) => ({ enabled: e }));
    const match = async (...filters: (string | boolean)[]) =>
      (await evaluator().firstMatch(enabled(...filters), WEBHOOK, {})).index;
    expect(await match('1', '"true"', 'null', 'error', '.action == "x"', true)).toBe(4);
    expect(await match(false, 'false', true, 'true')).toBe(2);
    expect(await match('true', true)).toBe(0);
    expect(await match('.action', 'syntax error')).toBeUndefined();
    expect(await match()).toBeUndefined();
  });
  test('filters after the first match are not run', async () => {
    const mappings = [{ enabled: '.action == "x"' }, { enabled: 'error("not reached")' }];
    expect(await evaluator().firstMatch(mappings, WEBHOOK, {})).toEqual({ index: 0, problems: [] });
  });
  test('what a report says nothing about is null', async () => {
    const response = { statusCode: 200, json: null, text: '', headers: {} };
    const report = { status: '.response.json.x.y', summary: '.response.text.z' };
    const found = await evaluator().report(
      { enabled: true, report },
      3,
      { body: WEBHOOK, request: {}, response },
      {},
    );
    expect(found.report).toEqual({ status: null, summary: null });
    expect(found.problems).toEqual([
      {
        index: 3,
        field: 'report.summary',
        kind: 'value',
        text: 'mapping 3, report.summary: cannot index string with "z"',
      },
    ]);
  });
});

describe('numbers', () => {
  test('large integers keep their digits from the text of a message to the text of the body', async () => {
    const message = '{"id":12345678901234567890,"f":1.50,"big":1e400}';
    const { request } = await evaluator().request({ enabled: true }, 0, message, {});
    expect(request.bodyText).toBe(message);
    const mapped = await evaluator().request(
      { enabled: true, body: { i: '.id', a: '[.id]', big: '.big' } },
      0,
      message,
      {},
    );
    expect(mapped.request.bodyText).toBe(
      '{"i":12345678901234567890,"a":[12345678901234567890],"big":1E+400}',
    );
  });
  test("an answer's id beyond 2^53 is reported with every digit, as text", async () => {
    const response = {
      statusCode: 200,
      json: null,
      jsonText: '{"id":9007199254740993}',
      text: '',
      headers: {},
    };
    const mapping = { enabled: true, report: { externalRunId: '.response.json.id | tostring' } };
    const { report } = await evaluator().report(mapping, 0, { body: {}, request: {}, response }, {});
    expect(report).toEqual({ externalRunId: '9007199254740993' });
  });
  test('whole numbers beyond 2^31 stay whole', async () => {
    const { mapped } = await raw({ enabled: true, body: { a: '.n', b: '.n + 1' } }, { n: 12345678901 });
    expect(mapped.bodyText).toBe('{"a":12345678901,"b":12345678902}');
  });
});

describe('env', () => {
  test('shows what is handed in and nothing else, by either name', async () => {
    const body = {
      a: 'env',
      b: '$ENV',
      c: 'env.TOKEN',
      d: '$ENV.TOKEN',
      e: 'env.PATH',
      f: '[1] | map(env.TOKEN)',
    };
    const { fields } = await raw({ enabled: true, body }, WEBHOOK, { TOKEN: 't' });
    const all = { TOKEN: 't' };
    expect(fields.body).toEqual({ a: all, b: all, c: 't', d: 't', e: null, f: ['t'] });
  });
  test("the program's own variables are out of sight", async () => {
    const body = { a: '$__in', b: '$__input', c: '__f0', d: '$ARGS', e: 'input_filename', f: '$__done' };
    const { fields } = await raw({ enabled: true, body }, WEBHOOK, { TOKEN: 't' });
    expect(fields.body).toEqual({
      a: null,
      b: null,
      c: null,
      d: { positional: [], named: {} },
      e: null,
      f: null,
    });
  });
});
