/**
 * Port's API for the organisation: tokens, Kafka credentials, settings.
 *
 * Guessed: what an organisation without Kafka is answered (no `credentials`; users report "nothing"), the bodies
 * of `/v1/organization`, and that it takes no other setting.
 */
import type { Route } from './http-server.js';
import { type Body, readBody, refusal } from './port-requests.js';

export interface KafkaCredentials {
  brokers: string[];
  username: string;
  password: string;
}

export interface AccountDeps {
  orgId: string;
  clientId: string;
  clientSecret: string;
  kafka: KafkaCredentials | undefined;
  settings: { portAgentStreamerName?: string };
  issueToken(): { accessToken: string; expiresIn: number };
}

/** The token call, which alone needs no token. */
export function tokenRoute({ clientId, clientSecret, issueToken }: AccountDeps): Route {
  return {
    method: 'POST',
    path: /^\/v1\/auth\/access_token$/,
    handle: (request) => {
      const body = readBody(request, {
        clientId: { type: 'string', required: true },
        clientSecret: { type: 'string', required: true },
      });
      if (body['clientId'] !== clientId || body['clientSecret'] !== clientSecret) {
        throw refusal.unauthorized('Invalid client credentials');
      }
      return { status: 200, body: { ok: true, ...issueToken(), tokenType: 'Bearer' } };
    },
  };
}

export function organizationRoutes({ orgId, kafka, settings }: AccountDeps): Route[] {
  const organization = (): Body => ({ id: orgId, name: orgId, featureFlags: [], settings });
  return [
    {
      method: 'GET',
      path: /^\/v1\/kafka-credentials$/,
      handle: () => ({ status: 200, body: { ok: true, ...(kafka && { credentials: kafka }) } }),
    },
    {
      method: 'GET',
      path: /^\/v1\/organization$/,
      handle: () => ({ status: 200, body: { ok: true, organization: organization() } }),
    },
    {
      method: 'PATCH',
      path: /^\/v1\/organization$/,
      handle: (request) => {
        const body = readBody(request, { settings: { type: 'object', required: true } });
        const inner = { ...request, rawBody: JSON.stringify(body['settings']) };
        const wanted = readBody(inner, {
          portAgentStreamerName: { type: 'string', enum: ['KAFKA', 'POLLING'] },
        });
        Object.assign(settings, wanted);
        return { status: 200, body: { ok: true, organization: organization() } };
      },
    },
  ];
}
