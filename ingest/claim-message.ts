/**
 * What was claimed from Port, as the message that Kafka would have brought: mappings, plans and the Temporal UI
 * read both alike.
 *
 * Built as the old agent's polling processor does, with three differences: the invocation method keeps `agent` and
 * `body` as it does on Kafka, the action's identifier is added, and a body that is no object breaks nothing.
 */
import { at, isObject, isTrue, type Json, type JsonObject, textAt } from '../port/message.js';

/** A claimed run of an action or automation: the author's body at the root, and what Port knows beside it. */
export function messageOfRun(run: JsonObject): JsonObject {
  const method = objectOf(run['payload']);
  const body = objectOf(method['body']);
  const payload = objectOf(body['payload']);
  const identifier = textAt(run, 'action', 'identifier') ?? textAt(run, 'action');
  return {
    ...(identifier !== undefined && { action: identifier }),
    ...body,
    headers: objectOf(method['headers']),
    payload: {
      ...payload,
      action: {
        ...(identifier !== undefined && { identifier }),
        ...objectOf(payload['action']),
        invocationMethod: forThisAgent(method),
      },
    },
    context: { ...objectOf(body['context']), runId: run['id'] ?? null },
  };
}

/** A claimed node run of a workflow; its body is in `context.nodeConfig` alone, where the old agent's mappings find it. */
export function messageOfNodeRun(nodeRun: JsonObject): JsonObject {
  const config = objectOf(at(nodeRun, 'node', 'config') ?? nodeRun['config']);
  const { body: _, ...method } = config;
  return {
    headers: objectOf(config['headers']),
    payload: { action: { invocationMethod: forThisAgent(method) } },
    context: { runId: nodeRun['identifier'] ?? null, nodeConfig: config },
  };
}

/** What Port lets an agent claim is for an agent, whatever became of the flag on the way. */
function forThisAgent(method: JsonObject): JsonObject {
  const type = textAt(method, 'type')?.toUpperCase() ?? 'WEBHOOK';
  const isOurs = type === 'WEBHOOK' || type === 'GITLAB';
  return isOurs && !isTrue(method['agent']) ? { ...method, agent: true } : method;
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
