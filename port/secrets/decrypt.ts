/**
 * Encrypted inputs in a message, made readable for the target: a mapping's `fieldsToDecryptPaths`.
 *
 * The rule beside the old agent: where it found nothing it did nothing, and so do we (a missing path, one with
 * a leading dot, a null); where it logged "Decryption failed" and sent the ciphertext on, here is a failure.
 * An empty text is nothing, too: an optional input that was left out.
 */
import { constants, createDecipheriv, type KeyObject, privateDecrypt } from 'node:crypto';
import { at, isObject, type Json, type JsonObject } from '../message.js';
import { partsOf, structureIn } from './parts.js';

export interface DecryptionKeys {
  /** Of the organization; its first 32 bytes are the key of `aes256-gcm` inputs. */
  clientSecret: string;
  /** The customer's RSA key, for inputs with `encryption.algorithm: "client-side"`. */
  privateKey?: KeyObject;
}

export interface Decrypted {
  /** A copy of the message, with plaintext where it could be had. */
  message: JsonObject;
  /** Every plaintext and what stands in it: none of these may be told to anyone but the target. */
  secrets: string[];
  /** `why` begins with a verb, so that it follows the path: `payload.x cannot be decrypted: …`. No value in it. */
  failures: { path: string; why: string }[];
}

const AES_KEY_LENGTH = 32;
const TAG_LENGTH = 16;
/** Port's `aes256-gcm` has an unusually long IV; WebCrypto, which encrypts in the browser, the usual one. */
const AES_IV_LENGTH = 16;
const CLIENT_SIDE_IV_LENGTH = 12;

/**
 * Decrypts the values at `paths`: dots between keys, array indices as numbers, from the message's root on.
 * All of them are tried, so that every failure is known at once. The message itself stays as it is.
 */
export function decryptFields(
  message: JsonObject,
  paths: readonly string[],
  keys: DecryptionKeys,
): Decrypted {
  const copy = structuredClone(message);
  const secrets = new Set<string>();
  const failures: Decrypted['failures'] = [];
  for (const path of new Set(paths)) {
    // Always found in the original: two spellings of one place are decrypted alike.
    const place = placeOf(message, path.split('.'));
    if (place === undefined) continue;
    if ('why' in place) {
      failures.push({ path, why: place.why });
      continue;
    }
    const result = decryptValue(place.value, keys);
    if ('why' in result) {
      failures.push({ path, why: result.why });
      continue;
    }
    for (const part of partsOf(result.plaintext)) secrets.add(part);
    put(copy, place.keys, restored(result.plaintext, declaredType(message, place.keys)));
  }
  return { message: copy, secrets: [...secrets], failures };
}

type Key = string | number;
type Place = { keys: Key[]; value: string } | { why: string };

/** Where a path leads, or why that is no place of a ciphertext; undefined when there is nothing to do. */
function placeOf(message: JsonObject, segments: string[]): Place | undefined {
  let current: Json = message;
  const keys: Key[] = [];
  for (const segment of segments) {
    const key = keyIn(current, segment);
    if (key === undefined) return isWildcard(segment, current) ? { why: WILDCARD } : undefined;
    keys.push(key);
    current = (current as Record<Key, Json>)[key] as Json;
  }
  if (current === null || current === '') return undefined;
  return typeof current === 'string' ? { keys, value: current } : { why: NOT_TEXT };
}

function keyIn(container: Json, segment: string): Key | undefined {
  if (isObject(container)) return Object.hasOwn(container, segment) ? segment : undefined;
  if (!Array.isArray(container) || !/^-?\d{1,10}$/.test(segment)) return undefined;
  // From the end as well, as the old agent's path library did.
  const index = Number(segment) + (segment.startsWith('-') ? container.length : 0);
  return index >= 0 && index < container.length ? index : undefined;
}

function isWildcard(segment: string, container: Json): boolean {
  if (segment !== '*' && segment !== '**') return false;
  return typeof container === 'object' && container !== null && Object.keys(container).length > 0;
}

function put(root: JsonObject, keys: Key[], value: Json): void {
  const parent = keys.slice(0, -1).reduce<Json>((c, key) => (c as Record<Key, Json>)[key] as Json, root);
  (parent as Record<Key, Json>)[keys.at(-1) as Key] = value;
}

