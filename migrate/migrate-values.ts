/** Makes values for this agent's chart out of those of the port-agent chart. */
import { isMap, isNode } from 'yaml';
import { NEW_VALUES, OLD_VALUES } from './chart-values.js';
import { migrateEnvironment } from './environment.js';
import { collectFindings, type Finding } from './findings.js';
import * as rules from './rules.js';
import { keyOf, pairIn, readValuesFile, type ValuesFile, ValuesFileError } from './values-file.js';

/** First lines of what `helm get values` prints. */
const HEADINGS = ['USER-SUPPLIED VALUES', 'COMPUTED VALUES'];

const RULES: rules.Rule[] = [
  rules.dropUnknown,
  rules.replaceImage,
  migrateEnvironment,
  rules.renameKeys,
  rules.checkResources,
  rules.dropRoot,
  rules.checkSecret,
  rules.checkMapping,
  rules.checkCertificate,
  rules.checkVerification,
  rules.checkRequired,
];

/** By this a file is known that needs no migration. */
const MARK = 'made by `temporal-port-agent migrate-values`';

const TEMPORAL = ` Temporal: without an address, the chart installs Temporal's development server. To use another:
 temporal:
   address: temporal-frontend.temporal:7233`;

/**
 * The new values as YAML, comments and secrets included, and what there is to say about them.
 *
 * @param text the old values file; also what \`helm get values\` prints.
 * @param file its name, for messages.
 * @throws ValuesFileError when it can't be read as values of the port-agent chart.
 */
export function migrateValues(text: string, file: string): { values: string; findings: Finding[] } {
  const values = readValuesFile(text, file);
  const { root, document } = values;
  if (document.commentBefore?.includes(MARK))
    throw new ValuesFileError(`${file}: was ${MARK} already; give it to helm as it is`);
  root.items = root.items.filter((pair) => !HEADINGS.includes(keyOf(pair)));
  checkShape(values, file);
  keepFirstComment(values);
  const findings = collectFindings();
  for (const { key, line } of values.repeated)
    findings.note(key, line, 'left out: the key comes again further down, and the last one counts');
  for (const rule of RULES) rule(values, findings);
  document.commentBefore = [headOf(file, findings.all), document.commentBefore].filter(Boolean).join('\n\n');
  if (!pairIn(root, 'temporal')) document.comment = [document.comment, TEMPORAL].filter(Boolean).join('\n\n');
  return { values: document.toString({ lineWidth: 0 }), findings: findings.all };
}

/** The comment at the head of a file belongs to its first key, which may have to go. */
function keepFirstComment({ root, document }: ValuesFile): void {
  const holder = [root, root.items[0]?.key].filter(isNode).find(({ commentBefore }) => commentBefore);
  if (!holder) return;
  document.commentBefore = [document.commentBefore, holder.commentBefore].filter(Boolean).join('\n\n');
  holder.commentBefore = null;
}

function checkShape({ root, lineOf }: ValuesFile, file: string): void {
  const keys = root.items.map(keyOf);
  if (keys.some((key) => Object.hasOwn(OLD_VALUES, key) || NEW_VALUES.includes(key))) {
    const broken = root.items.find(
      (pair) => OLD_VALUES[keyOf(pair)] && pair.value && !isMapOrEmpty(pair.value),
    );
    if (!broken) return;
    throw new ValuesFileError(
      `${file}:${lineOf(broken.key)}: ${keyOf(broken)} must be a map; indent what is below it`,
    );
  }
  const remedy = keys.includes('kind')
    ? 'it is a Kubernetes object: take the values for Helm out of it'
    : 'values of a chart around it have to be taken out, without the key above them (such as port-agent)';
  throw new ValuesFileError(`${file}: holds no value of the port-agent chart; ${remedy}`);
}

function isMapOrEmpty(node: unknown): boolean {
  return isMap(node) || String((node as { value?: unknown }).value ?? '').match(/^(|~|null)$/) !== null;
}

function headOf(file: string, findings: Finding[]): string {
  const title = ` Values for the chart temporal-port-agent, ${MARK} of ${file}.`;
  if (findings.length === 0) return title;
  const lines = findings.map(({ key, text, refused }) => `   - ${refused ? 'TO DO: ' : ''}${key}: ${text}`);
  return [title, ' What was changed, and what to look at:', ...lines].join('\n');
}
