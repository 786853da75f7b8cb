/**
 * What is secret by its name or its looks, though nobody said so: `"password": …`, `Authorization: …`,
 * `token=…`, a Bearer token, a JWT. The names are those of the old agent (v0.8.10), and some more.
 */
import type { Range } from './matcher.js';

const NAMES = new Set(
  `authorization password passwd passphrase pwd secret token access_token accesstoken refresh_token id_token
  client_secret clientsecret client_id clientid api_key apikey x_api_key cookie set_cookie x_port_signature
  private_key access_key secret_key credential credentials`.split(/\s+/),
);
const SUFFIXES = [
  ...['_secret', '_token', '_password', '_api_key', '_authorization'],
  ...['_private_key', '_access_key', '_secret_key'],
];
const MAX_NAME_LENGTH = 100;

/** Whether a header, field or parameter of this name holds something secret: `DB_PASSWORD`, `x-gitlab-token`. */
export function isSensitiveName(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH) return false;
  const snake = name.trim().replaceAll('-', '_');
  // Most names are settled by the first of the two spellings; the other one is `dbPassword`.
  return [snake, snake.replace(/([a-z0-9])([A-Z])/g, '$1_$2')].some((spelling) => {
    const lower = spelling.toLowerCase();
    return NAMES.has(lower) || SUFFIXES.some((suffix) => lower.endsWith(suffix));
  });
}

/** Headers whose values have more than one word. */
const WORDY_HEADER = /^(?:.*[-_])?(?:authorization|cookie)$/i;

/** A stretch of a text to be blanked, or a number, which stays one. */
export interface Blank extends Range {
  isNumber?: true;
}

/** What looks like a secret in a text that is not JSON as a whole. Each character is read a few times at most. */
export function blanksIn(text: string): Blank[] {
  return [...named(text), ...bearers(text), ...jwts(text), ...privateKeys(text), ...userPasswords(text)];
}

/** Words after "Bearer" that tell of a token and are none. */
const NO_TOKEN =
  /^(?:tokens?|auth\w*|schemes?|credentials?|realm|errors?|is|was|not|or|and|in|for|required|missing|header)[=.:!?]*$/i;
