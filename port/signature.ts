/**
 * Port's signature: `v1,` and the base64 of HMAC-SHA256 over `<timestamp>.<payload>`, keyed with the client secret.
 *
 * Source: Port's documentation of webhook signatures, and what its agent verifies on Kafka.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isObject, type JsonObject } from './message.js';

const SIGNATURE = 'X-Port-Signature';
const TIMESTAMP = 'X-Port-Timestamp';

/** Signs `payload`, the exact text that is sent, at `timestamp` (seconds since 1970). */
export function sign(payload: string, clientSecret: string, timestamp: string | number): string {
  return `v1,${createHmac('sha256', clientSecret).update(`${timestamp}.${payload}`).digest('base64')}`;
}

/** The headers that let a receiver check that a body comes from this agent. */
export function signatureHeaders(
  payload: string,
  clientSecret: string,
  nowMs: number,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  return { [TIMESTAMP]: timestamp, [SIGNATURE]: sign(payload, clientSecret, timestamp) };
}

export interface Verified {
  genuine: boolean;
  /** When Port signed it, in ms; left out unless it is genuine. */
  signedMs?: number;
  /** The message as it was signed: without its signature. */
  message: JsonObject;
}

/**
 * Verifies a message and takes its signature off.
 *
 * Port signs what its `JSON.stringify` wrote: for GITLAB without `headers`, for the rest with `headers` left in
 * its place, less the two signature headers. Either form proves that the text is Port's, so both are tried.
 */
export function verify(message: JsonObject, clientSecret: string, type: 'GITLAB' | 'WEBHOOK'): Verified {
  const { headers, ...withoutHeaders } = message;
  if (!isObject(headers)) return { genuine: false, message };
  const { [SIGNATURE]: signature, [TIMESTAMP]: timestamp, ...otherHeaders } = headers;
  const withOtherHeaders = { ...message, headers: otherHeaders };
  const unsigned = type === 'GITLAB' ? withoutHeaders : withOtherHeaders;
  if (typeof signature !== 'string' || (typeof timestamp !== 'string' && typeof timestamp !== 'number')) {
    return { genuine: false, message: unsigned };
  }
  const genuine = [withoutHeaders, withOtherHeaders].some((form) =>
    isSame(signature, sign(JSON.stringify(form), clientSecret, timestamp)),
  );
  return genuine
    ? { genuine, signedMs: Number(timestamp) * 1000, message: unsigned }
    : { genuine, message: unsigned };
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
