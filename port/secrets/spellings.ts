/**
 * A text as it reads once an escaping is undone, with the way back to where each character came from. Looking
 * for secrets there finds them however much of them was escaped: senders differ in that.
 */

export interface Reading {
  /** UTF-16 codes. */
  codes: Uint16Array;
  /** Where each of them, and the end, stands in the original text. */
  at: Uint32Array;
}

/** An escaping may have been applied more than once: `%2520`, JSON in JSON. */
const MAX_ROUNDS = 3;

/** The text itself, and what it reads as without percent-encoding, JSON's backslashes, HTML's entities. */
export function readingsOf(text: string): Reading[] {
  const codes = new Uint16Array(text.length);
  const at = new Uint32Array(text.length + 1);
  for (let i = 0; i < text.length; i++) codes[i] = text.charCodeAt(i);
  for (let i = 0; i <= text.length; i++) at[i] = i;
  const literal = { codes, at };
  return [literal, ...ESCAPES.filter(({ sign }) => codes.includes(sign)).flatMap((e) => rounds(literal, e))];
}

interface Escape {
  /** The code that every escape begins with. */
  sign: number;
  /** What is escaped at `i`: the codes it means, and how many it is written with; undefined if nothing is. */
  read(codes: Uint16Array, i: number): { means: number[]; length: number } | undefined;
}

function rounds(first: Reading, way: Escape): Reading[] {
  const readings: Reading[] = [];
  for (let reading = undo(first, way); reading; reading = undo(reading, way)) {
    readings.push(reading);
    if (readings.length === MAX_ROUNDS) break;
  }
  return readings;
}

/** Undefined when nothing is escaped in this way. What an escape means is never longer than itself. */
function undo({ codes, at }: Reading, way: Escape): Reading | undefined {
  const out = new Uint16Array(codes.length);
  const from = new Uint32Array(codes.length + 1);
  let length = 0;
  for (let i = 0; i < codes.length; ) {
    const escaped = codes[i] === way.sign ? way.read(codes, i) : undefined;
    from[length] = at[i] as number;
    if (!escaped) {
      out[length++] = codes[i++] as number;
      continue;
    }
    for (const code of escaped.means) {
      from[length] = at[i] as number;
      out[length++] = code;
    }
    i += escaped.length;
  }
  if (length === codes.length) return undefined;
  from[length] = at[codes.length] as number;
  return { codes: out.subarray(0, length), at: from.subarray(0, length + 1) };
}

const PERCENT = 0x25;

/** `%C3%A9`: UTF-8, byte by byte. */
function percent(codes: Uint16Array, i: number): ReturnType<Escape['read']> {
  const first = byteAt(codes, i);
  if (first === undefined) return undefined;
  const count = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const bytes = [first];
  for (let n = 1; n < count; n++) {
    const byte = byteAt(codes, i + 3 * n);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  const text = count === 1 ? String.fromCharCode(first) : Buffer.from(bytes).toString('utf8');
  return text.includes('\ufffd') ? undefined : { means: codesOf(text), length: 3 * count };
}

function byteAt(codes: Uint16Array, i: number): number | undefined {
  if (codes[i] !== PERCENT) return undefined;
  return hex(codes, i + 1, 2);
}

const LETTERS: Record<string, number> = { n: 10, r: 13, t: 9, b: 8, f: 12 };

/** `\n`, `\"`, `\/`, `\u00e9`. */
function backslash(codes: Uint16Array, i: number): ReturnType<Escape['read']> {
  const next = codes[i + 1];
  if (next === undefined) return undefined;
  const letter = String.fromCharCode(next);
  if (letter === 'u') {
    const code = hex(codes, i + 2, 4);
    return code === undefined ? undefined : { means: [code], length: 6 };
  }
  return { means: [LETTERS[letter] ?? next], length: 2 };
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const MAX_ENTITY_LENGTH = 10;

/** `&amp;`, `&#39;`, `&#x27;`. */
function entity(codes: Uint16Array, i: number): ReturnType<Escape['read']> {
  const end = codes.subarray(i, i + MAX_ENTITY_LENGTH).indexOf(0x3b);
  if (end < 2) return undefined;
  const name = String.fromCharCode(...codes.subarray(i + 1, i + end));
  const text = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : numbered(name);
  return text === undefined ? undefined : { means: codesOf(text), length: end + 1 };
}

function numbered(name: string): string | undefined {
  const digits = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(name);
  if (!digits) return undefined;
  const code = digits[1] ? Number.parseInt(digits[1], 16) : Number(digits[2]);
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

const HEX = '0123456789abcdef';

function hex(codes: Uint16Array, from: number, length: number): number | undefined {
  if (from + length > codes.length) return undefined;
  let value = 0;
  for (let i = from; i < from + length; i++) {
    const digit = HEX.indexOf(String.fromCharCode(codes[i] as number).toLowerCase());
    if (digit < 0) return undefined;
    value = value * 16 + digit;
  }
  return value;
}

function codesOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

const ESCAPES: Escape[] = [
  { sign: PERCENT, read: percent },
  { sign: 0x5c, read: backslash },
  { sign: 0x26, read: entity },
];
