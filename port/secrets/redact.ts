/**
 * Takes secrets out of what is told: known ones wherever and however they are spelled, and what is secret by its
 * name or looks (`sensitive.ts`).
 *
 * Types stay: a text stays a text, JSON in a text stays JSON with its own spaces and digits, a number becomes 0,
 * and true, false and null, which tell nothing, are left alone. What holds no secret comes back as it was. Doing
 * it twice changes nothing more.
 *
 * Redact before cutting to a length: half a secret is none that could be recognized, unless it is a long one.
 */
import { isObject, type Json, type JsonObject } from '../message.js';
import { Matcher, type Range } from './matcher.js';
import { type Blank, blanksIn, isSensitiveName } from './sensitive.js';
import { readingsOf } from './spellings.js';

export const REDACTED = '***';

export interface RedactOptions {
  /** `known`: only the secrets given, for a response that others build on and whose fields must stay. */
  only?: 'known';
}

/** Nothing reasonable is nested deeper, in objects or as JSON in JSON; what is, is left out. */
const MAX_NESTING = 1000;
const MAX_JSON_IN_JSON = 8;
/** A second pass finds nothing, unless a secret looks like what takes its place: `x***y`. */
const MAX_PASSES = 4;

/**
 * A copy of `value` without the `secrets`, of the same type all the way down; `value` itself when it has none.
 * Secrets of 1 to 3 characters count only as the whole of a text: any text has an `a` in it.
 */
export function redact(value: string, secrets: readonly string[], options?: RedactOptions): string;
export function redact<T extends Json>(value: T, secrets: readonly string[], options?: RedactOptions): T;
export function redact(value: Json, secrets: readonly string[], options: RedactOptions = {}): Json {
  return new Redactor(secrets, options).redact(value);
}

/** What is told of a call comes in several texts, and all of them are looked through for the same secrets. */
const matchers = new WeakMap<readonly string[], Matcher>();

function matcherOf(secrets: readonly string[]): Matcher {
  const matcher = matchers.get(secrets) ?? new Matcher(secrets);
  matchers.set(secrets, matcher);
  return matcher;
}

/** The same for many values: what is known of the secrets is worked out once for a list, which must not change. */
export class Redactor {
  readonly matcher: Matcher;
  readonly #named: boolean;

  constructor(secrets: readonly string[], options: RedactOptions = {}) {
    this.matcher = matcherOf(secrets);
    this.#named = options.only !== 'known';
  }

  redact<T extends Json>(value: T): T {
    let current: Json = value;
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const next = this.#value(current, false, 0);
      if (next === current) return current as T;
      current = next;
    }
    return nothingOf(current) as T;
  }

  /** Gives the value itself back when nothing in it has changed. */
  #value(value: Json, sensitive: boolean, nesting: number): Json {
    if (typeof value === 'string') return sensitive ? blanked(value) : this.#text(value, 0);
    if (typeof value === 'number') return sensitive || this.matcher.isSecretNumber(String(value)) ? 0 : value;
    if (typeof value !== 'object' || value === null) return value;
    if (nesting === MAX_NESTING) return Object.keys(value).length > 0 ? nothingOf(value) : value;
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#value(item, sensitive, nesting + 1));
      return items.some((item, i) => item !== value[i]) ? items : value;
    }
    return this.#object(value, sensitive, nesting);
  }

  /** Names may hold secrets as well; of those that become the same, the last one's value is kept. */
  #object(value: JsonObject, sensitive: boolean, nesting: number): JsonObject {
    const before = Object.entries(value);
    const after = before.map(([name, inner]): [string, Json] => [
      this.#plain(name),
      this.#value(inner, sensitive || this.#isSensitive(name), nesting + 1),
    ]);
    const changed = after.some(([name, inner], i) => name !== before[i]?.[0] || inner !== before[i]?.[1]);
    return changed ? Object.fromEntries(after) : value;
  }

  #isSensitive(name: string): boolean {
    return this.#named && isSensitiveName(name);
  }

  #text(text: string, jsonInJson: number): string {
    if (this.matcher.isSecret(text)) return REDACTED;
    if (!isJson(text)) return this.#plain(text);
    return jsonInJson === MAX_JSON_IN_JSON ? REDACTED : this.#json(text, jsonInJson);
  }

  /** A text that is JSON: its strings are looked through as texts of their own, everything else stays as it is. */
  #json(text: string, jsonInJson: number): string {
    const edits: Edit[] = [];
    for (const token of tokensOf(text)) {
      const { start, end } = token;
      const raw = text.slice(start, end);
      const now = token.kind === 'number' ? this.#number(raw, token) : this.#string(raw, token, jsonInJson);
      if (now !== raw) edits.push({ start, end, text: now });
      if (token.kind === 'name') token.sensitive(this.#isSensitive(JSON.parse(raw)));
    }
    return edited(text, edits);
  }

  #number(raw: string, { isSensitive }: Token): string {
    return isSensitive || this.matcher.isSecretNumber(raw) ? '0' : raw;
  }

  #string(raw: string, token: Token, jsonInJson: number): string {
    const text: string = JSON.parse(raw);
    const now =
      token.kind === 'name'
        ? this.#plain(text)
        : token.isSensitive
          ? blanked(text)
          : this.#text(text, jsonInJson + 1);
    return now === text ? raw : JSON.stringify(now);
  }

  #plain(text: string): string {
    const edits: Edit[] = this.#known(text).map((range) => ({ ...range, text: REDACTED }));
    const blanks: Blank[] = this.#named ? blanksIn(text) : [];
    for (const { start, end, isNumber } of blanks)
      edits.push({ start, end, text: isNumber ? '0' : REDACTED });
    return edits.length === 0 ? text : edited(text, merged(edits));
  }

  #known(text: string): Range[] {
    if (this.matcher.isEmpty) return [];
    return readingsOf(text).flatMap(({ codes, at }) =>
      this.matcher
        .find(codes)
        .map(({ start, end }) => ({ start: at[start] as number, end: at[end] as number })),
    );
  }
}

