/**
 * Many filters in one jq program, each an island: its error is its own, and its first output is its value.
 *
 * Outputs come back as JSON text and stay text: jq keeps the digits of large integers, JavaScript does not.
 */

/** The first output as JSON text, none, or the error the filter raised. */
export type FilterResult = { text: string } | { none: true } | { error: unknown };

/** Functions of the old agent's jq, and of 1.7.1, that jq-web's build of 1.7 leaves out. */
const FUNCTIONS = `def recurse_down: recurse; def leaf_paths: paths(scalars); def date: todate;
def dateadd(unit; seconds): . + seconds; def datesub(unit; seconds): . - seconds;
def ascii: [.] | implode; def toarray: if type == "array" then . else [.] end; def have_literal_numbers: true;
def ltrim: sub("^[[:space:]]+"; ""); def rtrim: sub("[[:space:]]+$"; ""); def trim: ltrim | rtrim;
`;

/** What a filter meets in place of functions that a mapping can't have. */
export const OUR_ERRORS = {
  input: 'input: there is only the one message',
  halt: 'halt is not possible in a mapping',
} as const;

/**
 * What jq offers beyond its input, made harmless: `env` is what is handed in, `debug` says nothing, and
 * nothing reads further or ends the program. Its variables are out of a filter's sight: a filter that names
 * one of them does not compile by itself.
 */
const HARMLESS = `$__input[0] as $__in | {positional: [], named: {}} as $ARGS | ($__in | .e) as $ENV |
def env: $ENV;
def debug: .; def debug(f): .; def stderr: .;
def input: error("${OUR_ERRORS.input}"); def inputs: empty;
def halt: error("${OUR_ERRORS.halt}"); def halt_error: halt; def halt_error(f): halt;
def input_filename: null; def input_line_number: 0; def get_search_list: []; def modulemeta: halt;
`;
const PRELUDE = HARMLESS + FUNCTIONS;

/** A program that yields one result for each filter. */
export function programOf(filters: string[]): string {
  const steps = filters.map((_, i) => `(try [first(__f${i})] catch {e: .})`);
  return `${PRELUDE}${definitions(filters)}$__in | .m | ${steps.join(',\n')}`;
}

/** A program that yields results up to the first filter whose value is `true`. */
export function firstTrueProgramOf(filters: string[]): string {
  const steps = filters.map(
    (_, i) =>
      `((try [first(__f${i})] catch {e: .}) as $__r | $__r, if $__r == [true] then break $__done else empty end)`,
  );
  return `${PRELUDE}${definitions(filters)}$__in | .m | label $__done | ${steps.join(',\n')}`;
}

/** Each filter is a function of its own: jq limits how long one may become. */
function definitions(filters: string[]): string {
  return filters.map((filter, i) => `def __f${i}: ${enclosed(filter)};\n`).join('');
}

/**
 * Two line breaks end any comment: one that ends in a backslash goes on for one more line. As jq has it, an
 * empty filter is `.`.
 */
function enclosed(filter: string): string {
  return filter.trim() === '' ? '.' : `(${filter}\n\n)`;
}

/**
 * What must compile before a filter may be a part of a program: the filter by itself, after definitions, where
 * neither `1) | (2` nor a module's directives pass.
 */
export function compileProgramOf(filter: string): string {
  return `${FUNCTIONS}${filter.trim() === '' ? '.' : filter}`;
}

/** What a program works on: the context as JSON text, and the variables that `env` shows. */
export function dataOf(contextText: string, environmentText: string): string {
  return `{"e":${environmentText},"m":${contextText}}`;
}

export function readResult(line: string): FilterResult {
  if (line.startsWith('{')) return { error: (JSON.parse(line) as { e: unknown }).e };
  const text = line.slice(1, -1);
  return text === '' ? { none: true } : { text };
}
