/** Secrets that can be found again, one for each place at which the agent gets hold of one. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { House } from '../house.js';
import type { Secret } from './search.js';

const random = (): string => randomBytes(16).toString('hex');

/** Set in the agent's environment; none may stand anywhere. */
export interface PlantedEnvironment {
  environment: Record<string, string>;
  secrets: Secret[];
}

/** `proxy` is where `HTTPS_PROXY` leads, without credentials. */
export function plantedEnvironment(proxy: URL): PlantedEnvironment {
  const password = random();
  const codecKeys = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  const token = random();
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    environment: {
      HTTPS_PROXY: `http://agent:${password}@${proxy.host}`,
      CODEC_KEYS: codecKeys.map((key, at) => `key-${at}:${key}`).join(','),
      CODEC_SERVER_TOKEN: token,
      PORT_AGENT_PRIVATE_KEY: privateKey,
    },
    secrets: [
      { name: "the proxy's password", value: password },
      ...codecKeys.map((value) => ({ name: 'a codec key', value })),
      { name: "the codec server's token", value: token },
      { name: 'the private key', value: privateKey.split('\n')[5] ?? '' },
    ],
  };
}

/** What the agent is given or asks for by itself. */
export function secretsOf({ environment, kafka, port }: House): Secret[] {
  const tokens = new Set(port.journal.flatMap(({ headers }) => headers.authorization ?? []));
  const triggerTokens = Object.values(environment).filter((value) => value.startsWith('glptt-'));
  return [
    { name: 'the client secret', value: environment['PORT_CLIENT_SECRET'] ?? '' },
    { name: "Kafka's password", value: kafka.password },
    ...triggerTokens.map((value): Secret => ({ name: `a trigger token`, value, mayBeIn: ['target'] })),
    ...[...tokens].map((value) => ({ name: "a token for Port's API", value: value.replace('Bearer ', '') })),
  ];
}
