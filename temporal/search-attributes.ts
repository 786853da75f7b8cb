/** What a run can be found by in the Temporal UI. Search attributes are not encrypted. */
import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import type { Logger } from '../telemetry/logger.js';
import type { TemporalTarget } from './connection.js';

/** All are keywords; Temporal takes 255 characters of one. */
const MAX_LENGTH = 255;
const KEYWORD_ENUM = 2;
const TIMEOUT_MS = 10_000;
/** Somebody may register them meanwhile. */
const OFF_MS = 10 * 60_000;

export const SEARCH_ATTRIBUTES = [
  'PortAction',
  'PortBlueprint',
  'PortEntity',
  'PortUser',
  'PortOrigin',
  'PortTarget',
] as const;

export type SearchAttributeValues = Partial<Record<(typeof SEARCH_ATTRIBUTES)[number], string>>;

export interface SearchAttributes {
  /** The values as a workflow start wants them, cut to what Temporal takes; none while they are off. */
  pairs(values: SearchAttributeValues): SearchAttributePair[];
  /** To be told that Temporal refused a start for them. They are registered, or off for a while: either way the start may be repeated. */
  refused(): Promise<void>;
}

/**
 * Registers what is missing. Where that is not allowed (Temporal Cloud, ACLs) they may be registered all the same, so
 * only a refused start shows that they are not.
 */
export async function openSearchAttributes(
  target: Pick<TemporalTarget, 'connection' | 'namespace'>,
  logger: Logger,
  now: () => number = Date.now,
): Promise<SearchAttributes> {
  let offUntil = 0;
  let isRegistered = await register();
  let mending: Promise<void> | undefined;

  async function register(): Promise<boolean> {
    try {
      await registerMissing(target);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn(
        { reason },
        `search attributes could not be registered. Unless they are, runs start without them: register ${SEARCH_ATTRIBUTES.join(', ')} as Keyword`,
      );
      return false;
    }
  }

  async function mend(): Promise<void> {
    const wasRegistered = isRegistered;
    isRegistered = !wasRegistered && (await register());
    if (isRegistered) return;
    offUntil = now() + OFF_MS;
    if (wasRegistered) logger.warn('Temporal does not know the search attributes; runs start without them');
  }

  return {
    pairs: (values) => (now() < offUntil ? [] : pairsOf(values)),
    refused() {
      mending ??= mend().finally(() => {
        mending = undefined;
      });
      return mending;
    },
  };
}

function pairsOf(values: SearchAttributeValues): SearchAttributePair[] {
  return SEARCH_ATTRIBUTES.flatMap((name) => {
    const value = values[name];
    if (!value) return [];
    const key = defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
    return [{ key, value: value.slice(0, MAX_LENGTH) }];
  });
}

async function registerMissing({
  connection,
  namespace,
}: Pick<TemporalTarget, 'connection' | 'namespace'>): Promise<void> {
  await connection.withDeadline(Date.now() + TIMEOUT_MS, async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (customAttributes ?? {})));
    if (missing.length === 0) return;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD_ENUM])),
    });
  });
}
