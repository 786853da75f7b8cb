/**
 * Encrypts what Temporal keeps of a run: AES-256-GCM, a fresh IV for each payload, the key's id beside it.
 *
 * A payload is bound to the workflow it was written for: namespace and workflow id are authenticated, and a worker
 * refuses one that belongs to another run. They stand beside the ciphertext as well, so that a codec server, which is
 * not told the workflow, can read what people look at.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { CodecKey, CodecKeys } from '../../config/codec-keys.js';

/** As in Temporal's own samples: what the UI shows of a payload that it can't read. */
const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Whom a payload is written for, as far as the SDK says. */
export interface Owner {
  namespace?: string | undefined;
  workflowId?: string | undefined;
}

/** A payload can't be decrypted; the message says why, and holds nothing of it. */
export class UndecipherableError extends Error {
  override readonly name = 'UndecipherableError';
}

/**
 * The codec that every process of the agent shares. Without keys it encrypts nothing, and says so of what somebody else
 * has encrypted.
 */
export function createEncryption(keys: CodecKeys | undefined): PayloadCodec {
  const byId = new Map((keys ?? []).map((key) => [key.id, key]));
  const [current] = keys ?? [];
  return {
    encode: async (payloads, owner) =>
      current ? payloads.map((payload) => encrypt(payload, current, owner ?? {})) : payloads,
    decode: async (payloads, owner) => payloads.map((payload) => decrypt(payload, byId, owner ?? {})),
  };
}

/** Whether a payload is one of ours; others were written before encryption was on, and are read as they are. */
export function isEncrypted({ metadata }: Payload): boolean {
  return textOf(metadata?.['encoding']) === ENCODING;
}

/** Whom an encrypted payload was written for. */
export function ownerOf({ metadata }: Payload): Owner {
  return { namespace: textOf(metadata?.['namespace']), workflowId: textOf(metadata?.['workflow-id']) };
}

function encrypt(payload: Payload, { id, secret }: CodecKey, { namespace, workflowId }: Owner): Payload {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, secret, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(id, { namespace, workflowId }));
  const data = Buffer.concat([iv, cipher.update(packed(payload)), cipher.final(), cipher.getAuthTag()]);
  return {
    metadata: {
      encoding: Buffer.from(ENCODING),
      'encryption-cipher': Buffer.from(CIPHER),
      'encryption-key-id': Buffer.from(id),
      ...(namespace !== undefined && { namespace: Buffer.from(namespace) }),
      ...(workflowId !== undefined && { 'workflow-id': Buffer.from(workflowId) }),
    },
    data,
  };
}

function decrypt(payload: Payload, keys: Map<string, CodecKey>, reader: Owner): Payload {
  if (!isEncrypted(payload)) return payload;
  const id = textOf(payload.metadata?.['encryption-key-id']) ?? '';
  const key = keys.get(id);
  if (!key) throw new UndecipherableError(`key "${id}" not loaded: add it to CODEC_KEYS`);
  const owner = ownerOf(payload);
  if (isAnother(owner.namespace, reader.namespace) || isAnother(owner.workflowId, reader.workflowId)) {
    const run = owner.workflowId ?? 'no run';
    throw new UndecipherableError(`this payload belongs to ${run} in ${owner.namespace ?? 'no namespace'}`);
  }
  const data = Buffer.from(payload.data ?? []);
  const end = data.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv(CIPHER, key.secret, data.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(boundTo(id, owner));
    decipher.setAuthTag(data.subarray(end));
    return unpacked(Buffer.concat([decipher.update(data.subarray(IV_BYTES, end)), decipher.final()]));
  } catch {
    throw new UndecipherableError(
      `key "${id}" does not open this payload: it is another key under that id, or the payload was changed`,
    );
  }
}

/** Where either side knows nothing, there is nothing to compare; the ciphertext is bound all the same. */
function isAnother(owner: string | undefined, reader: string | undefined): boolean {
  return owner !== undefined && reader !== undefined && owner !== reader;
}

function boundTo(keyId: string, { namespace, workflowId }: Owner): Buffer {
  return Buffer.from(JSON.stringify([CIPHER, keyId, namespace ?? null, workflowId ?? null]));
}

/** Metadata and data in one: the metadata's length in 4 bytes, the metadata as JSON, the data. */
function packed({ metadata, data }: Payload): Buffer {
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value).toString('base64'),
  ]);
  const head = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, data ?? Buffer.alloc(0)]);
}

function unpacked(plain: Buffer): Payload {
  const end = 4 + plain.readUInt32BE(0);
  const head = JSON.parse(plain.toString('utf8', 4, end)) as Record<string, string>;
  const metadata = Object.entries(head).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return { metadata: Object.fromEntries(metadata), data: plain.subarray(end) };
}

function textOf(bytes: Uint8Array | null | undefined): string | undefined {
  return bytes ? Buffer.from(bytes).toString('utf8') : undefined;
}
