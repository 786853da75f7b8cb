/** An OpenID Connect issuer, as far as a codec server sees one. */
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { TestCa } from '../../local/parts/test-ca.js';
import { type SimulatorServer, startSimulatorServer } from '../../local/simulators/http-server.js';

export const AUDIENCE = 'codec-server';

export interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

export interface TokenOptions {
  /** Default: the first one. */
  key?: SigningKey;
  /** Laid over those of a good token; undefined takes one away. */
  claims?: Record<string, unknown>;
}

export interface OidcIssuer {
  server: SimulatorServer;
  url: string;
  /** What it publishes. */
  keys: SigningKey[];
  /** Laid over its document. */
  document: Record<string, unknown>;
  tokenOf(options?: TokenOptions): Promise<string>;
}

export async function newSigningKey(kid: string): Promise<SigningKey> {
  return { kid, ...(await generateKeyPair('RS256', { extractable: true })) };
}

/** With a certificate of `ca` for 127.0.0.1. */
export async function startOidcIssuer(ca: TestCa, key: SigningKey): Promise<OidcIssuer> {
  const tls = ca.issue({ commonName: 'issuer', ipAddresses: ['127.0.0.1'] });
  const server = await startSimulatorServer({
    tls: { cert: tls.certPem, key: tls.keyPem },
    routes: [
      {
        method: 'GET',
        path: /^\/\.well-known\/openid-configuration$/,
        handle: () => ({
          status: 200,
          body: { issuer: server.url, jwks_uri: `${server.url}/keys`, ...issuer.document },
        }),
      },
      {
        method: 'GET',
        path: /^\/keys$/,
        handle: async () => ({ status: 200, body: { keys: await Promise.all(issuer.keys.map(published)) } }),
      },
    ],
    notFound: () => ({ status: 404 }),
  });
  const issuer: OidcIssuer = {
    server,
    url: server.url,
    keys: [key],
    document: {},
    tokenOf({ key: { kid, privateKey } = key, claims = {} } = {}) {
      const exp = Math.floor(Date.now() / 1000) + 600;
      const payload = { iss: server.url, aud: AUDIENCE, sub: 'ada', exp, ...claims };
      return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
    },
  };
  return issuer;
}

async function published({ kid, publicKey }: SigningKey): Promise<object> {
  return { ...(await exportJWK(publicKey)), kid, use: 'sig' };
}
