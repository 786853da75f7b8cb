/**
 * Action definitions, as Port's API takes them (v2, and the v1 form that old actions still have), and what
 * becomes of one when it is executed: inputs checked and encrypted, templates filled in.
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { type Body, refusal } from './port-requests.js';
import { render, TemplateError } from './port-template.js';

export type Operation = 'CREATE' | 'DAY-2' | 'DELETE';
export type Origin = 'UI' | 'API' | 'AUTOMATION';
/** Port takes booleans and templates that become one. */
export type Flag = boolean | string;

export interface UserInputs {
  properties?: Record<string, { encryption?: unknown; [key: string]: unknown }>;
  required?: string[];
  [key: string]: unknown;
}

export interface WebhookMethod {
  type: 'WEBHOOK';
  url: string;
  agent?: Flag;
  synchronized?: Flag;
  method?: string;
  headers?: Record<string, string>;
  body?: Body | unknown[];
}

export interface GitlabMethod {
  type: 'GITLAB';
  projectName: string;
  groupName: string;
  defaultRef?: string;
  pipelineVariables?: Body;
  /** v1 only, as are the next two: v2 refuses them, and Port injects `agent: true`. */
  agent?: boolean;
  omitPayload?: boolean;
  omitUserInputs?: boolean;
}

export interface KafkaMethod {
  type: 'KAFKA';
  payload?: Body | unknown[];
}

export type InvocationMethod = WebhookMethod | GitlabMethod | KafkaMethod;

export interface ActionDefinition {
  identifier: string;
  title?: string;
  icon?: string;
  description?: string;
  blueprint?: string;
  requiredApproval?: boolean;
  trigger:
    | {
        type: 'self-service';
        operation: Operation;
        blueprintIdentifier?: string;
        userInputs?: UserInputs;
      }
    | { type: 'automation'; event?: unknown }
    /** v1: the operation alone, with `userInputs` beside it. */
    | Operation;
  userInputs?: UserInputs;
  invocationMethod: InvocationMethod;
}

export interface Entity extends Body {
  identifier: string;
}

export interface PortUser {
  email: string;
  firstName: string;
  lastName: string;
  id: string;
  [key: string]: unknown;
}

export interface TriggerOptions {
  properties?: Body;
  /** An entity, or the id of one that is then made up. */
  entity?: string | Entity;
  origin?: Origin;
  /** What set an automation off. */
  event?: unknown;
  by?: Partial<PortUser>;
}

export interface TriggerData {
  by: { orgId: string; userId: string; user: PortUser };
  origin: Origin;
  at: string;
  operation?: Operation;
}

/** An execution, ready to be published. */
export interface Invocation {
  runId: string;
  action: ActionDefinition;
  blueprint: string | null;
  /** Null when an automation runs. */
  operation: Operation | null;
  userInputs: UserInputs;
  entity: Entity | null;
  properties: Body;
  censoredProperties: string[];
  trigger: TriggerData;
  /** Templates filled in; `agent: true` added for GITLAB. */
  method: InvocationMethod;
}

/** Executes a definition on paper; throws the `Refusal` that Port's API would answer with. */
export function prepareInvocation(
  action: ActionDefinition,
  options: TriggerOptions,
  run: { orgId: string; clientSecret: string; runId: string; at: string },
): Invocation {
  const { trigger: defined } = action;
  const automation = typeof defined === 'object' && defined.type === 'automation';
  const operation = typeof defined === 'string' ? defined : automation ? null : defined.operation;
  const userInputs =
    (typeof defined === 'object' && 'userInputs' in defined ? defined.userInputs : action.userInputs) ?? {};
  const blueprint =
    (typeof defined === 'object' && 'blueprintIdentifier' in defined
      ? defined.blueprintIdentifier
      : undefined) ??
    action.blueprint ??
    null;
  if ((operation === 'DAY-2' || operation === 'DELETE') && options.entity === undefined) {
    throw refusal.entityMissing();
  }
  const missing = automation
    ? []
    : (userInputs.required ?? []).filter((key) => options.properties?.[key] == null);
  if (missing.length > 0) throw refusal.inputs(`must have required property '${missing[0]}'`);

  const censoredProperties = Object.keys(userInputs.properties ?? {}).filter(
    (key) => userInputs.properties?.[key]?.encryption !== undefined,
  );
  const properties = automation ? {} : encryptInputs(options.properties ?? {}, userInputs, run.clientSecret);
  const entity = automation ? null : entityOf(options.entity, blueprint, run.at);
  const user = userOf(options.by, run.at);
  const trigger: TriggerData = {
    by: { orgId: run.orgId, userId: user.id, user },
    origin: options.origin ?? (automation ? 'AUTOMATION' : 'UI'),
    at: run.at,
    ...(operation && { operation }),
  };
  const data = {
    inputs: automation ? null : properties,
    trigger,
    event: options.event ?? null,
    entity: automation ? null : (entity ?? {}),
    action: automation
      ? { identifier: action.identifier }
      : { identifier: action.identifier, blueprint, encryptedProperties: censoredProperties },
    run: { id: run.runId },
  };
  const method = resolveMethod(action.invocationMethod, data);
  return {
    runId: run.runId,
    action,
    blueprint,
    operation,
    userInputs,
    entity,
    properties,
    censoredProperties,
    trigger,
    method,
  };
}

/** Encrypts as Port does: base64(IV 16 ‖ ciphertext ‖ tag 16), key = the client secret's first 32 bytes. */
export function encryptInput(value: unknown, clientSecret: string): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(clientSecret).subarray(0, 32), iv);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
}

/** A template leaves a string behind: "false" is false. */
export function isTrue(flag: unknown): boolean {
  return flag === true || flag === 'true';
}

function resolveMethod(method: InvocationMethod, data: unknown): InvocationMethod {
  try {
    const resolved = render(method, data) as InvocationMethod;
    // No v2 GITLAB action can say `agent`, yet the agent takes only what says so: Port must add it. [inferred]
    return resolved.type === 'GITLAB' ? { ...resolved, agent: true } : resolved;
  } catch (error) {
    if (error instanceof TemplateError) throw refusal.evaluation(error.message);
    throw error;
  }
}

function encryptInputs(properties: Body, userInputs: UserInputs, clientSecret: string): Body {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => {
      // Inputs of the other kind, "client-side", are encrypted before they reach Port.
      const encrypts = userInputs.properties?.[key]?.encryption === 'aes256-gcm';
      return [key, encrypts ? encryptInput(value, clientSecret) : value];
    }),
  );
}

function entityOf(entity: string | Entity | undefined, blueprint: string | null, at: string): Entity | null {
  if (entity === undefined) return null;
  const given = typeof entity === 'string' ? { identifier: entity } : entity;
  return {
    title: given.identifier,
    icon: null,
    blueprint,
    team: [],
    properties: {},
    relations: {},
    createdAt: at,
    createdBy: 'auth0|simulator',
    updatedAt: at,
    updatedBy: 'auth0|simulator',
    ...given,
  };
}

function userOf(by: Partial<PortUser> | undefined, at: string): PortUser {
  return {
    email: 'executor@example.com',
    firstName: 'Robin',
    lastName: 'Example',
    phoneNumber: '',
    picture: '',
    providers: ['port'],
    status: 'ACTIVE',
    id: 'auth0|simulator',
    createdAt: at,
    updatedAt: at,
    ...by,
  };
}
