/**
 * jq's error texts without the values they quote, which may be secrets.
 *
 * Safe by construction: what is told is made of jq's own words, of type names, and of words that stand in the
 * filter itself. A text that is none of these is withheld.
 */
import { excerpt, oneLine } from '../excerpt.js';
import { OUR_ERRORS } from './jq-program.js';

const T = '(null|boolean|number|string|array|object)';
const VALUE = `${T} \\([\\s\\S]*\\)`;

/** jq 1.7's formats. What is captured lies outside of any value: before the first or after the last of them. */
const FORMATS: [RegExp, string][] = [
  [new RegExp(`^${VALUE} and ${VALUE} (cannot [a-z ,()]+)$`), '$1 and $2 $3'],
  [new RegExp(`^Cannot use ${VALUE} as object key$`), 'cannot use $1 as object key'],
  [new RegExp(`^Cannot iterate over ${T}\\b`), 'cannot iterate over $1'],
  [new RegExp(`^Cannot index ${T} with ${T}$`), 'cannot index $1 with $2'],
  [new RegExp(`^Cannot check whether ${T} has a ${T} key$`), 'cannot check whether $1 has a $2 key'],
  [new RegExp(`^Cannot (delete|update) field at ${T} index of ${T}`), 'cannot $1 field at $2 index of $3'],
  [
    /^([A-Z][A-Za-z0-9 \\:+-]*?)( at (EOF at )?line \d+, column \d+)? \(while parsing '/,
    'not JSON text ($1$2)',
  ],
  [/^Invalid path expression /, 'invalid path expression'],
  [/^[\s\S]* \(at offset \d+\) is not a valid regex: ([a-z ]+)$/, 'not a valid regex: $1'],
  [/^Regex failure: ([a-z -]+)$/, 'the regex gives up ($1)'],
  [/^[\s\S]* is not a valid modifier string$/, "not valid as a regex's modifiers"],
  [/^date "[\s\S]*" does not match format "/, 'the date does not match the format'],
  [
    new RegExp(`^${VALUE} ((?:cannot|can not|is not|has no|not) [a-z -]+(?:, (?:as|only) [a-z ]+)?)$`),
    '$1 $2',
  ],
];
const INDEX_BY_NAME = new RegExp(`^Cannot index ${T} with (?:string )?"([\\s\\S]*)"$`);

/** Texts that quote nothing. */
const CONSTANT = new Set<string>([
  ...Object.values(OUR_ERRORS),
  'break',
  'Array index too large',
  'Array/string slice indices must be integers',
  'Cannot update string slices',
  'Invalid escape',
  'Object keys must be strings',
  'Out of bounds negative array index',
  'Path must be specified as an array',
  'Paths must be specified as an array',
  'Range bounds must be numeric',
  'endswith() requires string inputs',
  'startswith() requires string inputs',
  'split input and separator must be strings',
  'explode input must be a string',
  'implode input must be an array',
  'ltrimstr input must be a string',
  'trim input must be a string',
  'gmtime() requires numeric inputs',
  'localtime() requires numeric inputs',
  'mktime requires array inputs',
  'mktime requires parsed datetime inputs',
  'strftime/1 requires parsed datetime inputs',
  'strftime/1 requires a string format',
  'strptime/1 requires string inputs and arguments',
  'ascii_downcase input must be a string',
  'ascii_upcase input must be a string',
  'flatten depth must not be negative',
  'Cannot determine keys of a non-object',
]);

const MAX_LENGTH = 200;

/** What jq says about a value, in words that hold nothing of the message or of the environment. */
export function describeJqError(error: unknown, filter: string): string {
  if (typeof error !== 'string') return 'the filter raised an error that is no text';
  if (CONSTANT.has(error)) return error;
  const byName = INDEX_BY_NAME.exec(error);
  if (byName) {
    const [, type, key = ''] = byName;
    return key !== '' && filter.includes(key)
      ? `cannot index ${type} with "${key}"`
      : `cannot index ${type} by name`;
  }
  for (const [format, words] of FORMATS) {
    const match = format.exec(error);
    if (match) return words.replace(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? '');
  }
  // The author's own `error("…")`.
  if (error.trim() !== '' && filter.includes(error)) return excerpt(oneLine(error), MAX_LENGTH);
  return 'jq refused it (its words are left out: they quote values)';
}

/** The first thing jq says about a filter that does not compile. It quotes only the filter. */
export function describeCompileError(text: string): string {
  const first = /jq: error: ([\s\S]*?)(?: at <[^>]*>)?, line \d+(?:, column \d+)?:/.exec(text)?.[1];
  const fallback = text.split('\n')[0] ?? '';
  const words = (first ?? fallback.replace(/^jq: error:? ?/, ''))
    .replace(/ \((Unix|Windows) shell quoting issues\?\)/, '')
    .replace(/^Error: Non-zero exit code.*/, '');
  return excerpt(oneLine(words).trim() || 'it does not compile', MAX_LENGTH);
}
