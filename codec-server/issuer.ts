/**
 * Checks access tokens of an OpenID Connect issuer.
 *
 * Its address leads to a document (https://openid.net/specs/openid-connect-discovery-1_0.html), and that to its keys.
 * Both are fetched when they are needed, through the one way out. While the issuer is away, the keys last seen count.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { IssuerSettings } from '../config/codec-server.js';
import type { Outbound } from '../http/outbound.js';
import { Refusal, unauthorized } from './refusal.js';

const FETCH_TIMEOUT_MS = 5000;
const CLOCK_TOLERANCE_SECONDS = 30;
/** Only such as the issuer alone can sign with: with a shared secret, or none, anybody could. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

export interface Issuer {
  /**
   * Whose token it is: its `sub`.
   *
   * @throws Refusal: 401 when it does not count, 403 when it lacks the claim, 503 when that can't be told.
   */
  verify(token: string): Promise<string>;
}

/** Hears whether the issuer is there; reasons hold its host, and no token. */
export interface IssuerWatch {
  up(): void;
  down(reason: string): void;
}

interface Discovered {
  issuer: string;
  keys: JWTVerifyGetKey;
}

/** The issuer, or the way to it, is at fault, and not the token. */
class IssuerAwayError extends Error {}

export function createIssuer(
  { url, audience, claim }: IssuerSettings,
  outbound: Pick<Outbound, 'send'>,
  watch: IssuerWatch,
): Issuer {
  let discovered: Promise<Discovered> | undefined;
  const discover = (): Promise<Discovered> => {
    discovered ??= discoverIssuer(url, outbound, watch).catch((error) => {
      discovered = undefined;
      throw error;
    });
    return discovered;
  };
  return {
    async verify(token) {
      try {
        const { issuer, keys } = await discover();
        const options = { issuer, audience, algorithms: ALGORITHMS, requiredClaims: ['exp'] };
        const { payload } = await jwtVerify(token, keys, {
          ...options,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
        });
        const who = payload.sub ?? 'without a name';
        if (claim && !holds(payload, claim.name, claim.value))
          throw new Refusal(403, 'you may not read payloads', `user ${who} lacks CODEC_SERVER_OIDC_CLAIM`);
        return who;
      } catch (error) {
        throw refusalOf(error);
      }
    },
  };
}

async function discoverIssuer(
  url: string,
  outbound: Pick<Outbound, 'send'>,
  watch: IssuerWatch,
): Promise<Discovered> {
  const fetched = async (address: string): Promise<Response> => {
    try {
      const text = await fetchText(outbound, address);
      watch.up();
      return new Response(text);
    } catch (error) {
      const away = error instanceof IssuerAwayError ? error : new IssuerAwayError((error as Error).message);
      watch.down(away.message);
      throw away;
    }
  };
  const base = url.replace(/\/+$/, '');
  const document: unknown = await (await fetched(`${base}/.well-known/openid-configuration`)).json();
  const { issuer, jwks_uri: jwksUri } = document as { issuer?: unknown; jwks_uri?: unknown };
  const wrong = (what: string): IssuerAwayError => {
    watch.down(what);
    return new IssuerAwayError(what);
  };
  if (typeof issuer !== 'string' || issuer.replace(/\/+$/, '') !== base)
    throw wrong('what CODEC_SERVER_OIDC_ISSUER leads to names another issuer');
  if (typeof jwksUri !== 'string' || !/^https:/i.test(jwksUri) || !URL.canParse(jwksUri))
    throw wrong('what CODEC_SERVER_OIDC_ISSUER leads to names no https address for its keys');
  const remote = createRemoteJWKSet(new URL(jwksUri), { [customFetch]: (address) => fetched(address) });
  return { issuer, keys: withKeysLastSeen(remote) };
}

/** A key that nobody has seen yet may be a new one of the issuer's: not refused while that can't be told. */
function withKeysLastSeen(remote: ReturnType<typeof createRemoteJWKSet>): JWTVerifyGetKey {
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      const lastSeen = remote.jwks();
      if (!(error instanceof IssuerAwayError) || !lastSeen) throw error;
      return await createLocalJWKSet(lastSeen)(header, token).catch(() => {
        throw error;
      });
    }
  };
}

/** A JSON document. */
async function fetchText(outbound: Pick<Outbound, 'send'>, url: string): Promise<string> {
  const request = { method: 'GET', url, headers: { Accept: 'application/json' } };
  const { status, text, cut } = await outbound.send(request, FETCH_TIMEOUT_MS);
  const { host } = new URL(url);
  if (status !== 200) throw new IssuerAwayError(`GET ${host} was answered with ${status}`);
  try {
    const parsed: unknown = JSON.parse(text);
    if (!cut && typeof parsed === 'object' && parsed !== null) return text;
  } catch {}
  throw new IssuerAwayError(`GET ${host} was answered with something that is no JSON document`);
}

function refusalOf(error: unknown): unknown {
  const isAway =
    error instanceof IssuerAwayError ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid;
  if (isAway) {
    const message = 'tokens cannot be checked at the moment: their issuer is away; try again later';
    return new Refusal(503, message, `the issuer is away: ${(error as Error).message}`);
  }
  // Jose's messages name claims and headers, and never hold what stands in them.
  if (error instanceof errors.JOSEError) return unauthorized('this token is not accepted', error.message);
  return error;
}

/** `groups`, or a path such as `realm_access.roles`; what stands there is the value, or a list with it. */
function holds(payload: JWTPayload, name: string, value: string): boolean {
  const found = Object.hasOwn(payload, name) ? payload[name] : name.split('.').reduce(entryOf, payload);
  return [found]
    .flat()
    .some((one) => ['string', 'number', 'boolean'].includes(typeof one) && `${one}` === value);
}

function entryOf(parent: unknown, name: string): unknown {
  const isObject = typeof parent === 'object' && parent !== null && Object.hasOwn(parent, name);
  return isObject ? (parent as Record<string, unknown>)[name] : undefined;
}
