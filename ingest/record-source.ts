/**
 * Where messages come from, as narrow as the ingester can live with: no concept of a Kafka client is in here,
 * so the client can be replaced.
 */

export interface SourceRecord {
  /** Where it was found decides how it is read, and whether it carries a signature: changes and claims have none. */
  origin: 'runs' | 'change log' | 'claim';
  topic: string;
  partition: number;
  offset: bigint;
  timestampMs: number;
  value: Uint8Array | null;
}

/** Consecutive records of one partition. */
export interface RecordBatch {
  topic: string;
  partition: number;
  records: readonly SourceRecord[];
}

/** What a handler says of a batch, at the end and, through `onAccepted`, on the way. */
export interface BatchVerdict {
  /** Hold the partition for so long, then hand out again what was not accepted. */
  retryAfterMs?: number;
}

export interface BatchContext {
  /** Aborts when the records may soon be another's, or the source can wait no longer: start nothing new, and return soon. */
  signal: AbortSignal;
  /** Everything up to and including this offset is durable elsewhere, or was ignored. */
  onAccepted(offset: bigint): void;
  /** Told before `onAccepted` reaches it: nothing is started for this one, it may be another agent's. */
  onIgnored?(offset: bigint): void;
}

/** Must not reject. */
export type BatchHandler = (batch: RecordBatch, context: BatchContext) => Promise<BatchVerdict>;

export interface RecordSource {
  /** Hands out batches until `stop`; resolves once everything has been committed and left. */
  run(handle: BatchHandler): Promise<void>;
  stop(): Promise<void>;
}
