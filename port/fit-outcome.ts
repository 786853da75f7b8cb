/**
 * An outcome that Temporal and Port take. A mapping's report makes texts of any length, and a result of over 2 MB
 * is refused by Temporal, which takes the attempt for failed: the call would be made again.
 *
 * Text is cut. A link or an id is left out instead, since half of one leads elsewhere. Limits are in characters, of
 * which JSON makes six bytes at worst; the response has its own. All of it together stays below Temporal's limit.
 */
import { excerpt } from './excerpt.js';
import type { Outcome } from './outcome.js';

const MAX_SUMMARY_LENGTH = 8 * 1024;
const MAX_LOG_LENGTH = 48 * 1024;
/** The longest that browsers and proxies agree on. */
const MAX_LINK_LENGTH = 2048;
const MAX_LINKS = 20;
const MAX_ID_LENGTH = 255;
const CUT = '… (cut)';

/** The outcome within its limits; what was cut or left out is said in its log. */
export function fitOutcome(outcome: Outcome): Outcome {
  const { summary, link, externalRunId, log, ...rest } = outcome;
  const links = [link ?? []].flat();
  const usable = links.filter((each) => each.length <= MAX_LINK_LENGTH).slice(0, MAX_LINKS);
  const [first] = usable;
  const notes: string[] = [];
  if (usable.length < links.length)
    notes.push(
      `Links of over ${MAX_LINK_LENGTH} characters, and more than ${MAX_LINKS} of them, were left out.`,
    );
  const isId = externalRunId !== undefined && externalRunId.length <= MAX_ID_LENGTH;
  if (externalRunId !== undefined && !isId)
    notes.push(`The external run id was longer than ${MAX_ID_LENGTH} characters, and was left out.`);
  return {
    ...rest,
    ...(summary !== undefined && { summary: excerpt(summary, MAX_SUMMARY_LENGTH, CUT) }),
    ...(first !== undefined && { link: Array.isArray(link) ? usable : first }),
    ...(isId && { externalRunId }),
    log: [...fitLog(log), ...notes],
  };
}

function fitLog(lines: string[]): string[] {
  let left = MAX_LOG_LENGTH;
  const fitting = lines.flatMap((line) => {
    if (left <= 0) return [];
    const kept = excerpt(line, left, CUT);
    left -= line.length;
    return [kept];
  });
  const missing = lines.length - fitting.length;
  return missing === 0 ? fitting : [...fitting, `${missing} more lines were left out.`];
}
