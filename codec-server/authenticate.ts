/** Who asks: a user with a token of the issuer, or somebody who has the shared token. */
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Issuer } from './issuer.js';
import { unauthorized } from './refusal.js';
import type { SharedToken } from './shared-token.js';

/** What a wrong token costs; trying all of them takes ages anyway. */
export const WRONG_TOKEN_DELAY_MS = 250;

/** For the log: never a token. */
export type Authenticate = (headers: IncomingHttpHeaders) => Promise<string>;

/** Either may be missing, where only the other is configured. */
export function createAuthentication(sharedToken?: SharedToken, issuer?: Issuer): Authenticate {
  /** @throws Refusal for whoever may not read. */
  return async ({ authorization, cookie }) => {
    if (authorization === undefined) {
      if (sharedToken?.holdsSession(cookie)) return 'shared token, signed in';
      const how = sharedToken ? ', or sign in on the start page of this server' : '';
      throw unauthorized(`send a token${how}`, 'neither a token nor a session that counts');
    }
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (token === undefined)
      throw unauthorized('the Authorization header must read: Bearer TOKEN', 'not a Bearer token');
    if (sharedToken?.matches(token)) return 'shared token';
    if (issuer) return `user ${await issuer.verify(token)}`;
    await delay(WRONG_TOKEN_DELAY_MS);
    throw unauthorized('this token is not accepted', 'it is not the shared token');
  };
}
