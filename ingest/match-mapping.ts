/** Whether a mapping takes a record's message, and what it would call: what `decide` needs of the mapping file. */
import type { MappingBook } from '../port/mapping/mapping-book.js';
import { invocationMethodOf, type JsonObject, kindOfRun, parseMessage } from '../port/message.js';
import { describeCall } from '../port/plan.js';
import type { MappingMatch } from './decide.js';
import type { SourceRecord } from './record-source.js';

export type MatchMapping = (record: SourceRecord) => Promise<MappingMatch | undefined>;

export function createMatcher(book: MappingBook, gitlabUrl: string): MatchMapping {
  return async (record) => {
    const message = parseMessage(record.value);
    if (!message) return undefined;
    const kind = record.origin === 'change log' ? 'change' : kindOfRun(message);
    const invocation = invocationMethodOf(message, kind);
    // What is not for an agent is ignored by its flag; jq is spared.
    if (!invocation || (!invocation.forAgent && invocation.type !== 'GITLAB')) return undefined;
    const { index, problems } = await book.evaluator.firstMatch(book.mappings, message, book.environment);
    // A mapping that was cut short may be the one: the worker, which reports, finds out.
    if (index === undefined) return { isMatched: problems.some(({ kind: k }) => k === 'fatal') };
    const call = await mappedCall(book, index, message);
    return { isMatched: true, call: call ?? describeCall(invocation, gitlabUrl) };
  };
}

/** `PUT argo.example.com`, as the mapping has it; undefined when it yields no address. */
async function mappedCall(
  book: MappingBook,
  index: number,
  message: JsonObject,
): Promise<string | undefined> {
  const { url, method } = book.mappings[index] ?? {};
  if (url === undefined) return undefined;
  const target = { enabled: true, url, ...(method !== undefined && { method }) };
  const { request } = await book.evaluator.request(target, index, message, book.environment);
  if (typeof request.url !== 'string' || !URL.canParse(request.url)) return undefined;
  return `${String(request.method).toUpperCase()} ${new URL(request.url).host}`;
}
