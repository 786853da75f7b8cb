/**
 * Evaluates many filters over one context: together, since a program costs a millisecond, and each for itself.
 */
import { describeCompileError, describeJqError } from './jq-errors.js';
import type { JqLimits, JqPool } from './jq-pool.js';
import { compileProgramOf, firstTrueProgramOf, programOf, readResult } from './jq-program.js';
import type { JqFailure, JqResult } from './jq-worker.js';
import type { Compile } from './mapping.js';
import type { FilterPlace } from './template.js';

export interface MappingProblem {
  /** Of the mapping, counted from 0. */
  index: number;
  /** Such as `url` or `body.data.id`. */
  field: string;
  /** `value`: the field is null, and the rest goes on. `fatal`: jq itself was ended, and what it would say is unknown. */
  kind: 'value' | 'fatal';
  /** `mapping 2, report.link: string and number cannot be added`, without values. */
  text: string;
}

export interface Place extends FilterPlace {
  index: number;
}
export interface Value {
  /** JSON. */
  text: string;
  problem?: MappingProblem;
}

export const NULL = 'null';
const TRUE = 'true';
const NOT_TRIED: Fault = {
  kind: 'fatal',
  text: 'was not evaluated, since too many other filters had to be ended',
};
const TOO_DEEP: Fault = { kind: 'value', text: 'yields a value that is nested too deep' };
/** So many filters are remembered to be good or bad. */
const MAX_REMEMBERED = 5000;

/** When so many filters of one evaluation had to be ended, the others are not tried: each takes a deadline. */
const MAX_ENDED = 4;

/** Why a filter was not used, or not to its end. */
interface Fault {
  kind: MappingProblem['kind'];
  text: string;
}

export interface FilterEvaluator {
  /**
   * The value of each filter, in order; with `untilTrue` up to the first that is true.
   *
   * All run in one program. Should that die, each runs alone, to find the one that kills.
   */
  evaluate(places: Place[], context: string, how: { untilTrue: boolean }): Promise<Value[]>;
  compile: Compile;
}

export function createFilterEvaluator(pool: JqPool, limits: JqLimits): FilterEvaluator {
  const check = createCheck(pool, limits);

  async function evaluateAlone(places: Place[], context: string, untilTrue: boolean): Promise<Value[]> {
    const values: Value[] = [];
    let ended = 0;
    for (const place of places) {
      const value = ended < MAX_ENDED ? await one(place, context) : nullWith(place, NOT_TRIED);
      values.push(value);
      if (value.problem?.kind === 'fatal') ended++;
      if (untilTrue && value.text === TRUE) break;
    }
    return values;
  }

  async function one(place: Place, context: string): Promise<Value> {
    const result = await pool.run(programOf([place.filter]), context);
    if ('failure' in result) return nullWith(place, faultOf(result.failure, limits));
    return valueIn(result.lines[0] ?? '[]', place);
  }

  async function findCulprit(places: Place[], context: string, result: JqResult, untilTrue: boolean) {
    const evident =
      'failure' in result && (places.length === 1 || ['input', 'closed'].includes(result.failure));
    if (!evident) return evaluateAlone(places, context, untilTrue);
    return places.map((place) => nullWith(place, faultOf(result.failure, limits)));
  }

  return {
    async evaluate(places, context, { untilTrue }) {
      const faults = await Promise.all(places.map(({ filter }) => check(filter)));
      const sound = places.filter((_, i) => !faults[i]);
      const filters = sound.map(({ filter }) => filter);
      let found: Value[] = [];
      if (sound.length > 0) {
        const program = untilTrue ? firstTrueProgramOf(filters) : programOf(filters);
        const result = await pool.run(program, context);
        found = isWhole(result, sound.length, untilTrue)
          ? result.lines.map((line, i) => valueIn(line, sound[i] as Place))
          : await findCulprit(sound, context, result, untilTrue);
      }
      const next = found.values();
      const values = places.map((place, i) => {
        const fault = faults[i];
        return fault ? nullWith(place, fault) : next.next().value;
      });
      // After the first that is true nothing more was evaluated.
      const last = untilTrue ? values.findIndex((value) => value?.text === TRUE) : -1;
      return (last === -1 ? values : values.slice(0, last + 1)).flatMap((value) => value ?? []);
    },
    compile: async (filter) => (await check(filter))?.text,
  };
}

/** Whether a filter compiles; remembered, unless it was ended and may pass the next time. */
function createCheck(pool: JqPool, limits: JqLimits) {
  const known = new Map<string, Promise<Fault | undefined>>();
  return (filter: string): Promise<Fault | undefined> => {
    const remembered = known.get(filter);
    if (remembered) return remembered;
    const checked = pool.run(compileProgramOf(filter)).then((result): Fault | undefined => {
      if (!('failure' in result)) return undefined;
      if (result.failure === 'compile') {
        return { kind: 'value', text: `is no usable jq filter: ${describeCompileError(result.text)}` };
      }
      known.delete(filter);
      return faultOf(result.failure, limits);
    });
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(filter, checked);
    return checked;
  };
}

/** A program that a filter left early, by an error that no `try` holds, has fewer lines. */
function isWhole(
  result: JqResult,
  count: number,
  untilTrue: boolean,
): result is Extract<JqResult, { lines: string[] }> {
  if ('failure' in result || result.lines.length > count) return false;
  return result.lines.length === count || (untilTrue && result.lines.at(-1) === `[${TRUE}]`);
}

function valueIn(line: string, place: Place): Value {
  const result = readResult(line);
  if ('none' in result) return nullWith(place, { kind: 'value', text: 'yields nothing' });
  if ('error' in result)
    return nullWith(place, { kind: 'value', text: describeJqError(result.error, place.filter) });
  return isJson(result.text) ? result : nullWith(place, TOO_DEEP);
}

/** jq leaves out what is nested deeper than 256 levels, and its text is no JSON then. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function nullWith({ index, path }: Place, { kind, text }: Fault): Value {
  return { text: NULL, problem: { index, field: path, kind, text: `mapping ${index}, ${path}: ${text}` } };
}

export function problemsOf(values: Value[]): MappingProblem[] {
  return values.flatMap(({ problem }) => problem ?? []);
}

function faultOf(failure: JqFailure, limits: JqLimits): Fault {
  const words: Record<JqFailure, string> = {
    deadline: `jq was ended after ${limits.deadlineMs} ms`,
    memory: `jq needs more than ${limits.maxMemoryMb} MB`,
    output: 'yields more than 16 MB',
    input: 'the message, or the answer, is nested deeper than jq reads',
    closed: 'the agent is shutting down',
    compile: 'jq could not compile it beside the other filters',
    crash: 'jq crashed, as it does on values that are nested very deep',
  };
  return { kind: 'fatal', text: words[failure] };
}
