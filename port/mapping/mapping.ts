/**
 * The mappings of a control-the-payload file: what each field may hold, and how a file is read.
 *
 * Text is a jq filter wherever it stands; numbers, booleans and null stand for themselves.
 */
import { isObject, type Json, type JsonObject } from '../message.js';
import { hintsFor, wrongDecryptPath } from './hints.js';
import { filtersOf, type Scalar, type Template } from './template.js';

export const REPORT_FIELDS = ['status', 'link', 'summary', 'externalRunId'] as const;
export type ReportField = (typeof REPORT_FIELDS)[number];

export interface Mapping {
  /** Only `true`, or a filter that yields exactly `true`, takes a message. */
  enabled: boolean | string;
  url?: Scalar;
  method?: Scalar;
  headers?: string | Record<string, Scalar>;
  query?: string | Record<string, Scalar>;
  body?: Template;
  report?: Partial<Record<ReportField, Scalar>>;
  /** Dot paths from the message's root. */
  fieldsToDecryptPaths?: string[];
}

export interface MappingsRead {
  mappings: Mapping[];
  /** What the old agent would not have started with. With one of these there are no mappings. */
  problems: string[];
  /** What can't work, or probably isn't meant; the old agent would have carried on. */
  warnings: string[];
}

/** Says what keeps a filter from compiling; undefined when nothing does. */
export type Compile = (filter: string) => Promise<string | undefined>;

const FIELDS = ['enabled', 'url', 'method', 'headers', 'query', 'body', 'report', 'fieldsToDecryptPaths'];
/** What the old agent's pydantic takes for a boolean, in any case of letters; text like this is never seen as jq. */
const TRUE = ['true', '1', 'on', 't', 'y', 'yes'];
const FALSE = ['false', '0', 'off', 'f', 'n', 'no'];

/** Reads a file's text: everything that is wrong with it at once, each with file, index, field and a hint. */
export async function readMappings(text: string, fileName: string, compile: Compile): Promise<MappingsRead> {
  const parsed = parse(text);
  if ('problem' in parsed)
    return { mappings: [], problems: [`${fileName}: ${parsed.problem}`], warnings: [] };
  const items = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  const reader = new Reader(fileName);
  const mappings = items.map((item, index) => reader.mapping(item, index));
  await warnOfFilters(mappings, reader, compile);
  if (items.length === 0)
    reader.warnings.push(`${fileName}: holds no mapping, so that no run is carried out`);
  const { problems, warnings } = reader;
  return { mappings: problems.length > 0 ? [] : mappings, problems, warnings };
}

function parse(text: string): { value: Json } | { problem: string } {
  try {
    return { value: JSON.parse(text.replace(/^\ufeff/, '')) };
  } catch (error) {
    // V8 quotes the text around the mistake, and a file may hold secrets.
    const position = /position \d+( \(line \d+ column \d+\))?/.exec((error as Error).message)?.[0];
    return {
      problem: `is no JSON${position ? `: look at ${position}` : text.trim() === '' ? ': it is empty' : ''}`,
    };
  }
}

/** Fields of the right shape, and complaints about the others. */
class Reader {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  constructor(private readonly fileName: string) {}

  mapping(item: Json, index: number): Mapping {
    if (!isObject(item)) {
      this.problem(index, '', 'is no object; write {"enabled": …, "url": …}');
      return { enabled: false };
    }
    this.warnOfUnknown(index, '', item, FIELDS);
    return {
      enabled: this.enabled(item['enabled'], index),
      ...this.scalars(item, index, '', ['url', 'method']),
      ...this.filterOrObject(item, index, 'headers'),
      ...this.filterOrObject(item, index, 'query'),
      ...this.body(item['body'], index),
      ...this.report(item['report'], index),
      ...this.decryptPaths(item['fieldsToDecryptPaths'], index),
    };
  }

  private enabled(value: Json | undefined, index: number): boolean | string {
    if (value === undefined) return true;
    const word = String(value).toLowerCase();
    if (typeof value === 'object') this.problem(index, 'enabled', 'must be true, false or a jq filter');
    else if (TRUE.includes(word)) return true;
    else if (FALSE.includes(word)) return false;
    return word === 'null' ? false : String(value);
  }