function blanked(text: string): string {
  return text === '' ? '' : REDACTED;
}

function nothingOf(value: Json): Json {
  if (typeof value === 'string') return blanked(value);
  if (typeof value === 'number') return 0;
  return Array.isArray(value) ? [] : isObject(value) ? {} : value;
}

function isJson(text: string): boolean {
  if (!/^\s*["[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

interface Token extends Range {
  kind: 'name' | 'string' | 'number';
  /** Whether it stands under a sensitive name, however deep. */
  isSensitive: boolean;
  /** To be told for a name, before the next token is asked for. */
  sensitive(is: boolean): void;
}

/** The strings and numbers of a valid JSON text. No recursion: it may be nested as deep as it likes. */
function* tokensOf(text: string): Generator<Token> {
  const containers: { isObject: boolean; isSensitive: boolean }[] = [];
  let valueIsSensitive = false;
  let expectsName = false;
  for (let i = 0; i < text.length; ) {
    const c = text[i] as string;
    const container = containers.at(-1);
    if (c === '"') {
      const end = endOfString(text, i);
      const kind = expectsName ? 'name' : 'string';
      const inherited = container?.isSensitive ?? false;
      yield {
        kind,
        start: i,
        end,
        isSensitive: valueIsSensitive,
        sensitive: (is) => {
          valueIsSensitive = inherited || is;
        },
      };
      expectsName = false;
      i = end;
      continue;
    }
    if (c === '-' || (c >= '0' && c <= '9')) {
      let end = i + 1;
      while (end < text.length && /[\d.eE+-]/.test(text[end] as string)) end++;
      yield { kind: 'number', start: i, end, isSensitive: valueIsSensitive, sensitive: () => {} };
      i = end;
      continue;
    }
    if (c === '{' || c === '[') {
      containers.push({ isObject: c === '{', isSensitive: valueIsSensitive });
      expectsName = c === '{';
    } else if (c === '}' || c === ']') {
      containers.pop();
      expectsName = false;
    } else if (c === ',') {
      expectsName = container?.isObject ?? false;
      valueIsSensitive = container?.isSensitive ?? false;
    }
    i++;
  }
}

function endOfString(text: string, start: number): number {
  for (let i = text.indexOf('"', start + 1); i >= 0; i = text.indexOf('"', i + 1)) {
    let slashes = 0;
    while (text[i - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return i + 1;
  }
  return text.length;
}

interface Edit extends Range {
  text: string;
}

/** Edits that overlap or touch become one. */
function merged(edits: Edit[]): Edit[] {
  const inOrder = edits.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const result: Edit[] = [];
  for (const edit of inOrder) {
    const last = result.at(-1);
    if (!last || edit.start > last.end) result.push({ ...edit });
    else if (edit.end > last.end || edit.text === REDACTED) {
      last.end = Math.max(last.end, edit.end);
      last.text = REDACTED;
    }
  }
  return result;
}

function edited(text: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return text;
  const pieces: string[] = [];
  let from = 0;
  for (const edit of edits) {
    pieces.push(text.slice(from, edit.start), edit.text);
    from = edit.end;
  }
  pieces.push(text.slice(from));
  return pieces.join('');
}
