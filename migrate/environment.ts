/** `env.normal` and `env.secret`: names and values as the new chart takes them, and what the old agent had from them. */
import { isMap, isSeq, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { type VariableName, variables, WITHOUT_EFFECT } from '../config/variables.js';
import { expand } from './expansion.js';
import type { Findings } from './findings.js';
import { quoted, readScalar, textOf } from './scalar.js';
import { keyOf, mapIn, pairIn, remove, type ValuesFile } from './values-file.js';

type Part = 'normal' | 'secret';

const ILLEGAL = /[^-._a-zA-Z0-9]/;

export function migrateEnvironment(file: ValuesFile, findings: Findings): void {
  const { root, lineOf } = file;
  for (const part of ['normal', 'secret'] as const) {
    const map = mapIn(root, 'env', part);
    if (!map) continue;
    map.items = map.items.flatMap((pair) =>
      flattened(pair, keyOf(pair), part, file, findings),
    ) as typeof map.items;
    for (const pair of map.items) pair.value = asText(pair, part, lineOf(pair.key), findings);
  }
  dropUnusedSecret(file, findings);
  dropDuplicates(file, findings);
  dropWithoutEffect(file, findings);
  respellSource(file, findings);
  expandReferences(file, findings);
  for (const part of ['normal', 'secret'] as const) checkVariables(part, file, findings);
}

/** Whether the Secret exists, so that `env.secret` is not used. */
export function hasExistingSecret(root: YAMLMap): boolean {
  return textOf(pairIn(mapIn(root, 'secret'), 'useExistingSecret')?.value) === 'true';
}

/** Legal names: a map is what `--set env.secret.a.b=…` leaves, and `/` is `_` in a trigger token's name. */
function flattened(pair: Pair, name: string, part: Part, file: ValuesFile, findings: Findings): Pair[] {
  const { value } = pair;
  const line = file.lineOf(pair.key);
  if (isMap(value)) {
    return value.items.flatMap((inner) => {
      const joined = `${name}.${keyOf(inner)}`;
      if (!isMap(inner.value)) {
        findings.note(
          `env.${part}.${joined}`,
          file.lineOf(inner.key) ?? line,
          `was split at its dot, as --set does it, and is one name now; with --set write ${joined.replaceAll('.', '\\.')}`,
        );
      }
      return flattened(inner, joined, part, file, findings);
    });
  }
  const legal = name.replaceAll('/', '_');
  const key = `env.${part}.${legal}`;
  if (legal !== name) findings.note(key, line, `was called ${name}; a name can't hold a "/"`);
  if (ILLEGAL.test(legal)) {
    findings.refusal(key, line, 'is no name for a variable; use letters, digits, "-", "_" and "." only');
  }
  const read = readScalar(pair.key);
  const isMisread = (read?.kind === 'number' || read?.kind === 'switch') && read.text !== legal;
  if (isMisread) findings.note(key, line, `was read as ${read.text} by Helm; now a name, in quotes`);
  if (isMisread) return [new Pair(quoted(legal, pair.key), value)];
  return [legal === keyOf(pair) ? pair : new Pair(new Scalar(legal), value)];
}

/** The value as a text in quotes; a text stays as it is written. */
function asText(pair: Pair, part: Part, line: number | undefined, findings: Findings): unknown {
  const key = `env.${part}.${keyOf(pair)}`;
  if (isSeq(pair.value)) {
    findings.note(
      key,
      line,
      'was a list, of which the old agent got nothing useful; it is joined with commas now',
    );
    return quoted(pair.value.items.map(textOf).join(','), pair.value);
  }
  const reading = readScalar(pair.value);
  if (!reading || reading.kind === 'none' || reading.kind === 'text') return pair.value;
  if (part === 'secret') {
    findings.note(
      key,
      line,
      'is a number or switch without quotes, which the old chart refused; now in quotes as written',
    );
    return quoted(reading.written, pair.value);
  }
  if (reading.kind === 'number' && !reading.asWritten) {
    findings.note(
      key,
      line,
      'a number without quotes, which Helm rewrote for the old agent; now with all its digits, in quotes: compare them',
    );
  }
  return quoted(reading.text, pair.value);
}

function dropUnusedSecret({ root, lineOf }: ValuesFile, findings: Findings): void {
  const secret = mapIn(root, 'env', 'secret');
  const names = (secret?.items ?? []).filter((pair) => textOf(pair.value)).map(keyOf);
  if (names.length === 0 || !hasExistingSecret(root)) return;
  findings.note(
    'env.secret',
    lineOf(pairIn(mapIn(root, 'env'), 'secret')?.key),
    `left out: it is not used, then and now, since the Secret exists already. Make sure that it holds ${names.join(', ')}`,
  );
  remove(root, 'env', 'secret');
}

function dropDuplicates({ root, lineOf }: ValuesFile, findings: Findings): void {
  const normal = mapIn(root, 'env', 'normal');
  for (const pair of [...(mapIn(root, 'env', 'secret')?.items ?? [])]) {
    const name = keyOf(pair);
    const plain = pairIn(normal, name);
    if (!plain || readScalar(plain.value)?.kind === 'none') continue;
    findings.note(
      `env.secret.${name}`,
      lineOf(pair.key),
      'left out: env.normal has it too, and that one counted. If it is secret, move it from there to here',
    );
    remove(root, 'env', 'secret', name);
  }
}

function dropWithoutEffect({ root, lineOf }: ValuesFile, findings: Findings): void {
  const isLocal =
    variables.shape.USING_LOCAL_PORT_INSTANCE.safeParse(variableIn(root, 'USING_LOCAL_PORT_INSTANCE'))
      .data === true;
  const brokers = isLocal ? [] : ['KAFKA_CONSUMER_BOOTSTRAP_SERVERS'];
  for (const name of [...WITHOUT_EFFECT, ...brokers]) {
    for (const part of ['normal', 'secret'] as const) {
      const pair = pairIn(mapIn(root, 'env', part), name);
      if (!pair) continue;
      findings.note(
        `env.${part}.${name}`,
        lineOf(pair.key),
        "left out: it has no effect; brokers and credentials come from Port's API",
      );
      remove(root, 'env', part, name);
    }
  }
}

function respellSource({ root, lineOf }: ValuesFile, findings: Findings): void {
  const pair = pairIn(mapIn(root, 'env', 'normal'), 'STREAMER_NAME');
  const written = textOf(pair?.value);
  const meant = variables.shape.STREAMER_NAME.safeParse(written).data;
  if (!pair || !written || !meant || meant === written) return;
  findings.note('env.normal.STREAMER_NAME', lineOf(pair.key), `was ${written}, an old spelling of ${meant}`);
  pair.value = quoted(meant, pair.value);
}

/** The old chart listed the secret variables first, then the plain ones, each by name. */
function expandReferences({ root, lineOf }: ValuesFile, findings: Findings): void {
  const normal = mapIn(root, 'env', 'normal');
  const existing = hasExistingSecret(root);
  const secrets = new Set(existing ? [] : (mapIn(root, 'env', 'secret')?.items ?? []).map(keyOf));
  const settled = new Map<string, string | undefined>();
  const names = (normal?.items ?? []).map(keyOf).sort();
  const earlier = (name: string) => {
    if (settled.has(name))
      return { ...(settled.get(name) !== undefined && { value: settled.get(name) as string }) };
    return secrets.has(name) || (existing && !names.includes(name)) ? {} : undefined;
  };
  for (const name of names) {
    const pair = pairIn(normal, name) as Pair;
    const written = textOf(pair.value);
    const expanded = expand(written, earlier);
    settled.set(name, 'value' in expanded ? expanded.value : undefined);
    const key = `env.normal.${name}`;
    if ('template' in expanded) {
      findings.note(
        key,
        lineOf(pair.key),
        'moved to extraEnv, where $(NAME) still stands for another variable',
      );
      remove(root, 'env', 'normal', name);
      addExtraEnv(root, name, expanded.template);
    } else if (expanded.value !== written) {
      findings.note(
        key,
        lineOf(pair.key),
        'held $(NAME) or $$, which Kubernetes replaced; now as the agent got it, since all is taken literally',
      );
      pair.value = quoted(expanded.value, pair.value);
    }
  }
}

function addExtraEnv(root: YAMLMap, name: string, value: string): void {
  if (!isSeq(pairIn(root, 'extraEnv')?.value)) root.set(new Scalar('extraEnv'), new YAMLSeq());
  const list = pairIn(root, 'extraEnv')?.value;
  const entry = new YAMLMap();
  entry.items.push(new Pair(new Scalar('name'), quoted(name)), new Pair(new Scalar('value'), quoted(value)));
  if (isSeq(list)) list.items.push(entry);
}

function checkVariables(part: Part, { root, lineOf }: ValuesFile, findings: Findings): void {
  const asFiles = part === 'secret' && textOf(pairIn(mapIn(root, 'secret'), 'asFiles')?.value) === 'true';
  for (const pair of mapIn(root, 'env', part)?.items ?? []) {
    const name = keyOf(pair);
    const key = `env.${part}.${name}`;
    const line = lineOf(pair.key);
    if (/^[0-9]/.test(name) && !asFiles) {
      const move = part === 'normal' ? 'move it to env.secret and ' : '';
      findings.note(
        key,
        line,
        `starts with a digit, which needs Kubernetes 1.32 on every node; before that, ${move}set secret.asFiles=true`,
      );
    }
    const text = textOf(pair.value);
    if (!text.trim() || !Object.hasOwn(variables.shape, name)) continue;
    const issue = variables.shape[name as VariableName].safeParse(text).error?.issues[0];
    if (issue) findings.refusal(key, line, issue.message);
  }
}

/** What one of the two parts sets; `env.normal` counts. */
export function variableIn(root: YAMLMap, name: string): string | undefined {
  return (['normal', 'secret'] as const)
    .map((part) => textOf(pairIn(mapIn(root, 'env', part), name)?.value))
    .find(Boolean);
}
