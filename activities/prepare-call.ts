/**
 * From a run's message to the request that carries it out, by the mapping that takes it, or by the built-in
 * behaviour where there is no mapping file; and from the target's answer to the outcome.
 */
import type { KeyObject } from 'node:crypto';
import type { OutboundResponse } from '../http/read-response.js';
import type { OutboundRequest } from '../http/redirect.js';
import { applyReport } from '../port/mapping/apply-report.js';
import type { MappingProblem } from '../port/mapping/evaluator.js';
import type { Mapping } from '../port/mapping/mapping.js';
import type { MappingBook } from '../port/mapping/mapping-book.js';
import { usableRequest } from '../port/mapping/usable-request.js';
import type { InvocationMethod, JsonObject } from '../port/message.js';
import { type Conclusion, concludeGitlab, concludeWebhook, type Outcome } from '../port/outcome.js';
import { type PlanContext, planRequest } from '../port/plan.js';
import { decryptFields } from '../port/secrets/decrypt.js';
import { secretsOfCall } from '../port/secrets/secrets-in.js';

export interface PreparedCall {
  request: OutboundRequest;
  /** Texts that may reach the target and nobody else. */
  secrets: string[];
  /** What went wrong on the way and did not keep the call from being made. */
  notes: string[];
  conclude(response: OutboundResponse, about: Conclusion, inTurn: InTurn): Promise<Outcome>;
}

/** Has jq do some work when its turn comes; undefined when turn and work together take too long. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T | undefined>;

/** Nothing can be sent, in words for the run's log. */
export interface Unprepared {
  problem: string;
}

export interface PrepareDependencies {
  plan: PlanContext;
  /** Left out without a mapping file. */
  mappings?: MappingBook;
  clientSecret: string;
  privateKey?: KeyObject;
  /** Send what can't be decrypted as it is, as the old agent did. */
  sendsUndecrypted?: boolean;
}

export function prepareCall(
  message: JsonObject,
  invocation: InvocationMethod,
  deps: PrepareDependencies,
): Promise<PreparedCall | Unprepared> {
  return deps.mappings
    ? prepareMapped(message, deps, deps.mappings)
    : Promise.resolve(prepareBuiltIn(message, invocation, deps.plan));
}

function prepareBuiltIn(
  message: JsonObject,
  invocation: InvocationMethod,
  context: PlanContext,
): PreparedCall | Unprepared {
  const plan = planRequest(message, invocation, context);
  if ('problem' in plan) return plan;
  const conclude = invocation.type === 'GITLAB' ? concludeGitlab : concludeWebhook;
  return {
    request: plan.request,
    secrets: [...(plan.secret ? [plan.secret] : []), ...secretsOfCall(plan.request, message)],
    notes: [],
    conclude: async (response, about) => conclude(response, about),
  };
}

async function prepareMapped(
  message: JsonObject,
  deps: PrepareDependencies,
  book: MappingBook,
): Promise<PreparedCall | Unprepared> {
  const { evaluator, environment, mappings } = book;
  const match = await evaluator.firstMatch(mappings, message, environment);
  const mapping = match.index === undefined ? undefined : mappings[match.index];
  if (mapping === undefined || match.index === undefined) return { problem: nothingMatches(match.problems) };

  const keys = { clientSecret: deps.clientSecret, ...(deps.privateKey && { privateKey: deps.privateKey }) };
  const decrypted = decryptFields(message, mapping.fieldsToDecryptPaths ?? [], keys);
  const undecrypted = decrypted.failures.map(({ path, why }) => `${path} ${why}`);
  if (undecrypted.length > 0 && !deps.sendsUndecrypted) return { problem: undecrypted.join('; ') };

  const mapped = await evaluator.request(mapping, match.index, decrypted.message, environment);
  const fatal = mapped.problems.filter(({ kind }) => kind === 'fatal');
  if (fatal.length > 0) return { problem: textOf(fatal) };
  const usable = usableRequest(mapped.request, match.index);
  // A field that yields null because of an error is explained by that error.
  if ('problems' in usable) return { problem: textOf([...mapped.problems, ...usable.problems]) };

  const { method, url, headers, body } = usable.request;
  const hasBody = mapped.request.body !== null;
  return {
    request: { method, url, headers, ...(hasBody && { body }) },
    secrets: [
      ...decrypted.secrets,
      // What a mapping may see, it can have put anywhere.
      ...secretsOfCall({ url, headers }, environment, mapped.request.body, decrypted.message),
    ],
    notes: [...undecrypted, ...mapped.problems.map(({ text }) => text)],
    async conclude(response, about, inTurn) {
      const outcome = concludeWebhook(response, about);
      const request = { method, url, headers, query: mapped.request.query, body: mapped.request.body };
      return withReport(
        outcome,
        { mapping, index: match.index ?? 0 },
        { message: decrypted.message, request, response },
        book,
        inTurn,
      );
    },
  };
}

async function withReport(
  outcome: Outcome,
  { mapping, index }: { mapping: Mapping; index: number },
  call: { message: JsonObject; request: JsonObject; response: OutboundResponse },
  { evaluator, environment }: MappingBook,
  inTurn: InTurn,
): Promise<Outcome> {
  if (!mapping.report) return outcome;
  const { status, headers, text } = call.response;
  const context = {
    body: call.message,
    request: call.request,
    response: { statusCode: status, headers, text, ...jsonOf(text) },
  };
  const evaluated = await inTurn(() => evaluator.report(mapping, index, context, environment));
  if (!evaluated) return { ...outcome, log: [...outcome.log, `mapping ${index}, report: ${NO_TIME}`] };
  const { report, problems } = evaluated;
  const reported = applyReport(outcome, report);
  return { ...reported, log: [...reported.log, ...problems.map((problem) => problem.text)] };
}

const NO_TIME =
  'left out, since it was not done in time; this filter, or those of other runs, take seconds of jq';

function jsonOf(text: string): { json: JsonObject | null; jsonText?: string } {
  try {
    return { json: JSON.parse(text), jsonText: text };
  } catch {
    return { json: null };
  }
}

function nothingMatches(problems: MappingProblem[]): string {
  const why = problems.length > 0 ? ` (${textOf(problems)})` : '';
  return `no mapping takes this run${why}; if one did when it was accepted, the mapping file has been changed since`;
}

function textOf(problems: MappingProblem[]): string {
  return [...new Set(problems.map(({ text }) => text))].join('; ');
}
