/**
 * Payloads as they travel: protobuf's JSON (https://protobuf.dev/programming-guides/json/), bytes in base64.
 *
 * Each payload is converted for itself: one that can't be read must not hide the others of its history.
 */
import type { Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';
import { isEncrypted, UndecipherableError } from '../temporal/codec/encryption.js';
import { Refusal } from './refusal.js';

const MAX_PAYLOADS = 10_000;

const payloadShape = z.object({
  metadata: z.record(z.string(), z.string()).nullish(),
  data: z.string().nullish(),
});
const requestShape = z.object({ payloads: z.array(z.unknown()) });

export interface Converted {
  payloads: unknown[];
  /** Of these, so many were decrypted, or encrypted. */
  converted: number;
  /** So many are ours, and could not be read. */
  unreadable: number;
}

/** @throws Refusal when it is no list of payloads. The error of the JSON parser would quote them. */
export function parsePayloads(body: string): unknown[] {
  let parsed: ReturnType<typeof requestShape.safeParse> | undefined;
  try {
    parsed = requestShape.safeParse(JSON.parse(body));
  } catch {}
  if (!parsed?.success) throw new Refusal(400, 'the body is not {"payloads": [...]} in JSON');
  const { payloads } = parsed.data;
  if (payloads.length > MAX_PAYLOADS) throw new Refusal(413, `these are more than ${MAX_PAYLOADS} payloads`);
  return payloads;
}

/** Decrypts what is ours; all else stays as it came. What can't be read says so in its place. */
export async function decodeAll(codec: PayloadCodec, sent: unknown[], namespace: string): Promise<Converted> {
  const result: Converted = { payloads: [], converted: 0, unreadable: 0 };
  for (const one of sent) {
    const payload = payloadOf(one);
    if (!payload || !isEncrypted(payload)) {
      result.payloads.push(one);
      continue;
    }
    try {
      const [plain] = await codec.decode([payload], inNamespace(namespace));
      result.payloads.push(toJson(plain ?? payload));
      result.converted += 1;
    } catch (error) {
      if (!(error instanceof UndecipherableError)) throw error;
      result.payloads.push(toJson(placeholder(error.message)));
      result.unreadable += 1;
    }
  }
  return result;
}

/** @throws Refusal when something in the list is no payload. */
export async function encodeAll(codec: PayloadCodec, sent: unknown[], namespace: string): Promise<Converted> {
  const payloads = sent.map((one) => {
    const payload = payloadOf(one);
    if (!payload) throw new Refusal(400, 'the list holds something that is no payload');
    return payload;
  });
  const encoded = await codec.encode(payloads, inNamespace(namespace));
  return { payloads: encoded.map(toJson), converted: encoded.length, unreadable: 0 };
}

/** Neither the UI nor the command line says which workflow it is about. */
function inNamespace(namespace: string) {
  return { type: 'activity', namespace, isLocal: false } as const;
}

function payloadOf(one: unknown): Payload | undefined {
  const parsed = payloadShape.safeParse(one);
  if (!parsed.success) return undefined;
  const metadata = Object.entries(parsed.data.metadata ?? {});
  return {
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    data: Buffer.from(parsed.data.data ?? '', 'base64'),
  };
}

function toJson({ metadata, data }: Payload): object {
  const entries = Object.entries(metadata ?? {});
  return {
    metadata: Object.fromEntries(entries.map(([name, value]) => [name, base64(value)])),
    data: base64(data ?? Buffer.alloc(0)),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** In the place of what can't be read, text that the UI shows. */
function placeholder(why: string): Payload {
  return {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(`[encrypted, and not shown: ${why}]`)),
  };
}
