/** Reads Markdown as the tests need it: named examples, and the code in prose. */

/** A fenced block after a comment such as `<!-- example: gitlab-action -->`. */
export interface Example {
  name: string;
  language: string;
  text: string;
}

const EXAMPLE = /^<!-- example: (\S+) -->\n```(\w+)\n([\s\S]*?)^```$/gm;
const FENCE = /^ *```(\w*)\n([\s\S]*?)^ *```$/gm;
const COMMENT = /<!--[\s\S]*?-->/g;

/** Every named example, in order. */
export function examplesIn(markdown: string): Example[] {
  return [...markdown.matchAll(EXAMPLE)].map(([, name = '', language = '', text = '']) => ({
    name,
    language,
    text,
  }));
}

/** The text of a named example. */
export function textOf(markdown: string, name: string): string {
  const found = examplesIn(markdown).find((each) => each.name === name);
  if (!found) throw new Error(`There is no example called ${name}`);
  return found.text;
}

/** How often a document announces an example: one that is not followed by a fence would be missed otherwise. */
export function announcedExamples(markdown: string): number {
  return markdown.match(/<!-- *example/g)?.length ?? 0;
}

/** What stands between backticks in the prose. */
export function codeSpans(markdown: string): string[] {
  const prose = markdown.replace(FENCE, '').replace(COMMENT, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The fenced blocks in one of the languages. */
export function fences(markdown: string, ...languages: string[]): string[] {
  return [...markdown.matchAll(FENCE)].flatMap(([, language = '', text = '']) =>
    languages.includes(language) ? [text] : [],
  );
}

/** The targets of links that lead to files of the repository, without their anchors. */
export function linkedFiles(markdown: string): string[] {
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^([a-z]+:|#)/.test(target)).map((target) => target.split('#')[0] ?? '');
}

/** The cells of each row of the table whose first column has this heading. */
export function tableRows(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  if (start < 0) throw new Error(`There is no table with the column ${heading}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines
    .slice(start + 2, end < 0 ? undefined : end)
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}
