/**
 * The inside of a jq thread: runs one program over one text, and survives whatever the program does.
 *
 * jq is synchronous WebAssembly. A program that loops is ended from outside, with the whole thread; one that
 * grows meets the memory cap here; after a crash the next program gets a new instance.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import { workerData } from 'node:worker_threads';

export interface JqTask {
  program: string;
  /** JSON text, in the program as `$__input[0]`; without it the program is only compiled. */
  data?: string;
  /** Tells the outside when the work began (nanoseconds), and by a negative number that it is over. */
  clock: SharedArrayBuffer;
}

export type JqFailure = 'deadline' | 'memory' | 'output' | 'crash' | 'compile' | 'input' | 'closed';

/** One JSON text for each output of the program, or why there are none; `text` is jq's own and may quote values. */
export type JqResult = { lines: string[] } | { failure: JqFailure; text: string };

/** The little we need of it: TypeScript knows WebAssembly only as a part of browsers. */
interface WasmInstance {
  exports: {
    memory: { buffer: ArrayBuffer };
    emscripten_stack_get_current(): number;
    _emscripten_stack_restore(top: number): void;
  };
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Imports) => WasmInstance;
};

interface JqInstance {
  raw(inputFile: string, filter: string[], flags: string[]): unknown;
  memory: WasmInstance['exports']['memory'];
  /** Where the stack ends, and `GUARD` stands in an instance that is sound. */
  guardStart: number;
}

interface Imports {
  [module: string]: Record<string, unknown>;
}

type Factory = (overrides: Record<string, unknown>) => Promise<Pick<JqInstance, 'raw'>>;

const { maxMemoryMb } = readLimits();
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_ERROR_BYTES = 4096;
/** WebAssembly memory never shrinks: an instance that once grew beyond this is not kept. */
const MAX_KEPT_BYTES = 48 * 1024 * 1024;
/** jq's own 64 KB overflow, into its data, as soon as it writes a value nested 50 levels. */
const STACK_BYTES = 8 * 1024 * 1024;
const GUARD = Buffer.alloc(64 * 1024, 0xa5);
const DONE = -1n;
/** How jq ends when the program does not compile, and when a file it was given is no JSON. */
const EXIT_COMPILE = 3;
const EXIT_INPUT = 2;

const output = { bytes: new Uint8Array(64 * 1024), length: 0, tooLong: false };
const errors = { bytes: new Uint8Array(MAX_ERROR_BYTES), length: 0 };
let refusedToGrow = false;
let parts: { createJq: Factory; wasm: object } | undefined;
let instance: JqInstance | undefined;
// Prepared before the first task comes. A failure is that of the task: a thread that fails at its start would
// be started by Piscina again and again.
let prepared: Promise<JqInstance | undefined> | undefined = createInstance().catch(() => undefined);

export default async function runTask(task: JqTask): Promise<JqResult> {
  if (!instance) {
    instance = (await prepared) ?? (await createInstance());
    prepared = undefined;
  }
  const clock = new BigInt64Array(task.clock);
  Atomics.store(clock, 0, process.hrtime.bigint());
  const result = run(instance, task);
  Atomics.store(clock, 0, DONE);
  const crashed = 'failure' in result && !['compile', 'input'].includes(result.failure);
  if (crashed || instance.memory.buffer.byteLength > MAX_KEPT_BYTES) instance = undefined;
  return result;
}

function run(jq: JqInstance, { program, data }: JqTask): JqResult {
  output.length = errors.length = 0;
  output.tooLong = refusedToGrow = false;
  const flags = data === undefined ? [] : ['-n', '-c', '--argjson', '__input', data];
  let thrown: unknown;
  try {
    // The program is what jq-web calls the input, a file: arguments it puts on the stack.
    jq.raw(program, ['-f'], flags);
  } catch (error) {
    thrown = error;
  }
  if (!guardOf(jq.memory, jq.guardStart).equals(GUARD)) return { failure: 'crash', text: '' };
  if (refusedToGrow && thrown) return { failure: 'memory', text: '' };
  if (output.tooLong) return { failure: 'output', text: '' };
  if (thrown) return { failure: failureOf(thrown), text: textOf(errors) };
  return { lines: textOf(output).split('\n').slice(0, -1) };
}

function failureOf(thrown: unknown): JqFailure {
  const exitCode = (thrown as { exitCode?: unknown }).exitCode;
  if (exitCode === EXIT_COMPILE) return 'compile';
  return exitCode === EXIT_INPUT ? 'input' : 'crash';
}

