/**
 * What came of a call, as Port is to be told: an end (SUCCESS or FAILURE), or a hand-over.
 *
 * A synchronized call ends with its answer. An accepted asynchronous webhook and a created pipeline are handed
 * over: they report their own end. Every failure ends.
 */
import type { OutboundResponse } from '../http/read-response.js';
import { excerpt } from './excerpt.js';
import { at, type Json, nestsDeeper, textAt } from './message.js';

export interface Outcome {
  /** Left out: handed over, no status is reported. */
  status?: 'SUCCESS' | 'FAILURE';
  summary?: string;
  /** A mapping may yield several. */
  link?: string | string[];
  externalRunId?: string;
  /** What a synchronized call answered, for the run's response in Port. */
  response?: Json;
  /** The status that the target answered, if it did. */
  statusCode?: number;
  /** Lines for the run's log in Port. */
  log: string[];
  /** A few words for the Temporal UI: `201 pipeline 97`. */
  headline: string;
}

export interface Conclusion {
  /** `POST gitlab.example.com platform/infra`. */
  call: string;
  synchronized: boolean;
  /** Whether the target's answer may appear in Port. */
  detailed: boolean;
}

/** Of an answer so much is passed on to Port as the run's response, in characters. */
export const MAX_RESPONSE_LENGTH = 64 * 1024;
/** And so much is quoted in a summary or log. */
const MAX_QUOTE_LENGTH = 4 * 1024;

/** How the line begins that leaves a run's end to its target; it is found again by it. */
export const HANDED_OVER = 'Handed over: ';

/** GitLab's are numbers; this goes into a summary, so nothing longer than an id may take its place. */
const PIPELINE_ID = /^[\w-]{1,64}$/;

/** A run that failed without an answer; `why` says what happened and what to do. */
export function failed(call: string, why: string, headline = 'not called'): Outcome {
  const summary = excerpt(why, MAX_QUOTE_LENGTH);
  return { status: 'FAILURE', summary, log: [`${call}: ${summary}`], headline };
}

/** What a webhook's answer means. Below 400 is success, as for Python's requests. */
export function concludeWebhook(response: OutboundResponse, about: Conclusion): Outcome {
  const answer = response.text === '' ? undefined : answerOf(response);
  const forPort = about.synchronized && answer !== undefined ? { response: answer } : {};
  const headline = `HTTP ${response.status}`;
  if (response.status < 400) {
    const log = [`Called ${about.call}: it answered ${response.status}.`, ...cutNote(response)];
    if (about.synchronized) return { status: 'SUCCESS', ...forPort, log, headline };
    return { log: [...log, `${HANDED_OVER}the target reports how the run ends.`], headline };
  }
  const summary = `Failed to invoke the webhook with status code: ${response.status}.${quote(response, about)}`;
  return {
    status: 'FAILURE',
    summary,
    ...forPort,
    log: [`Called ${about.call}: ${summary}`, ...cutNote(response)],
    headline,
  };
}

/** What GitLab's answer to a trigger means. */
export function concludeGitlab(response: OutboundResponse, about: Conclusion): Outcome {
  if (isPipeline(response)) return pipelineCreated(response, about);
  const summary = `GitLab answered ${response.status}: ${gitlabAdvice(response)}${quote(response, about)}`;
  return {
    status: 'FAILURE',
    summary,
    ...(about.synchronized && { response: answerOf(response) }),
    log: [`Called ${about.call}: ${summary}`],
    headline: `HTTP ${response.status}`,
  };
}

/**
 * GitLab's limit on creating pipelines, which it answers with a plain 400. Nothing was created.
 * The one place where a text is matched, since GitLab gives no other sign.
 */
export function isPipelineRateLimit(response: OutboundResponse): boolean {
  return response.status === 400 && response.text.includes('Too many pipelines created in the last minute');
}

/** GitLab's 201, even one that broke off. A login or maintenance page answers 200 as well, and has no pipeline in it. */
function isPipeline(response: OutboundResponse): boolean {
  const { status } = response;
  return (
    status === 201 || (status >= 200 && status < 300 && pipelineId(at(json(response), 'id')) !== undefined)
  );
}

