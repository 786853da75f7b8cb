/** Filters that loop, grow or crash: an error of that evaluation, and the next one works. */

import { createEvaluator, type Evaluator } from '../../../port/mapping/evaluator.js';
import { useEvaluator } from './evaluators.js';

const DEADLINE_MS = 400;
/** For bombs of which each is waited for: a busy machine ends a sound filter now and then, and may. */
const hasty = useEvaluator({ threads: 1, deadlineMs: DEADLINE_MS, maxMemoryMb: 48 });
/** For what must have its values. Nothing but a bomb takes so long. */
const PATIENT_DEADLINE_MS = 2000;
const patient = useEvaluator({ threads: 1, deadlineMs: PATIENT_DEADLINE_MS, maxMemoryMb: 48 });
const MESSAGE = { action: 'deploy', deep: { secret: 'hunter2' } };

/** How often a sound filter may be ended by a short deadline before the evaluator counts as broken. */
const TRIES = 25;

async function expectSound(evaluator: Evaluator): Promise<void> {
  for (let left = TRIES; ; left--) {
    const { request, problems } = await evaluator.request({ enabled: true, body: '.action' }, 0, MESSAGE, {});
    if (left > 0 && problems.some(({ text }) => text.includes('was ended'))) continue;
    expect({ body: request.body, problems }).toEqual({ body: 'deploy', problems: [] });
    return;
  }
}

async function evaluate(evaluator: Evaluator, filter: string) {
  const { request, problems } = await evaluator.request({ enabled: true, body: filter }, 0, MESSAGE, {});
  await expectSound(evaluator);
  return { body: request.body, problems };
}

const ENDED = new RegExp(
  `mapping 0, body: jq (was ended after ${DEADLINE_MS} ms|needs more than 48 MB|crashed)`,
);

test.each([
  '[range(1e9)]',
  '"x" * 1e9',
  '("x" | . * 1e9)',
  'def f: f; f',
  'def f: 1 + f; f',
  'last(repeat(1))',
  '[repeat(1)]',
  '[limit(1e9; repeat("x"))] | join("")',
  'until(false; .)',
  'last(range(1e12))',
  'reduce range(1e9) as $i (""; . + "xxxxxxxxxx")',
  '"a" | [recurse(. + .)]',
  'reduce range(1e6) as $i (null; [.]) | tojson',
])('%s ends without harm', async (filter) => {
  const { body, problems } = await evaluate(hasty(), filter);
  expect(body).toBeNull();
  expect(problems).toMatchObject([{ kind: 'fatal', text: expect.stringMatching(ENDED) }]);
});

test.each([
  ['debug', MESSAGE],
  ['debug("x")', MESSAGE],
  ['stderr', MESSAGE],
  ['[inputs]', []],
  ['input_line_number', 0],
  ['[limit(0; 1, 2)]', []],
  ['getpath(["deep", "none", "x"])', null],
  ['.action | ltrimstr("dep")', 'loy'],
  ['try error(null) catch "caught"', 'caught'],
  ['$__loc__ | type', 'object'],
  ['.action | @sh', "'deploy'"],
  ['label $out | break $out, 1', null],
])('%s yields %j', async (filter, expected) => {
  expect((await evaluate(patient(), filter)).body).toEqual(expected);
});

test.each([
  ['input', 'input: there is only the one message'],
  ['inputs', 'yields nothing'],
  ['halt', 'halt is not possible in a mapping'],
  ['halt_error', 'halt is not possible in a mapping'],
  ['"bye" | halt_error(3)', 'halt is not possible in a mapping'],
  ['error(null)', 'the filter raised an error that is no text'],
  ['error', 'the filter raised an error that is no text'],
  ['error({__jq: 0})', 'yields nothing'],
  ['import "a" as a; .', /no usable jq filter/],
  ['include "a"; .', /no usable jq filter/],
  ['module {}; .', /no usable jq filter/],
  ['@nope', /./],
  ['("a" * 30000) | test("(a+)+$b")', /the regex gives up|was ended/],
])('%s is an error of its field', async (filter, text) => {
  const { body, problems } = await evaluate(patient(), filter);
  expect(body).toBeNull();
  expect(problems).toHaveLength(1);
  expect(problems[0]?.text.replace('mapping 0, body: ', '')).toMatch(text);
});

test('gsub with an empty match ends, one way or the other', async () => {
  await evaluate(hasty(), '.action | gsub("^"; "-")');
  await evaluate(hasty(), '.action | [gsub(""; "a")]');
  await evaluate(hasty(), '.action | gsub("(?=u)|x*"; "-")');
});

