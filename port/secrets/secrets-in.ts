/**
 * What a call brings along that is secret by its name or looks, though nobody said so: a target may say it back
 * under another name, or in a sentence, where nothing gives it away any more.
 */
import type { Environment } from '../../config/config.js';
import type { OutboundRequest } from '../../http/redirect.js';
import { isObject, type Json, type JsonObject } from '../message.js';
import { partsOf, structureIn } from './parts.js';
import { blanksIn, isSensitiveName } from './sensitive.js';

/** What is shorter (`main`, `default`, `none`) stands in too many answers that have nothing to do with it. */
const MIN_LENGTH = 8;
/** A header or address is written for the target alone: there, less is left to chance. */
const MIN_LENGTH_IN_REQUEST = 4;
/** To look for a text takes time and memory for each of its characters, up to so many. */
const COUNTED_LENGTH = 1024;
/** Together, so much is looked for; whoever writes a message with more secrets has written all of them. */
const MAX_LENGTH = 32 * 1024;
const MAX_NESTING = 1000;
const MAX_JSON_IN_JSON = 8;

/** An id, and no secret without its counterpart; answers refer to it. */
const PUBLIC_ID = /^client[_-]?id$/i;
/** `Bearer …`, `Basic …`. */
const WITH_SCHEME = /^\s*[A-Za-z][\w-]* +(\S+)\s*$/;
/** Without these, no part of a text looks like a secret: most texts are settled by this. */
const MAY_HOLD_ONE = /[:=]|bearer|basic|\.eyJ|-----BEGIN/i;
/** An input's definition stands under the input's name as well. */
const SCHEMA_TYPES: Json[] = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

/** The secrets of a request's headers and address, and of the messages, bodies and variables that it was made from. */
export function secretsOfCall(
  request: Pick<OutboundRequest, 'url' | 'headers'>,
  ...from: (Json | Environment)[]
): string[] {
  const inRequest = new Collector(MIN_LENGTH_IN_REQUEST);
  inRequest.search(request.headers);
  if (URL.canParse(request.url)) {
    const { username, password, searchParams } = new URL(request.url);
    // Alone, a user's name is a token.
    inRequest.add(decoded(password || username));
    for (const [name, value] of searchParams) inRequest.search({ [name]: value });
  }
  const inOthers = new Collector(MIN_LENGTH);
  for (const value of from) inOthers.search(value as Json);
  return [...new Set([...inRequest.found, ...inOthers.found])];
}

class Collector {
  readonly found = new Set<string>();
  #left = MAX_LENGTH;

  constructor(private readonly minLength: number) {}

  /** Adds what stands under a sensitive name, however deep, and what looks like a secret anywhere else. */
  search(value: Json, isSecret = false, nesting = 0, jsonInJson = 0): void {
    if (this.#left <= 0 || nesting === MAX_NESTING) return;
    if (typeof value === 'string') {
      if (isSecret) this.add(value);
      else this.#searchText(value, jsonInJson);
    } else if (Array.isArray(value)) {
      for (const item of value) this.search(item, isSecret, nesting + 1, jsonInJson);
    } else if (isObject(value)) {
      const areSecret = isSecret && !isDefinition(value);
      for (const [name, inner] of Object.entries(value)) {
        const isNamed = isSensitiveName(name) && !PUBLIC_ID.test(name);
        this.search(inner, areSecret || isNamed, nesting + 1, jsonInJson);
      }
    }
  }

  #searchText(text: string, jsonInJson: number): void {
    if (text.length < this.minLength || !MAY_HOLD_ONE.test(text)) return;
    const structure = jsonInJson < MAX_JSON_IN_JSON ? structureIn(text) : undefined;
    if (structure !== undefined) this.search(structure, false, 0, jsonInJson + 1);
    else
      for (const { start, end, isNumber } of blanksIn(text)) if (!isNumber) this.add(text.slice(start, end));
  }

  /** Adds a secret and the pieces in which it may come back. */
  add(secret: string): void {
    const credentials = WITH_SCHEME.exec(secret)?.[1];
    const pieces = credentials === undefined ? [] : [credentials, passwordIn(credentials)];
    for (const part of [...partsOf(secret), ...pieces]) {
      if (part.length < this.minLength || this.#left <= 0 || this.found.has(part)) continue;
      this.found.add(part);
      this.#left -= Math.min(part.length, COUNTED_LENGTH);
    }
  }
}

function isDefinition({ type }: JsonObject): boolean {
  return type !== undefined && SCHEMA_TYPES.includes(type);
}

/** Of `user:password` in base64; an empty text where it is none. */
function passwordIn(base64: string): string {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return /^[\x20-\x7e\xa0-\xff]*$/.test(text) && text.includes(':') ? text.slice(text.indexOf(':') + 1) : '';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