function pipelineCreated(response: OutboundResponse, about: Conclusion): Outcome {
  const pipeline = json(response);
  const id = pipelineId(at(pipeline, 'id'));
  const link = textAt(pipeline, 'web_url');
  const name = id ? `pipeline ${id}` : 'a pipeline';
  const created = `Called ${about.call}: GitLab created ${name}${link ? ` ${link}` : ''}.`;
  const known = {
    ...(about.synchronized && { response: answerOf(response) }),
    ...(link && { link }),
    ...(id && { externalRunId: id }),
    headline: `HTTP ${response.status}, ${name}`,
  };
  // GitLab before 15 says 201 here too. Such a pipeline never runs, so it can't report how the run ends.
  if (at(pipeline, 'status') === 'failed') {
    const summary = `GitLab created ${name}, and it failed at once; check the project's CI configuration.${quote(response, about)}`;
    return { status: 'FAILURE', summary, log: [created, summary], ...known };
  }
  return {
    ...(about.synchronized && { status: 'SUCCESS' }),
    log: [
      created,
      ...cutNote(response),
      ...(about.synchronized ? [] : [`${HANDED_OVER}the pipeline reports how the run ends.`]),
    ],
    ...known,
  };
}

function pipelineId(value: Json | undefined): string | undefined {
  const id = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  return PIPELINE_ID.test(id) ? id : undefined;
}

/** What to do about a status, said without quoting the answer. */
function gitlabAdvice(response: OutboundResponse): string {
  const { status } = response;
  if (isPipelineRateLimit(response))
    return 'its limit of pipelines a minute was reached each time; run the action again later.';
  if (status === 400)
    return "it refused to create a pipeline; check that the ref exists, that its CI configuration has jobs for triggers, and that the token's owner may run pipelines with variables on it.";
  if (status === 401 || status === 403)
    return 'it refuses this agent; check the allowed IP addresses and what stands before GitLab.';
  if (status === 404)
    return 'the project does not exist, or the trigger token is not valid for it (GitLab does not tell which).';
  if (status === 422)
    return "it created a pipeline that failed at once; check the project's CI configuration.";
  if (status === 429) return 'it limits requests from here, longer than the retry window.';
  if (status >= 300 && status < 400)
    return "the project or GitLab itself has moved; correct GITLAB_URL or the project's path.";
  if (status >= 200 && status < 300)
    return 'that is no pipeline, so something else seems to have answered; check GITLAB_URL and what stands before GitLab.';
  if (status < 500)
    return 'it, or what stands before it, refused the request; no pipeline was created. Check GITLAB_URL and what stands before GitLab.';
  return "it had an error; a pipeline may have been created, look at the project's pipelines before running the action again.";
}

function quote(response: OutboundResponse, about: Conclusion): string {
  if (!about.detailed || response.text === '') return '';
  return ` Response: ${excerpt(response.text, MAX_QUOTE_LENGTH, '… (cut)')}`;
}

/** The answer as JSON where Port takes it as such (no bare number) and it is short, else as text. */
function answerOf(response: OutboundResponse): Json {
  if (response.text.length > MAX_RESPONSE_LENGTH)
    return excerpt(response.text, MAX_RESPONSE_LENGTH, '… (cut)');
  const answer = json(response) ?? response.text;
  return typeof answer === 'object' || typeof answer === 'string' ? answer : response.text;
}

function json(response: OutboundResponse): Json | undefined {
  try {
    const parsed: Json = JSON.parse(response.text);
    return nestsDeeper(parsed) ? undefined : parsed;
  } catch {
    return undefined;
  }
}

function cutNote(response: OutboundResponse): string[] {
  if (response.cut === 'too long') return ['Its answer was longer than the agent reads, and was cut.'];
  return response.cut === 'broken off' ? ['Its answer broke off; what came of it was used.'] : [];
}
