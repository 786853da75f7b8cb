import { evaluatePath, render, TemplateError } from '../../../local/simulators/port-template.js';

const DATA = {
  inputs: { name: 'shop', size: 2, tags: ['a', 'b'], 'my key': true, none: null },
  run: { id: 'r_1' },
};

describe("Port's templates", () => {
  test.each([
    ['.', DATA],
    ['.inputs.name', 'shop'],
    [' .inputs.size ', 2],
    ['.inputs["my key"]', true],
    ['.inputs."my key"', true],
    ['.["inputs"].name', 'shop'],
    ['.inputs.tags[1]', 'b'],
    ['.inputs.missing.deeper', null],
    ['.inputs.toString', null],
  ])('the path %s is evaluated', (path, expected) => {
    expect(evaluatePath(path, DATA)).toEqual(expected);
  });

  test.each(['.inputs | keys', 'now', '.inputs.name + "x"', '(.inputs)', 'if .a then 1 else 2 end'])(
    'the expression %j is refused by name',
    (expression) => {
      const attempt = (): unknown => render(`{{ ${expression} }}`, DATA);
      expect(attempt).toThrow(TemplateError);
      expect(attempt).toThrow(expression);
    },
  );

  test('a string that is one template keeps the type of the value', () => {
    expect(render({ a: '{{ .inputs.size }}', b: '{{.inputs.tags}}', c: '{{ .inputs.gone }}' }, DATA)).toEqual(
      {
        a: 2,
        b: ['a', 'b'],
        c: null,
      },
    );
  });

  test('text around a template makes it a string', () => {
    expect(render('{{ .inputs.name }}-{{ .inputs.size }}', DATA)).toBe('shop-2');
    expect(render('tags: {{ .inputs.tags }}, {{ .inputs.gone }}', DATA)).toBe('tags: ["a","b"], null');
  });

  test('spreadValue() merges an object into its parent, in its place', () => {
    const body = { first: 1, '{{ spreadValue() }}': '{{ .inputs }}', run: '{{ .run.id }}' };
    expect(JSON.stringify(render(body, DATA))).toBe(JSON.stringify({ first: 1, ...DATA.inputs, run: 'r_1' }));
    expect(() => render({ '{{spreadValue()}}': '{{ .inputs.name }}' }, DATA)).toThrow('spreadValue() needs');
  });

  test('a key may be a template; one that is null is left out', () => {
    expect(render({ '{{ .inputs.name }}': 1, '{{ .inputs.none }}': 2 }, DATA)).toEqual({ shop: 1 });
    expect(() => render({ '{{ .inputs.size }}': 1 }, DATA)).toThrow('must become a string or null');
  });
});
