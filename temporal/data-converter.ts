/** How everything that the agent gives to Temporal is written there: by worker, ingester and commands alike. */
import { fileURLToPath } from 'node:url';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import type { CodecKeys } from '../config/codec-keys.js';
import type { HealthPart } from '../telemetry/health.js';
import { createEncryption } from './codec/encryption.js';

/** The module with the `failureConverter` that goes with encryption; its bundle of workflows is made with it. */
export const FAILURE_CONVERTER_PATH = fileURLToPath(
  new URL(
    // Not compiled, this file stands beside a source that the SDK can't load.
    `${import.meta.url.endsWith('.ts') ? '../dist/temporal' : '.'}/codec/failure-converter.cjs`,
    import.meta.url,
  ),
);

/** A task that can't be read comes again after ten seconds, and then less and less often. */
const UNREADABLE_FOR_MS = 120_000;
const UNREADABLE =
  "what Temporal keeps of a run can't be decrypted, and the run waits; the log says why. Check that CODEC_KEYS has every key that is in use";

/**
 * Plain JSON without keys; with them, all of it encrypted, what failures say included. `health` is down for two
 * minutes after a payload that can't be decrypted.
 */
export function dataConverterOf(
  { codecKeys }: { codecKeys?: CodecKeys },
  health?: HealthPart,
): DataConverter {
  const codec = createEncryption(codecKeys);
  const decode: PayloadCodec['decode'] = async (payloads, owner) => {
    try {
      return await codec.decode(payloads, owner);
    } catch (error) {
      health?.down(UNREADABLE, UNREADABLE_FOR_MS);
      throw error;
    }
  };
  const payloadCodecs = [{ ...codec, decode }];
  return codecKeys ? { payloadCodecs, failureConverterPath: FAILURE_CONVERTER_PATH } : { payloadCodecs };
}