  private scalars<K extends string>(from: JsonObject, index: number, parent: string, names: readonly K[]) {
    const found: Partial<Record<K, Scalar>> = {};
    for (const name of names) {
      const value = from[name];
      if (value === undefined || value === null) continue;
      if (typeof value === 'object') this.problem(index, parent + name, 'must be text: a jq filter');
      else found[name] = value;
    }
    return found;
  }

  private filterOrObject<K extends 'headers' | 'query'>(from: JsonObject, index: number, name: K) {
    const value = from[name];
    if (value === undefined || value === null) return {};
    if (typeof value === 'string') return { [name]: value };
    if (!isObject(value)) {
      this.problem(index, name, 'must be an object, or one jq filter that yields an object');
      return {};
    }
    const entries = Object.entries(value).flatMap(([key, inner]): [string, Scalar][] => {
      if (typeof inner !== 'object') return [[key, inner]];
      this.problem(index, `${name}.${key}`, 'must be text: a jq filter');
      return [];
    });
    return { [name]: Object.fromEntries(entries) };
  }

  private body(value: Json | undefined, index: number): Pick<Mapping, 'body'> {
    if (value === undefined || value === null) return {};
    if (!Array.isArray(value)) return { body: value };
    this.problem(index, 'body', 'must not be an array; write it as one jq filter: "[…]"');
    return {};
  }

  private report(value: Json | undefined, index: number): Pick<Mapping, 'report'> {
    if (value === undefined || value === null) return {};
    if (!isObject(value)) {
      this.problem(index, 'report', `must be an object with ${REPORT_FIELDS.join(', ')}`);
      return {};
    }
    this.warnOfUnknown(index, 'report.', value, REPORT_FIELDS);
    return { report: this.scalars(value, index, 'report.', REPORT_FIELDS) };
  }

  private decryptPaths(value: Json | undefined, index: number): Pick<Mapping, 'fieldsToDecryptPaths'> {
    if (value === undefined) return {};
    const field = 'fieldsToDecryptPaths';
    if (!Array.isArray(value) || value.some((path) => typeof path === 'object')) {
      this.problem(index, field, 'must be a list of paths such as "payload.properties.password"');
      return {};
    }
    const paths = value.map(String);
    for (const path of paths) {
      const wrong = wrongDecryptPath(path);
      if (wrong) this.warning(index, field, wrong);
    }
    return { fieldsToDecryptPaths: paths };
  }

  private warnOfUnknown(index: number, parent: string, from: JsonObject, known: readonly string[]): void {
    for (const name of Object.keys(from).filter((key) => !known.includes(key))) {
      const meant = known.find((k) => k.toLowerCase() === name.toLowerCase().replaceAll(/[_-]/g, ''));
      this.warning(
        index,
        parent + name,
        `is unknown and has no effect${meant ? `; it is written ${meant}` : ''}`,
      );
    }
  }

  problem(index: number, field: string, text: string): void {
    this.problems.push(this.line(index, field, text));
  }

  warning(index: number, field: string, text: string): void {
    this.warnings.push(this.line(index, field, text));
  }

  private line(index: number, field: string, text: string): string {
    return `${this.fileName}: mapping ${index}${field && `, ${field}`}: ${text}`;
  }
}

async function warnOfFilters(mappings: Mapping[], reader: Reader, compile: Compile): Promise<void> {
  for (const [index, mapping] of mappings.entries()) {
    for (const { path, filter } of filtersOf(mapping)) {
      const error = await compile(filter);
      if (error) reader.warning(index, path, `${error}, so that it yields null${literalHint(filter)}`);
      else for (const hint of hintsFor(filter, path.startsWith('report.'))) reader.warning(index, path, hint);
    }
  }
  const takesAll = mappings.findIndex(({ enabled }) => enabled === true);
  if (takesAll !== -1 && takesAll < mappings.length - 1) {
    reader.warning(takesAll, 'enabled', 'takes every message, so that the mappings after it are never used');
  }
}

/** Someone who writes `application/json` means the text. */
function literalHint(filter: string): string {
  return /^[\w][\w\s:/.+-]*$/.test(filter)
    ? `; a text needs quotes of its own: ${JSON.stringify(JSON.stringify(filter))}`
    : '';
}
