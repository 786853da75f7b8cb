/**
 * Evaluates mappings with real jq, in threads that may die: a filter's error is that filter's alone.
 *
 * Nothing here rejects. What goes wrong comes back as problems, and the value is null, as in the old agent.
 */
import type { Environment } from '../../config/config.js';
import { at, isObject, type Json, type JsonObject, textAt } from '../message.js';
import {
  createFilterEvaluator,
  type FilterEvaluator,
  type MappingProblem,
  NULL,
  problemsOf,
} from './filters.js';
import { createJqPool, type JqLimits } from './jq-pool.js';
import { dataOf } from './jq-program.js';
import { type Mapping, REPORT_FIELDS, type ReportField } from './mapping.js';
import { fillTemplate, filtersIn, type Template } from './template.js';

export type { MappingProblem } from './filters.js';

/** A message, or its JSON text, which keeps the digits of large integers. */
export type JsonInput = JsonObject | string;

/** What a mapping asks for, as its filters say it; `usableRequest` says whether it can be sent. */
export interface MappedRequest {
  method: Json;
  url: Json;
  headers: Json;
  query: Json;
  body: Json;
  /** `body` as jq wrote it, every digit kept: what to send and to sign. */
  bodyText: string;
}

export interface ReportContext {
  /** The message. */
  body: JsonInput;
  request: JsonInput;
  response: {
    statusCode: number;
    json: Json;
    /** The JSON text of `json`, if at hand; used instead of it. */
    jsonText?: string;
    text: string;
    headers: Record<string, string>;
  };
}

export interface Evaluator {
  /** The first mapping that takes the message. With a `fatal` problem an undefined index is a guess. */
  firstMatch(
    mappings: readonly Mapping[],
    message: JsonInput,
    environment: Environment,
  ): Promise<{ index: number | undefined; problems: MappingProblem[] }>;
  request(
    mapping: Mapping,
    index: number,
    message: JsonInput,
    environment: Environment,
  ): Promise<{ request: MappedRequest; problems: MappingProblem[] }>;
  /** The mapped fields only; null stands for "the mapping says nothing", in the default's place. */
  report(
    mapping: Mapping,
    index: number,
    context: ReportContext,
    environment: Environment,
  ): Promise<{ report: Partial<Record<ReportField, Json>>; problems: MappingProblem[] }>;
  /** Why a filter can't be used; undefined when it can. */
  compile(filter: string): Promise<string | undefined>;
  close(): Promise<void>;
}

const REQUEST_FIELDS = ['method', 'url', 'headers', 'query', 'body'] as const;

/** Starts the threads at once; `close` ends them. They do not keep the process alive. */
export function createEvaluator(limits: JqLimits): Evaluator {
  const pool = createJqPool(limits);
  const filters = createFilterEvaluator(pool, limits);
  return {
    async firstMatch(mappings, message, environment) {
      const { candidates, certain } = candidatesOf(mappings);
      const places = candidates.map(({ enabled }, index) => ({
        index,
        path: 'enabled',
        filter: String(enabled),
      }));
      const context = contextOf(toText(message), environment);
      const values = await filters.evaluate(places, context, { untilTrue: true });
      const found = values.findIndex(({ text }) => text === 'true');
      return { index: found === -1 ? certain : found, problems: problemsOf(values) };
    },
    async request(mapping, index, message, environment) {
      const messageText = toText(message);
      const fill = await fillFields(
        filters,
        { index, mapping: pick(mapping, REQUEST_FIELDS) },
        contextOf(messageText, environment),
      );
      const texts = { ...defaultsOf(message, messageText), ...fill.texts };
      const parsed = Object.fromEntries(REQUEST_FIELDS.map((name) => [name, JSON.parse(texts[name])]));
      return {
        request: { ...(parsed as Omit<MappedRequest, 'bodyText'>), bodyText: texts.body },
        problems: fill.problems,
      };
    },
    async report(mapping, index, context, environment) {
      const fields = pick(mapping.report ?? {}, REPORT_FIELDS);
      const fill = await fillFields(
        filters,
        { index, mapping: fields, parent: 'report.' },
        contextOf(reportText(context), environment),
      );
      const report = Object.entries(fill.texts).map(([name, text]) => [name, JSON.parse(text)]);
      return { report: Object.fromEntries(report), problems: fill.problems };
    },
    compile: filters.compile,
    close: () => pool.close(),
  };
}

/** The mappings up to the first that takes anything, and that one's index. */
function candidatesOf(mappings: readonly Mapping[]): { candidates: Mapping[]; certain: number | undefined } {
  const certain = mappings.findIndex(({ enabled }) => enabled === true);
  return {
    candidates: mappings.slice(0, certain === -1 ? mappings.length : certain),
    certain: certain === -1 ? undefined : certain,
  };
}

function pick<K extends string>(
  from: { readonly [P in K]?: Template | undefined },
  names: readonly K[],
): Partial<Record<K, Template>> {
  const found: Partial<Record<K, Template>> = {};
  for (const name of names) {
    const value = from[name];
    if (value !== undefined && value !== null) found[name] = value;
  }
  return found;
}

/** Evaluates the filters of some fields together, and gives each field's value as JSON text. */
async function fillFields<K extends string>(
  filters: FilterEvaluator,
  of: { index: number; mapping: Partial<Record<K, Template>>; parent?: string },
  context: string,
): Promise<{ texts: Record<K, string>; problems: MappingProblem[] }> {
  const fields = Object.entries<Template>(of.mapping as Record<K, Template>);
  const places = fields.flatMap(([name, template]) =>
    filtersIn(template, `${of.parent ?? ''}${name}`).map((place) => ({ ...place, index: of.index })),
  );
  const values = await filters.evaluate(places, context, { untilTrue: false });
  const texts = values.map(({ text }) => text).values();
  const filled = fields.map(([name, template]) => [
    name,
    fillTemplate(template, () => texts.next().value ?? NULL),
  ]);
  return { texts: Object.fromEntries(filled), problems: problemsOf(values) };
}

/** What a field that isn't mapped is: the message, sent to where its action points. */
function defaultsOf(
  message: JsonInput,
  messageText: string,
): Record<(typeof REQUEST_FIELDS)[number], string> {
  const parsed: Json = typeof message === 'string' ? JSON.parse(message) : message;
  const method = at(parsed, 'payload', 'action', 'invocationMethod');
  const invocation = isObject(method) ? method : at(parsed, 'changelogDestination');
  return {
    method: JSON.stringify(textAt(invocation, 'method') ?? 'POST'),
    url: JSON.stringify(textAt(invocation, 'url') ?? ''),
    headers: '{}',
    query: '{}',
    body: messageText,
  };
}

function contextOf(contextText: string, environment: Environment): string {
  return dataOf(contextText, JSON.stringify(environment));
}

function reportText({ body, request, response }: ReportContext): string {
  const { jsonText, json, ...rest } = response;
  const members = Object.entries(rest).map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  const answer = `{${[...members, `"json":${jsonText ?? JSON.stringify(json) ?? NULL}`].join(',')}}`;
  return `{"body":${toText(body)},"request":${toText(request)},"response":${answer}}`;
}

function toText(input: JsonInput): string {
  return typeof input === 'string' ? input : JSON.stringify(input);
}