test('beside a bomb the other fields of a mapping have their values, and the bomb is named', async () => {
  const body = { a: '.action', bomb: 'def f: f; f', c: '.deep.secret' };
  const { request, problems } = await patient().request({ enabled: true, body }, 2, MESSAGE, {});
  expect(request.body).toEqual({ a: 'deploy', bomb: null, c: 'hunter2' });
  expect(problems).toEqual([
    {
      index: 2,
      field: 'body.bomb',
      kind: 'fatal',
      text: `mapping 2, body.bomb: jq was ended after ${PATIENT_DEADLINE_MS} ms`,
    },
  ]);
});

test('a bomb for `enabled` does not take the message; the next mapping may', async () => {
  const mappings = [{ enabled: 'def f: f; f' }, { enabled: '.action == "deploy"' }];
  const { index, problems } = await patient().firstMatch(mappings, MESSAGE, {});
  expect(index).toBe(1);
  expect(problems).toMatchObject([{ index: 0, field: 'enabled', kind: 'fatal' }]);
});

test('many bombs in one mapping are not all waited for', async () => {
  const body = Array.from({ length: 30 }, (_, i) => `def f: f; f, ${i}`);
  const { problems } = await hasty().request({ enabled: true, body }, 0, MESSAGE, {});
  expect(problems).toHaveLength(30);
  // The others were left out.
  const ended = problems.filter(({ text }) => text.includes('was ended'));
  expect(ended.length).toBeLessThan(12);
  await expectSound(hasty());
});

test('values nested deep come through as far as jq goes, and are refused beyond', async () => {
  const nested = (levels: number) => evaluate(patient(), `reduce range(${levels}) as $i (1; [.])`);
  expect((await nested(100)).problems).toEqual([]);
  expect((await nested(1000)).problems).toMatchObject([
    { text: 'mapping 0, body: yields a value that is nested too deep' },
  ]);
  const message = `{"a":${'['.repeat(400)}${']'.repeat(400)}}`;
  const { problems } = await patient().request({ enabled: true, url: '.b' }, 0, message, {});
  expect(problems).toMatchObject([
    { kind: 'fatal', text: expect.stringContaining('nested deeper than jq reads') },
  ]);
  await expectSound(patient());
});

test('no problem quotes a value of the message or of the environment', async () => {
  const body = {
    a: '.deep.secret + 1',
    b: '.deep.secret | fromjson',
    c: '.deep.secret.x',
    d: '.deep | .[.secret].x.y',
    e: 'env.TOKEN | tonumber',
    f: '.deep | {(.): 1}',
    g: 'error("no namespace given")',
    h: 'error("it is " + env.TOKEN)',
    i: '.[] as [$x] | $x',
    j: '.deep.secret | test("(")',
    k: '.deep.secret | keys',
    l: '.deep.secret[.deep.secret]',
  };
  const { problems } = await patient().request({ enabled: true, body }, 0, MESSAGE, { TOKEN: 'tok3n' });
  const texts = problems.map(({ text }) => text.replace('mapping 0, body.', ''));
  expect(texts.join('\n')).not.toMatch(/hunter2|tok3n/);
  expect(texts).toContain('a: string and number cannot be added');
  expect(texts).toContain('b: not JSON text (Invalid numeric literal at EOF at line 1, column 7)');
  expect(texts).toContain('c: cannot index string with "x"');
  expect(texts).toContain('k: string has no keys');
  expect(texts).toContain('g: no namespace given');
  expect(texts).toContain('h: jq refused it (its words are left out: they quote values)');
});

test('what runs beside a bomb on another thread is not held up', async () => {
  const wide = createEvaluator({ threads: 2, deadlineMs: 60_000, maxMemoryMb: 48 });
  const order: string[] = [];
  const ask = async (name: string, body: string) => {
    const { request, problems } = await wide.request({ enabled: true, body }, 0, MESSAGE, {});
    order.push(name);
    return { body: request.body, problems };
  };
  const bomb = ask('bomb', 'def f: f; f');
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, i) => ask('other', `.action + "${i % 7}"`)),
  );
  expect(others.every(({ problems }) => problems.length === 0)).toBe(true);
  expect(order).not.toContain('bomb');
  await wide.close();
  await bomb;
});

test('a closed evaluator answers, too', async () => {
  const closing = createEvaluator({ threads: 1, deadlineMs: 60_000, maxMemoryMb: 48 });
  const running = closing.request({ enabled: true, body: 'def f: f; f' }, 0, MESSAGE, {});
  const waiting = closing.firstMatch([{ enabled: '.x' }], MESSAGE, {});
  await closing.close();
  expect((await waiting).problems).toMatchObject([{ kind: 'fatal' }]);
  expect((await running).problems).toMatchObject([
    { kind: 'fatal', text: 'mapping 0, body: the agent is shutting down' },
  ]);
  const late = await closing.firstMatch([{ enabled: '.a' }], MESSAGE, {});
  expect(late).toMatchObject({ index: undefined, problems: [{ kind: 'fatal' }] });
});
