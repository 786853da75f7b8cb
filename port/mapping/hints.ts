/**
 * What compiles and can still never work: the mistakes of Port's own documentation, and their relatives.
 *
 * Looks at words, not at meaning, so that all of it is advice.
 */

interface Hint {
  pattern: RegExp;
  where: 'request' | 'report' | 'both';
  advice: string;
}

/** Where a path starts from the whole input: at a filter's start, after an operator, or after `as $x |`. */
const ROOT = /(?:^|[([{,;:=+<>/]|\bas \$\w+ ?\||\b(?:if|then|else|elif|and|or|not)) ?/.source;
const root = (path: string) => new RegExp(`${ROOT}\\.${path}\\b`);

const INVOCATION_FIELDS =
  'type|url|method|headers|body|agent|synchronized|groupName|projectName|defaultRef|pipelineVariables|omitPayload|omitUserInputs';

const HINTS: Hint[] = [
  {
    pattern: /\.payload\.invocationMethod\b/,
    where: 'both',
    advice: '.payload.invocationMethod does not exist; it is .payload.action.invocationMethod',
  },
  {
    pattern: new RegExp(`\\.payload\\.action\\.(?:${INVOCATION_FIELDS})\\b`),
    where: 'both',
    advice:
      'url, method and the like are not in .payload.action; they are in .payload.action.invocationMethod, as in .payload.action.invocationMethod.url',
  },
  {
    pattern: root('body'),
    where: 'request',
    advice:
      ".body is the message only inside report; here the message is . itself, and has a .body only if the action's author put one there. Leave the field out, or write .",
  },
  {
    pattern: root('(?:response|request)'),
    where: 'request',
    advice: '.response and .request exist only inside report',
  },
  {
    pattern: root('(?:payload|context|trigger|action|resourceType)'),
    where: 'report',
    advice: 'inside report the message is .body, as in .body.payload',
  },
  {
    pattern: /\.response\.(?:status|status_code|code)\b/,
    where: 'report',
    advice: 'the status code is .response.statusCode',
  },
  {
    pattern: /\.response\.(?:body|data)\b/,
    where: 'report',
    advice: "the answer's body is .response.json, or .response.text",
  },
];

/** Advice about a filter that compiles. */
export function hintsFor(filter: string, inReport: boolean): string[] {
  const code = withoutTexts(filter);
  return HINTS.filter(({ where }) => where === 'both' || (where === 'report') === inReport)
    .filter(({ pattern }) => pattern.test(code))
    .map(({ advice }) => advice);
}

/** The filter without what stands in quotes or comments, and with single spaces. */
function withoutTexts(filter: string): string {
  return filter
    .replace(/"(?:[^"\\]|\\[\s\S])*"/g, '""')
    .replace(/#.*/g, '')
    .replace(/\s+/g, ' ');
}

/** What keeps a path of `fieldsToDecryptPaths` from ever matching; undefined when nothing does. */
export function wrongDecryptPath(path: string): string | undefined {
  const shown = JSON.stringify(path);
  if (path.startsWith('.')) {
    return `${shown} matches nothing: paths have no dot at their start; write ${JSON.stringify(path.replace(/^\.+/, ''))}`;
  }
  if (/\[\d+\]/.test(path)) {
    const fixed = path.replace(/\.?\[(\d+)\]/g, '.$1');
    return `${shown} matches nothing: an index is a part of its own; write ${JSON.stringify(fixed)}`;
  }
  if (/[*[\]]/.test(path))
    return `${shown} matches nothing: there are no wildcards; name each element, as in users.0.password`;
  return path.split('.').includes('') ? `${shown} matches nothing: it has an empty part` : undefined;
}
