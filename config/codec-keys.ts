/**
 * The keys that encrypt what Temporal keeps: `id:key,id:key`, or the path of a file with one on each line.
 *
 * The first one encrypts, all of them decrypt. So a new key is added at the end everywhere first, then moved to the
 * front, and the old one is taken away when no history holds it any more.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { keyFileAt } from './key-file.js';

export interface CodecKey {
  /** Stands beside what it encrypted. */
  id: string;
  /** 256 bits; as an object, so that no log or error shows it. */
  secret: KeyObject;
}

/** The first one encrypts. */
export type CodecKeys = [current: CodecKey, ...others: CodecKey[]];

const KEY_BYTES = 32;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const REMEDY = 'write each key as id:key, and make one with: openssl rand -base64 32';

/** Reads `CODEC_KEYS`. Problems begin with a verb, so that they follow the variable's name; they show ids, never keys. */
export function readCodecKeys(value: string): { keys: CodecKeys } | { problems: string[] } {
  const file = keyFileAt(value.trim());
  if (file && 'problem' in file) return { problems: [file.problem] };
  const entries = (file ? file.bytes.toString('utf8') : value)
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !entry.startsWith('#'));
  const read = entries.map((entry, at) => readEntry(entry, at + 1));
  const problems = read.flatMap((entry) => ('problem' in entry ? entry.problem : []));
  const [current, ...others] = read.flatMap((entry) => ('problem' in entry ? [] : entry));
  if (!current && problems.length === 0) return { problems: [`holds no key; ${REMEDY}`] };
  if (!current || problems.length > 0) return { problems };
  const keys: CodecKeys = [current, ...others];
  const twice = repeated(keys.map(({ id }) => id));
  return twice === undefined
    ? { keys }
    : { problems: [`has two keys with the id "${twice}"; give each its own`] };
}

function readEntry(entry: string, number: number): CodecKey | { problem: string } {
  const colon = entry.indexOf(':');
  const id = entry.slice(0, Math.max(colon, 0)).trim();
  // An entry without an id is a key alone, or a path that is not there: neither is shown.
  if (colon < 0)
    return { problem: `has no id before key ${number}, nor is it the path of a file; ${REMEDY}` };
  if (!ID.test(id)) {
    return {
      problem: `has an id before key ${number} that is not made of letters, digits and ._-; ${REMEDY}`,
    };
  }
  const text = entry.slice(colon + 1).trim();
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length !== KEY_BYTES) {
    const place = mayBeKey(id) ? `in key ${number}` : `under "${id}"`;
    return { problem: `has ${place} no 32 bytes in base64; make a key with: openssl rand -base64 32` };
  }
  return { id, secret: createSecretKey(bytes) };
}

/** Somebody may have put the key where the id belongs. */
function mayBeKey(id: string): boolean {
  return id.length >= KEY_BYTES;
}

function repeated(ids: string[]): string | undefined {
  return ids.find((id, at) => ids.indexOf(id) !== at);
}

/** For the log at start: who can read what Temporal keeps. */
export function describeEncryption(keys: CodecKeys | undefined): string {
  if (!keys) {
    return (
      "Temporal's history: not encrypted. Whoever has access to the namespace, its UI or its database reads each run's " +
      'message, inputs included, and its outcome; set CODEC_KEYS to encrypt them'
    );
  }
  const [{ id }, ...others] = keys;
  const also = others.length > 0 ? `, also read with ${others.map((key) => `"${key.id}"`).join(', ')}` : '';
  return `Temporal's history: encrypted with key "${id}"${also}. Ids, workflow types, search attributes and times stay readable`;
}
