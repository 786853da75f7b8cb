/**
 * What a mapping's report makes of an outcome.
 *
 * A field that the mapping yields takes the default's place. One that yields null leaves the default, unlike in
 * the old agent, where a failed call was left without a status and so without an end.
 */
import type { Json } from '../message.js';
import { HANDED_OVER, type Outcome } from '../outcome.js';
import type { ReportField } from './mapping.js';

export function applyReport(outcome: Outcome, report: Partial<Record<ReportField, Json>>): Outcome {
  const { status, link, summary, externalRunId } = report;
  const failed = outcome.status === 'FAILURE';
  const notes: string[] = [];
  const ended = isStatus(status) ? status : outcome.status;
  if (status !== undefined && status !== null && !isStatus(status)) {
    notes.push('The mapping\'s report.status is neither "SUCCESS" nor "FAILURE", and was not used.');
  }
  // A template such as `.response.json.id | tostring` says "null" where the answer has no id.
  const id = externalRunId === 'null' && failed ? undefined : textOf(externalRunId);
  const href = linkOf(link);
  const words = textOf(summary);
  return {
    ...outcome,
    ...(ended && { status: ended }),
    ...(href && { link: href }),
    ...(id && { externalRunId: id }),
    ...(words && { summary: words }),
    log: [...outcome.log.filter((line) => !(ended && line.startsWith(HANDED_OVER))), ...notes],
  };
}

function isStatus(value: Json | undefined): value is 'SUCCESS' | 'FAILURE' {
  return value === 'SUCCESS' || value === 'FAILURE';
}

/** Port takes one link or several. */
function linkOf(value: Json | undefined): string | string[] | undefined {
  if (!Array.isArray(value)) return textOf(value);
  const links = value.flatMap((link) => textOf(link) ?? []);
  return links.length > 0 ? links : undefined;
}

/** What Port takes is text; anything else a mapping yields is written out as JSON. */
function textOf(value: Json | undefined): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
