/** A values file as a tree that keeps its comments and the spelling of its values. */
import {
  type Alias,
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';

/** The file can't be read as values at all: names the file, the line where there is one, and the remedy. */
export class ValuesFileError extends Error {
  override readonly name = 'ValuesFileError';
}

export interface ValuesFile {
  document: Document;
  root: YAMLMap;
  /** The line of a node in the file; undefined for what was not in it. */
  lineOf(node: unknown): number | undefined;
  /** Keys that came twice; as with Helm, the last one counts, and it alone is left. */
  repeated: { key: string; line: number | undefined }[];
}

/**
 * Reads a values file. Aliases and merged maps are written out, since the map that they name may have to go.
 *
 * Every value stays the text that it is written as: what Helm makes of it is said by `scalar.ts`.
 *
 * @throws ValuesFileError, in words that hold nothing of the file.
 */
export function readValuesFile(text: string, file: string): ValuesFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const at = (offset: number | undefined) => (offset === undefined ? '' : `:${lines.linePos(offset).line}`);
  const [error] = document.errors;
  if (error) throw new ValuesFileError(`${file}${at(error.pos[0])}: ${explain(error.code)}`);
  const root = document.contents;
  if (isScalar(root) || root === null) {
    throw new ValuesFileError(`${file}: holds no values; give the file that you pass to helm with --values`);
  }
  if (!isMap(root)) {
    throw new ValuesFileError(`${file}: must be a map of values; give the file that you pass to helm`);
  }
  writeOutAliases(document, (alias) => `${file}${at(alias.range?.[0])}`);
  const lineOf = (node: unknown) => {
    const start = (node as Node | null | undefined)?.range?.[0];
    return start === undefined ? undefined : lines.linePos(start).line;
  };
  const repeated: ValuesFile['repeated'] = [];
  visit(document, {
    Map: (_, map, path) => {
      const around = path.filter(isPair).map(keyOf);
      for (const pair of mergeAndUnify(map))
        repeated.push({ key: [...around, keyOf(pair)].join('.'), line: lineOf(pair.key) });
    },
  });
  return { document, root, lineOf, repeated };
}

/** YAML's errors in our words: the library's may quote the file, and with it a secret. */
function explain(code: ErrorCode): string {
  const known: Partial<Record<ErrorCode, string>> = {
    TAB_AS_INDENT: 'a tab indents this line; use blanks',
    BAD_INDENT: 'the indentation does not fit the lines above; align it',
    MISSING_CHAR: 'a quote, colon or bracket is missing here or before; add it',
    MULTIPLE_DOCS: 'a second document begins here; keep one in the file, without a line `---` in between',
    BAD_DQ_ESCAPE: 'a backslash between double quotes begins no escape; double it, or use single quotes',
    BAD_SCALAR_START: 'a value begins with a character that YAML reserves; put the value in quotes',
  };
  return known[code] ?? `is not valid YAML (${code}); compare what "helm lint --values" says`;
}

function writeOutAliases(document: Document, place: (alias: Alias) => string): void {
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias: (_, alias) => {
      const target = alias.resolve(document);
      if (!target) {
        const anchor = `\`&${alias.source}\``;
        throw new ValuesFileError(`${place(alias)}: there is no ${anchor} above for this alias; add it`);
      }
      targets.set(alias, target);
    },
  });
  let copies = 0;
  const open = new Set<Node>();
  const writtenOut = <T>(node: T): T => {
    if (!isAlias(node)) {
      if (isMap(node) || isSeq(node)) writeOutChildren(node);
      return node;
    }
    const target = targets.get(node) as Node;
    copies += 1;
    if (open.has(target) || copies > 1000) {
      throw new ValuesFileError(`${place(node)}: this alias leads into itself, or to too much; write it out`);
    }
    return writtenOut(target).clone() as T;
  };
  const writeOutChildren = (node: YAMLMap | { items: unknown[] }) => {
    open.add(node as Node);
    if (isMap(node)) for (const pair of node.items) pair.value = writtenOut(pair.value);
    else node.items = node.items.map(writtenOut);
    open.delete(node as Node);
  };
  writtenOut(document.contents);
  visit(document, {
    Node: (_, node) => {
      if (!isAlias(node)) delete node.anchor;
    },
  });
}

/** Merges `<<` into a map, and takes out all but the last of a key's pairs; returns these. */
function mergeAndUnify(map: YAMLMap): Pair[] {
  const own = map.items.filter((pair) => keyOf(pair) !== '<<');
  const last = new Map<string, Pair>(own.map((pair) => [keyOf(pair), pair]));
  const repeated = own.filter((pair) => last.get(keyOf(pair)) !== pair);
  for (const merge of map.items.filter((pair) => keyOf(pair) === '<<')) {
    const sources = isSeq(merge.value) ? merge.value.items : [merge.value];
    for (const source of sources.filter(isMap)) {
      mergeAndUnify(source);
      for (const pair of source.items as Pair[])
        if (!last.has(keyOf(pair))) last.set(keyOf(pair), pair.clone());
    }
  }
  map.items = [...last.values()] as typeof map.items;
  return repeated;
}

export function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String((pair.key as Scalar).value) : '';
}

export function pairIn(map: YAMLMap | undefined, key: string): Pair | undefined {
  return map?.items.find((pair) => keyOf(pair) === key);
}

/** The map at a path of keys; undefined when there is none. */
export function mapIn(map: YAMLMap | undefined, ...path: string[]): YAMLMap | undefined {
  let at = map;
  for (const key of path) {
    const value = pairIn(at, key)?.value;
    at = isMap(value) ? value : undefined;
  }
  return at;
}

/** Takes a key out, and the maps around it that are empty then. */
export function remove(root: YAMLMap, ...path: string[]): void {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const around = mapIn(root, ...path.slice(0, depth - 1));
    if (!around) continue;
    around.items = around.items.filter((pair) => keyOf(pair) !== path[depth - 1]);
    if (around.items.length > 0) return;
  }
}