const BEARER = /bearer(?:[ \t]{1,8}|%20|\+)([^\s,;"'<>\\&)\]}]+)/gi;
const BASIC = /basic(?:[ \t]{1,8}|%20|\+)([\w+/]+=*)/gi;

function bearers(text: string): Range[] {
  const bearer = [...text.matchAll(BEARER)].filter(([, token = '']) => !NO_TOKEN.test(token));
  const basic = [...text.matchAll(BASIC)].filter(([, credentials = '']) => isUserAndPassword(credentials));
  return [...bearer, ...basic].map(({ index, 0: all, 1: token = '' }) => {
    const end = index + all.length;
    return { start: end - token.length, end };
  });
}

function isUserAndPassword(base64: string): boolean {
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(base64, 'base64').toString('latin1'));
}

const isTokenCharacter = (c: string | undefined) => c !== undefined && /[\w-]/.test(c);

/** `eyJ….eyJ….…`, found by the second part's beginning: a search from the front could take forever. */
function jwts(text: string): Range[] {
  const found: Range[] = [];
  let done = 0;
  for (let dot = text.indexOf('.eyJ'); dot >= 0; dot = text.indexOf('.eyJ', Math.max(dot + 1, done))) {
    const end = parts(text, dot);
    let word = dot;
    while (word > done && isTokenCharacter(text[word - 1])) word--;
    done = end ?? dot + 1;
    const start = text.slice(word, dot).indexOf('eyJ');
    if (start >= 0 && end !== undefined) found.push({ start: word + start, end });
  }
  return found;
}

/** Where a token's payload and signature end; undefined when there is no signature. */
function parts(text: string, dot: number): number | undefined {
  let end = dot + 1;
  while (isTokenCharacter(text[end])) end++;
  if (text[end] !== '.') return undefined;
  end++;
  while (isTokenCharacter(text[end])) end++;
  return end;
}

const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?/g;

function privateKeys(text: string): Range[] {
  return [...text.matchAll(PRIVATE_KEY)].map(({ index, 0: all }) => ({
    start: index,
    end: index + all.length,
  }));
}

/** The password in `https://user:password@host`. */
const USER_PASSWORD = /:\/\/[^\s/?#@:"'<>]{0,200}:([^\s/?#@"'<>]{1,500})@/g;

function userPasswords(text: string): Range[] {
  return [...text.matchAll(USER_PASSWORD)].map(({ index, 0: all, 1: password = '' }) => {
    const end = index + all.length - 1;
    return { start: end - password.length, end };
  });
}

/** Values behind sensitive names: `"token": …` at any depth of escaping, `token=…`, `Cookie: …`, `token: …`. */
function named(text: string): Blank[] {
  const found: Blank[] = [];
  for (let i = nextSign(text, 0); i < text.length; ) {
    const name = nameBefore(text, i);
    const value = name && isSensitiveName(name.text) ? valueAfter(text, i, name) : undefined;
    for (const blank of value?.blanks ?? []) found.push(blank);
    i = nextSign(text, value?.end ?? i + 1);
  }
  return found;
}

function nextSign(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text[i];
    if (c === ':' || c === '=') return i;
  }
  return text.length;
}

interface Name {
  text: string;
  /** The quotation mark around it, and how many backslashes stand before that. */
  quote?: { mark: string; slashes: number };
  /** What stands before a name without quotation marks. */
  before: string | undefined;
}

const MAX_SPACES = 16;

function nameBefore(text: string, sign: number): Name | undefined {
  let end = sign;
  while (end > 0 && sign - end < MAX_SPACES && /\s/.test(text[end - 1] as string)) end--;
  const mark = text[end - 1];
  if (mark === '"' || mark === "'") {
    const slashes = slashesBefore(text, end - 1);
    const last = end - 1 - slashes;
    const window = text.slice(Math.max(0, last - MAX_NAME_LENGTH - 1), last);
    const open = window.lastIndexOf(mark);
    return open < 0 ? undefined : { text: window.slice(open + 1), quote: { mark, slashes }, before: mark };
  }
  let start = end;
  while (start > 0 && end - start < MAX_NAME_LENGTH && /[\w.-]/.test(text[start - 1] as string)) start--;
  const name = text.slice(start, end);
  return name === '' ? undefined : { text: name.slice(name.lastIndexOf('.') + 1), before: text[start - 1] };
}

const MAX_SLASHES = 127;

function slashesBefore(text: string, i: number): number {
  let count = 0;
  while (count < MAX_SLASHES && text[i - 1 - count] === '\\') count++;
  return count;
}

interface Value {
  blanks: Blank[];
  /** Where reading goes on: what was read once must not be read again for every name in it. */
  end: number;
}

function valueAfter(text: string, sign: number, name: Name): Value {
  let start = sign + 1;
  while (start - sign <= MAX_SPACES && /\s/.test(text[start] ?? '')) start++;
  // A line's end is the value's end, but for JSON.
  if (!name.quote && text.slice(sign + 1, start).includes('\n')) return { blanks: [], end: sign + 1 };
  if (name.quote && (text[start] === '{' || text[start] === '[')) return leaves(text, start);
  const string = stringAt(text, start);
  if (string) return string;
  if (name.quote) return literalAt(text, start);
  const end = text[sign] === '=' ? endOf(text, start, /[\s&;,"'<>)\]}\\]/) : endOfField(text, start, name);
  return end > start ? { blanks: [{ start, end }], end } : { blanks: [], end: sign + 1 };
}

/** A text in quotation marks, escaped or not. */
function stringAt(text: string, start: number): Value | undefined {
  let open = start;
  while (text[open] === '\\' && open - start < MAX_SLASHES) open++;
  const mark = text[open];
  if (mark !== '"' && mark !== "'") return undefined;
  const slashes = open - start;
  const close = closingMark(text, open + 1, mark, slashes);
  const content = { start: open + 1, end: Math.max(open + 1, close - slashes) };
  return { blanks: content.end > content.start ? [content] : [], end: close + 1 };
}

/**
 * In a text in which marks are escaped with n backslashes, a mark in a string has 2n+1 of them, and each backslash
 * of the string itself is written as 2(n+1). Ends with the text where a string is not closed.
 */
function closingMark(text: string, from: number, mark: string, slashes: number): number {
  for (let i = text.indexOf(mark, from); i >= 0; i = text.indexOf(mark, i + 1)) {
    let run = 0;
    while (i - 1 - run >= from && text[i - 1 - run] === '\\') run++;
    if (run % (2 * (slashes + 1)) === slashes) return i;
  }
  return text.length + slashes;
}

const NUMBER = /-?\d[\d.eE+-]*/y;
const WORD = /[^\s,\]}"'\\]*/y;

/** A value without quotation marks in JSON: numbers stay numbers; true, false and null tell nothing. */
function literalAt(text: string, start: number): Value {
  NUMBER.lastIndex = start;
  WORD.lastIndex = start;
  const number = NUMBER.exec(text)?.[0];
  const word = WORD.exec(text)?.[0] ?? '';
  const end = start + word.length;
  if (number === word && number !== undefined) return { blanks: [{ start, end, isNumber: true }], end };
  const isTelling = word !== '' && !/^(?:true|false|null|None|True|False)$/.test(word);
  return { blanks: isTelling ? [{ start, end }] : [], end };
}

/** Everything in an object or array but the names in it. One that breaks off is blanked as far as it goes. */
function leaves(text: string, from: number): Value {
  const blanks: Blank[] = [];
  let depth = 0;
  let i = from;
  while (i < text.length) {
    const c = text[i] as string;
    if (c === '{' || c === '[') depth++;
    if ((c === '}' || c === ']') && --depth === 0) break;
    const string = c === '\\' || c === '"' || c === "'" ? stringAt(text, i) : undefined;
    if (string) {
      i = string.end;
      let next = i;
      while (next - i < MAX_SPACES && /\s/.test(text[next] ?? '')) next++;
      if (text[next] !== ':') blanks.push(...string.blanks);
      continue;
    }
    const literal = /[\w.+-]/.test(c) ? literalAt(text, i) : undefined;
    blanks.push(...(literal?.blanks ?? []));
    i = literal?.end ?? i + 1;
  }
  return { blanks, end: i };
}

function endOf(text: string, start: number, stop: RegExp): number {
  let end = start;
  while (end < text.length && !stop.test(text[end] as string)) end++;
  return end;
}

const MAX_PROSE_WORD = 200;

/**
 * The end of `Name: value`. `Authorization` and cookies go on to the line's end, or to the mark that quotes the
 * whole header. Any other value is one word with nothing behind it: "password: must be longer" is prose.
 */
function endOfField(text: string, start: number, name: Name): number {
  if (WORDY_HEADER.test(name.text)) {
    const quoted = name.before === '"' || name.before === "'" ? name.before : undefined;
    let end = start;
    while (end < text.length && !/[\r\n]/.test(text[end] as string) && text[end] !== quoted) {
      if (text[end] === '\\' && /["'rn]/.test(text[end + 1] ?? '')) break;
      end++;
    }
    return end;
  }
  const end = endOf(text, start, /[\s,;"'\\}]/);
  // Nothing so long is prose; and what is not blanked is read again, so it may not be long.
  if (end - start > MAX_PROSE_WORD) return end;
  return end === text.length || /[\r\n,;"'\\}]/.test(text[end] as string) ? end : start;
}
