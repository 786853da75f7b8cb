/**
 * The messages Port publishes on `<orgId>.runs`, and their signatures.
 *
 * Documented or seen: the v1 shape, the signature over it, the node-run shape. Inferred: that a v2 body is merged
 * at the root beside `payload.action.invocationMethod.body`; that a KAFKA payload is merged likewise and unsigned
 * (a capture of 2022 has no `headers`); `payload.action.trigger: "AUTOMATION"`.
 */
import { createHmac } from 'node:crypto';
import type { Invocation, InvocationMethod } from './port-actions.js';
import type { Body } from './port-requests.js';

export const SIGNATURE_HEADER = 'X-Port-Signature';
export const TIMESTAMP_HEADER = 'X-Port-Timestamp';

export type SignedType = 'WEBHOOK' | 'GITLAB';

/** The run message, unsigned and without `headers`, unless its body brings some. */
export function buildRunMessage(invocation: Invocation): Body {
  const { method, trigger, entity } = invocation;
  const legacy = {
    action: invocation.action.identifier,
    resourceType: 'run',
    status: 'TRIGGERED',
    trigger: { by: trigger.by, origin: trigger.origin, at: trigger.at },
    context: {
      entity: entity?.identifier ?? null,
      blueprint: invocation.blueprint,
      runId: invocation.runId,
    },
    payload: {
      entity,
      action: actionOf(invocation),
      properties: invocation.properties,
      censoredProperties: invocation.censoredProperties,
    },
  };
  const content = asObject(method.type === 'KAFKA' ? method.payload : bodyOf(method));
  const payload = asObject(content['payload']);
  return {
    ...legacy,
    ...content,
    context: { ...legacy.context, ...asObject(content['context']), runId: invocation.runId },
    payload: {
      ...legacy.payload,
      ...payload,
      action: { ...legacy.payload.action, ...asObject(payload['action']), invocationMethod: method },
    },
  };
}

/** The message of a workflow's node run; its body travels in the node's config only, which polling alone sees. */
export function buildNodeMessage(runId: string, config: Body): Body {
  const { body: _, ...invocationMethod } = config;
  return { headers: {}, payload: { action: { invocationMethod } }, context: { runId } };
}

/** Signs a message, over whatever signature it had: `message` with the two headers added. Seconds since 1970. */
export function signMessage(message: Body, clientSecret: string, timestamp: number, type: SignedType): Body {
  const signature = signatureOf(message, clientSecret, timestamp, type);
  return {
    ...message,
    headers: { ...otherHeaders(message), [SIGNATURE_HEADER]: signature, [TIMESTAMP_HEADER]: timestamp },
  };
}

/**
 * `v1,` and the base64 HMAC-SHA256 of `<timestamp>.<JSON>`. The JSON is the message without the two headers:
 * for WEBHOOK the rest of `headers` stays in its place, `{}` at least; for GITLAB `headers` goes altogether.
 */
export function signatureOf(
  message: Body,
  clientSecret: string,
  timestamp: number,
  type: SignedType,
): string {
  const { headers: _, ...headless } = message;
  const signed = type === 'GITLAB' ? headless : { ...message, headers: otherHeaders(message) };
  const digest = createHmac('sha256', clientSecret).update(`${timestamp}.${JSON.stringify(signed)}`);
  return `v1,${digest.digest('base64')}`;
}

function otherHeaders(message: Body): Body {
  const {
    [SIGNATURE_HEADER]: _signature,
    [TIMESTAMP_HEADER]: _timestamp,
    ...rest
  } = asObject(message['headers']);
  return rest;
}

function actionOf({ action, trigger, ...invocation }: Invocation): Body {
  return {
    id: `action_${action.identifier}`,
    identifier: action.identifier,
    title: action.title ?? action.identifier,
    icon: action.icon ?? null,
    userInputs: { properties: {}, required: [], ...invocation.userInputs },
    invocationMethod: invocation.method,
    trigger: invocation.operation ?? 'AUTOMATION',
    description: action.description ?? '',
    blueprint: invocation.blueprint,
    createdAt: trigger.at,
    createdBy: trigger.by.userId,
    updatedAt: trigger.at,
    updatedBy: trigger.by.userId,
  };
}

function bodyOf(method: InvocationMethod): unknown {
  return method.type === 'WEBHOOK' ? method.body : undefined;
}

function asObject(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {};
}
