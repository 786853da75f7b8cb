/** How a mapping file is read: what is refused, what is warned about, and where. */
import { readMappings } from '../../../port/mapping/mapping.js';
import { useEvaluator } from './evaluators.js';

const evaluator = useEvaluator({ threads: 1 });
const read = (content: unknown) =>
  readMappings(
    typeof content === 'string' ? content : JSON.stringify(content),
    'map.json',
    evaluator().compile,
  );

describe('what the old agent would have refused is a problem', () => {
  test.each<[string, unknown, string]>([
    ['no JSON', '[{"enabled": tru}]', 'map.json: is no JSON'],
    ['nothing', '', 'map.json: is no JSON: it is empty'],
    [
      'an element that is no object',
      [1],
      'map.json: mapping 0: is no object; write {"enabled": …, "url": …}',
    ],
    ['enabled: null', { enabled: null }, 'map.json: mapping 0, enabled: must be true, false or a jq filter'],
    ['an object for a url', { url: {} }, 'map.json: mapping 0, url: must be text: a jq filter'],
    [
      'an array for a body',
      { body: ['.a'] },
      'map.json: mapping 0, body: must not be an array; write it as one jq filter: "[…]"',
    ],
    [
      'a list for headers',
      { headers: [] },
      'map.json: mapping 0, headers: must be an object, or one jq filter that yields an object',
    ],
    [
      'an object in headers',
      { headers: { A: {} } },
      'map.json: mapping 0, headers.A: must be text: a jq filter',
    ],
    ['null in a query', { query: { A: null } }, 'map.json: mapping 0, query.A: must be text: a jq filter'],
    [
      'text for report',
      { report: '.x' },
      'map.json: mapping 0, report: must be an object with status, link, summary, externalRunId',
    ],
    [
      'an object in report',
      { report: { link: {} } },
      'map.json: mapping 0, report.link: must be text: a jq filter',
    ],
    [
      'text for decrypt paths',
      { fieldsToDecryptPaths: 'a' },
      'map.json: mapping 0, fieldsToDecryptPaths: must be a list of paths such as "payload.properties.password"',
    ],
  ])('%s', async (_, content, expected) => {
    const { mappings, problems } = await read(content);
    expect(mappings).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(expected)]);
  });

  test('all of them at once', async () => {
    const { problems } = await read([{ body: [] }, { url: 1, headers: 3 }, { report: [] }]);
    expect(problems.map((p) => p.replace(/:[^:]*$/, ''))).toEqual([
      'map.json: mapping 0, body: must not be an array; write it as one jq filter',
      'map.json: mapping 1, headers',
      'map.json: mapping 2, report',
    ]);
  });

  test('a mistake in the JSON is told without the text around it', async () => {
    const { problems } = await read('{"url": "secret-token" oops}');
    expect(problems.join()).toMatch(/^map\.json: is no JSON: look at position \d+/);
    expect(problems.join()).not.toMatch(/secret|oops/);
  });
});

describe('what the old agent would have carried on with is a warning', () => {
  test.each<[string, unknown, string | RegExp]>([
    ['an unknown key', { enable: true }, 'map.json: mapping 0, enable: is unknown and has no effect'],
    [
      'a key in the wrong case',
      { URL: '.a' },
      'map.json: mapping 0, URL: is unknown and has no effect; it is written url',
    ],
    [
      'external_run_id',
      { report: { external_run_id: '.a' } },
      'map.json: mapping 0, report.external_run_id: is unknown and has no effect; it is written externalRunId',
    ],
    [
      'a leading dot in a decrypt path',
      { fieldsToDecryptPaths: ['.payload.properties.secret_field'] },
      /fieldsToDecryptPaths: .* write "payload\.properties\.secret_field"$/,
    ],
    ['an index in brackets', { fieldsToDecryptPaths: ['a[0].b'] }, /write "a\.0\.b"$/],
    ['a wildcard', { fieldsToDecryptPaths: ['a.*.b'] }, /no wildcards/],
    [
      '.body outside a report',
      { body: '.body' },
      /^map\.json: mapping 0, body: \.body is the message only inside report/,
    ],
    ['.response outside a report', { url: '.response.json.x' }, /only inside report/],
    [
      'a missing .action',
      { enabled: '.payload.invocationMethod.type == "GITLAB"' },
      /mapping 0, enabled: .* it is \.payload\.action\.invocationMethod$/,
    ],
    [
      'a url looked for in .payload.action',
      { url: '.payload.action.url' },
      /mapping 0, url: .*\.payload\.action\.invocationMethod\.url$/,
    ],
    [
      'the message at the root of a report',
      { report: { link: '.payload.entity' } },
      /report\.link: inside report the message is \.body/,
    ],
    [
      '.response.status',
      { report: { status: 'if .response.status == 200 then 1 else 2 end' } },
      /\.response\.statusCode$/,
    ],
    [
      'a filter that is no jq',
      { headers: { A: '.a b' } },
      /mapping 0, headers\.A: is no usable jq filter: syntax error.*yields null$/,
    ],
    [
      'a text without quotes',
      { headers: { 'Content-Type': 'application/json' } },
      /a text needs quotes of its own: "\\"application\/json\\""$/,
    ],
    ['nothing at all', [], 'map.json: holds no mapping, so that no run is carried out'],
    [
      'a mapping that is never reached',
      [{}, { url: '.a' }],
      'map.json: mapping 0, enabled: takes every message, so that the mappings after it are never used',
    ],
  ])('%s', async (_, content, expected) => {
    const { problems, warnings } = await read(content);
    expect(problems).toEqual([]);
    expect(warnings).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });

  test('real mappings have none', async () => {
    const { warnings } = await read([
      {
        enabled: '.action == "x" and (.body | not)',
        url: '(env.URL // "https://h") as $base | $base + (.payload.body.payload | tostring)',
        body: { a: '.payload.action.invocationMethod.body', b: '"a .body in text"', c: '. # .body' },
        report: {
          link: '.body.payload.action.invocationMethod.url + .response.json.status',
          summary: '.response.text',
        },
        fieldsToDecryptPaths: ['payload.properties.secrets.0.value'],
      },
    ]);
    expect(warnings).toEqual([
      expect.stringContaining('mapping 0, enabled: .body is the message only inside report'),
    ]);
  });
});

test('one object is a list of one, and a byte order mark is no mistake', async () => {
  const { mappings } = await read('\ufeff{"url": ".a", "method": null, "body": null}');
  expect(mappings).toEqual([{ enabled: true, url: '.a' }]);
});

test.each<[unknown, boolean | string]>([
  ...['true', 'TRUE', 'yes', 'on', '1', 't', 'Y', true, 1].map((value): [unknown, boolean] => [value, true]),
  ...['false', 'No', 'off', '0', 'f', 'n', false, 0].map((value): [unknown, boolean] => [value, false]),
  ['.a', '.a'],
  [2, '2'],
  [' true', ' true'],
])('enabled: %j is read as %j', async (value, expected) => {
  expect((await read([{ enabled: value }])).mappings[0]?.enabled).toBe(expected);
});
