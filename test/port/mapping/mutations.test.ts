/** Mappings changed at random: whatever comes of one, the next evaluation works. */
import { createEvaluator } from '../../../port/mapping/evaluator.js';
import { type Mapping, readMappings } from '../../../port/mapping/mapping.js';
import { fc } from '../../support/fuzz.js';

const MESSAGE = { action: 'deploy', deep: { secret: 'hunter2' } };

describe('mutated mappings', () => {
  const SEED: Mapping = {
    enabled: '.action == "deploy"',
    url: '"https://x.example.com/" + (.action | @uri)',
    method: '"PUT"',
    headers: { A: 'env.TOKEN' },
    body: { a: ['.action', { b: '.deep | to_entries | map({(.key): (.value | tostring)}) | add' }], n: 1 },
    report: {
      status: 'if .response.statusCode == 200 then "SUCCESS" else "FAILURE" end',
      link: '.response.text',
    },
  };
  const text = JSON.stringify([SEED, { enabled: true, body: '. as $x | $x' }]);
  const piece = fc.constantFrom(
    ...[
      '"',
      '\\"',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '|',
      ',',
      '.',
      '..',
      '//',
      ' as $x | ',
      '$ENV',
      'env',
      'input',
      'debug',
    ],
    ...[
      'halt',
      'error',
      'range(1e9)',
      'def f: f; f',
      'gsub("^"; "-")',
      '\\n',
      '#',
      '\u0000',
      '\ud800',
      '1e999',
      '-',
      '*',
    ],
    ...[
      'recurse',
      'limit(3; repeat(1))',
      'true',
      'null',
      '"\\\\(',
      'label $a |',
      'break $a',
      '?',
      '__f0',
      '$__in',
      '[[[[[',
    ],
  );
  /** Where, how much of it is cut out, and what takes its place. */
  const mutation = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(12), piece);
  const mutate = (whole: string, [place, length, inserted]: [number, number, string]) => {
    const at = Math.floor(place * whole.length);
    return whole.slice(0, at) + inserted + whole.slice(at + length);
  };
  const mutatedText = fc
    .array(mutation, { minLength: 1, maxLength: 3 })
    .map((mutations) => mutations.reduce(mutate, text));
  /** Still JSON: only filters differ. */
  const mutatedFilters = fc.array(fc.option(mutation), { minLength: 12, maxLength: 12 }).map((mutations) => {
    let next = 0;
    return JSON.stringify(
      JSON.parse(text, (_, value) => {
        const change = typeof value === 'string' ? mutations[next++] : undefined;
        return change ? mutate(value, change) : value;
      }),
    );
  });

  const runs = Number(process.env['FUZZ_RUNS'] ?? 200);

  test(
    'never crash, hang or reject, and the next evaluation works',
    async () => {
      const quick = createEvaluator({ threads: 2, deadlineMs: 150, maxMemoryMb: 48 });
      const property = fc.asyncProperty(fc.oneof(mutatedText, mutatedFilters), async (mutated) => {
        const { mappings } = await readMappings(mutated, 'f.json', quick.compile);
        await quick.firstMatch(mappings, MESSAGE, { TOKEN: 't' });
        for (const [index, mapping] of mappings.entries()) {
          const { request } = await quick.request(mapping, index, MESSAGE, { TOKEN: 't' });
          JSON.parse(request.bodyText);
          const response = { statusCode: 200, json: { a: 1 }, text: 'x', headers: {} };
          await quick.report(mapping, index, { body: MESSAGE, request: {}, response }, {});
        }
        const sound = await quick.request({ enabled: true, body: '.action' }, 0, MESSAGE, {});
        expect(sound.problems.filter(({ kind }) => kind === 'value')).toEqual([]);
        if (sound.problems.length === 0) expect(sound.request.body).toBe('deploy');
      });
      await fc.assert(property, { numRuns: runs, endOnFailure: true });
      await quick.close();
    },
    240_000 + runs * 500,
  );
});
