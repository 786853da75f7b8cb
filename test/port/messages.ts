/** Port's messages as tests need them: the v1 shape, with what a test is about put in its place. */
import { signMessage } from '../../local/simulators/port-message.js';
import { type InvocationMethod, invocationMethodOf, type JsonObject } from '../../port/message.js';

export const CLIENT_SECRET = 'a-client-secret-that-is-long-enough';

/** A webhook run; `method` adds to the invocation method, `rest` to the message. */
export function webhookMessage(method: JsonObject = {}, rest: JsonObject = {}): JsonObject {
  return message({ type: 'WEBHOOK', url: 'https://hooks.example.com/deploy', agent: true, ...method }, rest);
}

export function gitlabMessage(method: JsonObject = {}, properties: JsonObject = {}): JsonObject {
  const project = { groupName: 'platform', projectName: 'infra', defaultRef: 'main' };
  return message({ type: 'GITLAB', agent: true, ...project, ...method }, {}, properties);
}

function message(method: JsonObject, rest: JsonObject, properties: JsonObject = {}): JsonObject {
  return {
    action: 'deploy',
    resourceType: 'run',
    status: 'TRIGGERED',
    trigger: {
      by: { orgId: 'org_1', userId: 'auth0|1', user: { email: 'ada@example.com' } },
      origin: 'UI',
      at: '2026-11-21T12:00:00.000Z',
    },
    context: { entity: 'shop', blueprint: 'service', runId: 'r_jE5FhDURh4Uen2Qr' },
    payload: { entity: null, action: { invocationMethod: method, trigger: 'CREATE' }, properties },
    ...rest,
  };
}

export function invocationOf(content: JsonObject): InvocationMethod {
  const invocation = invocationMethodOf(content);
  if (!invocation) throw new Error('the message has no invocation method');
  return invocation;
}

/** Signs as Port does, by the simulator's own implementation. */
export function signed(content: JsonObject, secret = CLIENT_SECRET): JsonObject {
  const type = invocationMethodOf(content)?.type ?? 'WEBHOOK';
  return signMessage(content, secret, 1_713_277_889, type) as JsonObject;
}
