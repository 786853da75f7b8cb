/**
 * What a run without a mapping calls: the old agent's default mapping, in plain TypeScript.
 *
 * Deliberate differences: `pipelineVariables` reach GitLab; no inputs give `{}` instead of null; a webhook's
 * own headers are sent along; `GITLAB_URL` works without a slash at its end.
 */
import type { Environment } from '../config/config.js';
import type { OutboundRequest } from '../http/redirect.js';
import { excerpt, oneLine } from './excerpt.js';
import {
  at,
  type InvocationMethod,
  isObject,
  isTrue,
  type Json,
  type JsonObject,
  textAt,
} from './message.js';
import { findTriggerToken } from './trigger-token.js';

export type Plan =
  /** `secret` is in the request, and must not come back in anything that is told. */
  { request: OutboundRequest; secret?: string } | { problem: string };

export interface PlanContext {
  gitlabUrl: string;
  environment: Environment;
}

/** Temporal takes 400 bytes of a summary, which this becomes; a character is three at most. */
const MAX_CALL_LENGTH = 120;

/** What is called, as far as it may be shown to anyone: `POST gitlab.example.com platform/infra`. */
export function describeCall(invocation: InvocationMethod, gitlabUrl: string): string {
  const target = targetOf(invocation);
  const call =
    invocation.type === 'GITLAB'
      ? `POST ${new URL(gitlabUrl).host} ${target ?? '(no project)'}`
      : `${webhookMethod(invocation)} ${target ?? '(no valid URL)'}`;
  return excerpt(oneLine(call), MAX_CALL_LENGTH);
}

/** `group/project` of a GitLab run, a webhook's host; undefined when the message does not tell. */
export function targetOf(invocation: InvocationMethod): string | undefined {
  if (invocation.type === 'WEBHOOK') {
    const url = textAt(invocation.raw, 'url') ?? '';
    return (URL.canParse(url) && new URL(url).host) || undefined;
  }
  const group = textAt(invocation.raw, 'groupName');
  const project = textAt(invocation.raw, 'projectName');
  return group && project ? `${group}/${project}` : undefined;
}

/** The request that carries out a run, or what is missing for it, in words for the run's log. */
export function planRequest(message: JsonObject, invocation: InvocationMethod, context: PlanContext): Plan {
  return invocation.type === 'GITLAB'
    ? planGitlab(message, invocation, context)
    : planWebhook(message, invocation);
}

function planGitlab(message: JsonObject, invocation: InvocationMethod, context: PlanContext): Plan {
  const group = textAt(invocation.raw, 'groupName');
  const project = textAt(invocation.raw, 'projectName');
  if (!group || !project) {
    return { problem: 'the action names no GitLab project: set groupName and projectName in its backend' };
  }
  const token = findTriggerToken(group, project, context.environment);
  if ('problem' in token) return token;
  const ref = asText(at(message, 'payload', 'properties', 'ref') || invocation.raw['defaultRef'] || 'main');
  const variables = isTrue(invocation.raw['omitUserInputs']) ? {} : pipelineVariables(message, invocation);
  const body = {
    ref,
    token: token.token,
    variables,
    port_payload: isTrue(invocation.raw['omitPayload']) ? {} : message,
  };
  return {
    request: {
      method: 'POST',
      url: `${context.gitlabUrl}/api/v4/projects/${encodePath(`${group}/${project}`)}/trigger/pipeline`,
      headers: {},
      body: JSON.stringify(body),
    },
    secret: token.token,
  };
}

/** The variables as GitLab wants them, all text: what the author wrote, else the user's inputs. */
function pipelineVariables(message: JsonObject, invocation: InvocationMethod): Record<string, string> {
  const authored = invocation.raw['pipelineVariables'];
  const source = isObject(authored) ? authored : at(message, 'payload', 'properties');
  if (!isObject(source)) return {};
  return Object.fromEntries(Object.entries(source).map(([name, value]) => [name, asText(value)]));
}

function planWebhook(message: JsonObject, invocation: InvocationMethod): Plan {
  const url = textAt(invocation.raw, 'url');
  if (!url) return { problem: 'the action names no URL: set url in its backend' };
  const headers = textHeaders(invocation.raw['headers']);
  if ('problem' in headers) return headers;
  return {
    request: {
      method: webhookMethod(invocation),
      url,
      headers: headers.headers,
      body: JSON.stringify(message),
    },
  };
}

function webhookMethod(invocation: InvocationMethod): string {
  return (textAt(invocation.raw, 'method') ?? 'POST').toUpperCase();
}

/** Headers of which the connection itself is made: a message may not set them. */
const FRAMING = ['host', 'content-length', 'transfer-encoding', 'connection'];

function textHeaders(value: Json | undefined): { headers: Record<string, string> } | { problem: string } {
  if (!isObject(value)) return { headers: {} };
  const framing = Object.keys(value).find((name) => FRAMING.includes(name.toLowerCase()));
  if (framing)
    return { problem: `the action sets the header ${framing}, which the agent sets itself: remove it` };
  const given = Object.entries(value).filter(([, v]) => v !== null);
  return { headers: Object.fromEntries(given.map(([name, v]) => [name, asText(v)])) };
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Percent-encodes like jq's `@uri`: everything but letters, digits and `-_.~`; half a character as U+FFFD. */
function encodePath(path: string): string {
  return encodeURIComponent(path.replace(/\p{Cs}/gu, '\ufffd')).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
