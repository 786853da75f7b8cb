/** The variables as a person reads them: for `--help`, and as the README's table. */
import { defaultOf, notesOf, type VariableName, variables } from './variables.js';

const NAMES = Object.keys(variables.shape) as VariableName[];

/** One line a variable, grouped, for a terminal. */
export function variablesAsText(): string {
  return byGroup()
    .map(
      ([group, names]) =>
        `${group}\n${names.map((name) => `  ${name}\n      ${plain(describe(name))}`).join('\n')}`,
    )
    .join('\n\n');
}

/** The same as a Markdown table for each group. */
export function variablesAsMarkdown(): string {
  return byGroup()
    .map(([group, names]) => {
      const rows = names.map((name) => `| \`${name}\` | ${shownDefault(name)} | ${notesOf(name).about} |`);
      return [`**${group}**`, '', '| Variable | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
    })
    .join('\n\n');
}

function byGroup(): [string, VariableName[]][] {
  const groups = [...new Set(NAMES.map((name) => notesOf(name).group))];
  return groups.map((group) => [group, NAMES.filter((name) => notesOf(name).group === group)]);
}

function describe(name: VariableName): string {
  return `${notesOf(name).about} ${isRequired(name) ? 'Required.' : `Default: ${defaultOf(name) ?? 'none'}.`}`;
}

function shownDefault(name: VariableName): string {
  if (isRequired(name)) return '*required*';
  const value = defaultOf(name);
  return value === undefined ? '' : `\`${value}\``;
}

function isRequired(name: VariableName): boolean {
  return !variables.shape[name].safeParse(undefined).success;
}

function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}