/** A fresh jq. Its memory can't grow beyond the cap: all growth passes one import, which we guard. */
async function createInstance(): Promise<JqInstance> {
  parts ??= readParts();
  const { createJq, wasm } = parts;
  let created: WasmInstance | undefined;
  let guardStart = 0;
  const module = await createJq({
    // jq-web's own set-up collects output in an array of numbers, without an end.
    preRun: () => undefined,
    stdin: () => null,
    stdout: collectOutput,
    stderr: collectError,
    instantiateWasm(imports: Imports, done: (instance: WasmInstance) => void) {
      created = new WebAssembly.Instance(wasm, guardGrowth(imports));
      guardStart = moveStack(created.exports);
      done(created);
    },
  });
  if (!created) throw new Error('jq-web did not ask for its WebAssembly instance');
  return { raw: module.raw, memory: created.exports.memory, guardStart };
}

/**
 * Gives jq a larger stack, below which a guard shows whether it was enough.
 *
 * In jq-web's memory come data, stack, heap. The heap is moved up before its first use, by the one word of
 * the data that says where it starts, and the stack takes the gap.
 */
function moveStack(exports: WasmInstance['exports']): number {
  const heapStart = exports.emscripten_stack_get_current();
  const words = new Uint32Array(exports.memory.buffer, 0, heapStart / 4);
  const places = [...words.keys()].filter((at) => words[at] === heapStart);
  const [place] = places;
  if (place === undefined || places.length > 1)
    throw new Error('this version of jq-web lays out its memory anew');
  words[place] = heapStart + STACK_BYTES;
  exports._emscripten_stack_restore(heapStart + STACK_BYTES);
  GUARD.copy(guardOf(exports.memory, heapStart));
  return heapStart;
}

function guardOf(memory: JqInstance['memory'], start: number): Buffer {
  return Buffer.from(memory.buffer, start, GUARD.length);
}

function guardGrowth(imports: Imports): Imports {
  const guarded = Object.entries(imports).map(([name, functions]) => {
    const grow = functions['emscripten_resize_heap'] as ((bytes: number) => unknown) | undefined;
    if (!grow) return [name, functions];
    const capped = (bytes: number) => {
      if (bytes >>> 0 <= maxMemoryMb * 1024 * 1024) return grow(bytes);
      refusedToGrow = true;
      return 0;
    };
    return [name, { ...functions, emscripten_resize_heap: capped }];
  });
  return Object.fromEntries(guarded);
}

function collectOutput(byte: number | null): void {
  if (!byte || output.tooLong) return;
  if (output.length === output.bytes.length) {
    if (output.length >= MAX_OUTPUT_BYTES) {
      output.tooLong = true;
      return;
    }
    const larger = new Uint8Array(output.bytes.length * 2);
    larger.set(output.bytes);
    output.bytes = larger;
  }
  output.bytes[output.length++] = byte;
}

function collectError(byte: number | null): void {
  if (byte && errors.length < MAX_ERROR_BYTES) errors.bytes[errors.length++] = byte;
}

function textOf({ bytes, length }: { bytes: Uint8Array; length: number }): string {
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function readParts(): { createJq: Factory; wasm: object } {
  const jqPath = createRequire(import.meta.url).resolve('jq-web');
  const wasm = new WebAssembly.Module(readFileSync(join(dirname(jqPath), 'jq.wasm')));
  return { createJq: readFactory(jqPath), wasm };
}

/**
 * jq-web exports one ready instance. Its file first exports the maker of instances, which is taken here, and
 * the rest of the file is not run.
 */
function readFactory(jqPath: string): Factory {
  const stop = new Error('jq-web is read this far');
  let factory: Factory | undefined;
  const module = {
    get exports(): unknown {
      return factory ?? {};
    },
    set exports(value: unknown) {
      if (factory) throw stop;
      factory = value as Factory;
    },
  };
  const silent = { warn() {}, log() {}, error() {} };
  const parameters = ['exports', 'module', 'require', '__filename', '__dirname', 'console'];
  const load = compileFunction(readFileSync(jqPath, 'utf8'), parameters, { filename: jqPath });
  try {
    load({}, module, createRequire(jqPath), jqPath, dirname(jqPath), silent);
  } catch (error) {
    if (error !== stop) throw error;
  }
  if (!factory) throw new Error('this version of jq-web does not export how it is made');
  return factory;
}

/** Piscina hands the pool's own data on as the second of a pair. */
function readLimits(): { maxMemoryMb: number } {
  const data: unknown = Array.isArray(workerData) ? workerData[1] : workerData;
  return data as { maxMemoryMb: number };
}