const WILDCARD = 'has a wildcard, which decrypts nothing: write one path for each index';
const NOT_TEXT = 'is no text, so it is not encrypted: give the path of the encrypted value itself';
const TOO_SHORT = 'is too short to be encrypted: check that the path leads to an encrypted input';
const NOT_UTF8 = 'decrypts to something that is no text (UTF-8)';
const SHORT_SECRET =
  'cannot be decrypted: PORT_CLIENT_SECRET is shorter than 32 bytes, so it is no key for aes256-gcm; copy the secret from Port under Settings > Credentials > Organization';
const WRONG_SECRET =
  'cannot be decrypted: if the input is encrypted with aes256-gcm, PORT_CLIENT_SECRET is not the secret that it was encrypted with; if it is encrypted on the client side, set PORT_AGENT_PRIVATE_KEY to the private key';
const SHORT_SECRET_WRONG_KEY =
  'cannot be decrypted: PORT_AGENT_PRIVATE_KEY does not belong to the public key that it was encrypted with; for aes256-gcm, PORT_CLIENT_SECRET is shorter than 32 bytes';
const WRONG_KEYS =
  'cannot be decrypted: neither is PORT_CLIENT_SECRET the secret that it was encrypted with (aes256-gcm), nor does PORT_AGENT_PRIVATE_KEY belong to the public key that it was encrypted with (client side)';

/**
 * Nothing in the value says which of the two ways it is: the tag of the first one decides. The words for a
 * failure depend on the configuration alone, never on how far decryption came: no oracle.
 */
function decryptValue(value: string, keys: DecryptionKeys): { plaintext: string } | { why: string } {
  const data = Buffer.from(value, 'base64');
  if (data.length < AES_IV_LENGTH + TAG_LENGTH) return { why: TOO_SHORT };
  const secret = Buffer.from(keys.clientSecret, 'utf8');
  const plain =
    openWithSecret(data, secret) ?? (keys.privateKey && openWithPrivateKey(data, keys.privateKey));
  if (plain !== undefined) {
    const text = utf8(plain);
    return text === undefined ? { why: NOT_UTF8 } : { plaintext: text };
  }
  const isShort = secret.length < AES_KEY_LENGTH;
  if (keys.privateKey) return { why: isShort ? SHORT_SECRET_WRONG_KEY : WRONG_KEYS };
  return { why: isShort ? SHORT_SECRET : WRONG_SECRET };
}

/** IV 16 ‖ ciphertext ‖ tag 16. */
function openWithSecret(data: Buffer, secret: Buffer): Buffer | undefined {
  if (secret.length < AES_KEY_LENGTH) return undefined;
  return openGcm(
    secret.subarray(0, AES_KEY_LENGTH),
    data.subarray(0, AES_IV_LENGTH),
    data.subarray(AES_IV_LENGTH),
  );
}

/** IV 12 ‖ AES key, wrapped with RSA-OAEP-SHA256, as long as the modulus ‖ ciphertext ‖ tag 16. */
function openWithPrivateKey(data: Buffer, key: KeyObject): Buffer | undefined {
  const wrappedLength = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const sealedFrom = CLIENT_SIDE_IV_LENGTH + wrappedLength;
  if (data.length < sealedFrom + TAG_LENGTH) return undefined;
  try {
    const aesKey = privateDecrypt(
      { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      data.subarray(CLIENT_SIDE_IV_LENGTH, sealedFrom),
    );
    return openGcm(aesKey, data.subarray(0, CLIENT_SIDE_IV_LENGTH), data.subarray(sealedFrom));
  } catch {
    return undefined;
  }
}

/** `sealed` ends with the tag. Undefined for any reason, a tag that doesn't fit above all. */
function openGcm(key: Buffer, iv: Buffer, sealed: Buffer): Buffer | undefined {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_LENGTH });
    decipher.setAuthTag(sealed.subarray(-TAG_LENGTH));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_LENGTH)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The type which the action declares for the input that a path ends with; undefined when it is not known. */
function declaredType(message: JsonObject, keys: Key[]): Json | undefined {
  const name = keys.findLast((key) => typeof key === 'string');
  return typeof name === 'string'
    ? at(message, 'payload', 'action', 'userInputs', 'properties', name, 'type')
    : undefined;
}

/**
 * Objects and arrays that were declared as such come back as what the user entered. Without a declared type
 * the text stays text, as it always did: guessing would turn a password like `{}` or `[1]` into something else.
 * A text that is not of its declared type stays as well; the target gets what was entered.
 */
function restored(plaintext: string, type: Json | undefined): Json {
  if (type !== 'object' && type !== 'array') return plaintext;
  const parsed = structureIn(plaintext);
  return parsed !== undefined && Array.isArray(parsed) === (type === 'array') ? parsed : plaintext;
}
