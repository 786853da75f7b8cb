/** What a run can be found by in the Temporal UI. Never inputs: search attributes are not encrypted. */
import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';

/** All are keywords; Temporal takes 255 characters of one. */
const MAX_LENGTH = 255;
const KEYWORD_ENUM = 2;

export const SEARCH_ATTRIBUTES = [
  'PortAction',
  'PortBlueprint',
  'PortEntity',
  'PortUser',
  'PortOrigin',
  'PortTarget',
] as const;

export type SearchAttributeValues = Partial<Record<(typeof SEARCH_ATTRIBUTES)[number], string>>;

/** The values as a workflow start wants them, cut to what Temporal takes. */
export function searchAttributePairs(values: SearchAttributeValues): SearchAttributePair[] {
  return SEARCH_ATTRIBUTES.flatMap((name) => {
    const value = values[name];
    if (!value) return [];
    return [
      { key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value: value.slice(0, MAX_LENGTH) },
    ];
  });
}

/** Registers what is missing. @throws what Temporal answers where that is not allowed (Temporal Cloud, ACLs). */
export async function registerSearchAttributes(
  connection: NativeConnection,
  namespace: string,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD_ENUM])),
  });
}
