/** Records as a source hands them out, and the settings by which they are judged. */
import type { DecisionContext } from '../../ingest/decide.js';
import type { SourceRecord } from '../../ingest/record-source.js';
import type { JsonObject } from '../../port/message.js';
import { CLIENT_SECRET } from '../port/messages.js';

export const POLICY = { callTimeoutMs: 1, workerLostAfterMs: 2, retryWindowMs: 3, maxWaitMs: 4 };

export const SETTINGS: Omit<DecisionContext, 'signatures'> = {
  clientSecret: CLIENT_SECRET,
  gitlabUrl: 'https://git.example.com',
  gitlabWithoutAgent: 'ignore',
  unmatchedRuns: 'ignore',
  policy: POLICY,
};

/** A record of a message, of text, or of bytes. */
export function recordOf(value: JsonObject | string | Uint8Array | null, offset = 5): SourceRecord {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return {
    origin: 'runs',
    topic: 'org_1.runs',
    partition: 3,
    offset: BigInt(offset),
    timestampMs: 1_700_000_000_000,
    value: value === null || value instanceof Uint8Array ? value : new TextEncoder().encode(text),
  };
}
