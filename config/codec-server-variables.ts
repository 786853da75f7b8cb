/** Who may see decrypted payloads in Temporal's UI and command line, and from where. */
import { claim, httpsUrl, origins } from './codec-server-kinds.js';
import { flag, list, number, text } from './kinds.js';
import { note } from './notes.js';

const LEAST_TOKEN_LENGTH = 16;

export const codecServerVariables = {
  CODEC_SERVER_PORT: note(number({ max: 65_535, whole: true }).default(8888), {
    group: 'Codec server',
    about: 'Port of `temporal-port-agent codec-server`; `0` takes a free one, which the log names.',
  }),
  CODEC_SERVER_ALLOWED_ORIGINS: note(origins().optional(), {
    group: 'Codec server',
    about: 'Where people open the Temporal UI, separated by commas: `https://temporal.corp`. Required there.',
    remedy:
      "give the origin of the Temporal UI as in the browser's address bar, such as https://temporal.corp",
  }),
  CODEC_SERVER_TOKEN: note(
    text()
      .min(
        LEAST_TOKEN_LENGTH,
        `is shorter than ${LEAST_TOKEN_LENGTH} characters; make one with: openssl rand -hex 32`,
      )
      .optional(),
    {
      group: 'Codec server',
      secret: true,
      about:
        'One token for all who may read, of at least 16 characters. This or an issuer is required there.',
    },
  ),
  CODEC_SERVER_OIDC_ISSUER: note(httpsUrl().optional(), {
    group: 'Codec server',
    about: 'OpenID Connect issuer whose access tokens may read: `https://login.corp`.',
  }),
  CODEC_SERVER_OIDC_AUDIENCE: note(text().optional(), {
    group: 'Codec server',
    about: 'Audience (`aud`) that such a token must be made for. Required with an issuer.',
    remedy:
      "set it to the audience of the access tokens that the Temporal UI gets; the issuer's page says it",
  }),
  CODEC_SERVER_OIDC_CLAIM: note(claim().optional(), {
    group: 'Codec server',
    about: 'What such a token must say besides, such as `groups=platform`; without it, every user may read.',
  }),
  CODEC_SERVER_NAMESPACES: note(list().optional(), {
    group: 'Codec server',
    shownDefault: '<TEMPORAL_NAMESPACE>',
    about: 'Namespaces whose payloads are decrypted, separated by commas.',
  }),
  CODEC_SERVER_TLS_CERT_PATH: note(text().optional(), {
    group: 'Codec server',
    about: 'File with its TLS certificate and chain, in PEM form; without one it speaks plain HTTP.',
  }),
  CODEC_SERVER_TLS_KEY_PATH: note(text().optional(), {
    group: 'Codec server',
    about: 'File with the private key.',
  }),
  CODEC_SERVER_ENCODE: note(flag().default(false), {
    group: 'Codec server',
    about: '`true` also encrypts what people send from the UI or command line.',
  }),
};
