/** Runs that have secrets in every place at which a message, a mapping or an answer can hold one. */
import { createCipheriv, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { closedPort } from '../endings/stage.js';
import type { House } from '../house.js';
import type { Secret } from './search.js';

const random = (): string => randomBytes(16).toString('hex');

/** What the runs bring along. */
export const MESSAGE = {
  /** An input that Port encrypted with the client secret. */
  password: random(),
  /** An input that the browser encrypted for the private key. */
  key: random(),
  /** A token that only the mapping adds. */
  jenkinsToken: random(),
  /** A secret of Port's, resolved in the message. */
  portSecret: random(),
  /** An input that is no secret, and nobody's business all the same. */
  note: `note-${random()}`,
};

export const MESSAGE_SECRETS: Secret[] = [
  { name: 'an input that was decrypted', value: MESSAGE.password, mayBeIn: ['target'] },
  { name: 'an input that was encrypted in the browser', value: MESSAGE.key, mayBeIn: ['target'] },
  { name: "the mapping's token", value: MESSAGE.jenkinsToken, mayBeIn: ['target'] },
  { name: 'a resolved secret of Port', value: MESSAGE.portSecret, mayBeIn: ['target'] },
  // A target that quotes it tells Port, unless DETAILED_LOGGING is off.
  { name: 'an input', value: MESSAGE.note, mayBeIn: ['target', 'Port'] },
];

const PROPERTIES = {
  password: { type: 'string', encryption: 'aes256-gcm' },
  key: { type: 'string' },
  note: { type: 'string' },
};
const ENCRYPTED = ['payload.properties.password', 'payload.properties.key'];

/** Writes the mapping file, and gives Port an action for each of its mappings; gives back their names. */
export async function writeMappings(house: House, file: string): Promise<string[]> {
  const { url } = house.service;
  const closed = await closedPort();
  const mappings: Record<string, object> = {
    // Tells everything it has, to a target that says it back.
    echo: {
      url: `"${url}/echo"`,
      headers: { Authorization: '"Bearer " + env.JENKINS_TOKEN', 'X-Secret': '.portSecret' },
      body: { all: '.', environment: OTHERS, password: PLAIN, key: '.payload.properties.key' },
      report: {
        link: '"https://x/" + .response.json.password',
        summary: '.response.json.password + .response.json.key',
        externalRunId: '.response.json.key',
      },
    },
    'quoted-by-target': {
      url: `"${url}/quoted"`,
      headers: { Authorization: '"Bearer " + env.JENKINS_TOKEN' },
      body: { password: PLAIN, key: '.payload.properties.key', token: '.portSecret' },
    },
    'in-an-error': { url: `"${url}/ok"`, body: `${PLAIN} | error` },
    'in-a-report': { url: `"${url}/ok"`, report: { summary: '.body.payload.properties.password | error' } },
    'as-url': { url: `"no url " + ${PLAIN}` },
    'as-host': { url: `"http://" + ${PLAIN} + ".invalid/"` },
    'in-userinfo': { url: `"http://user:" + ${PLAIN} + "@127.0.0.1:${closed}/"` },
    'in-query': { url: `"http://127.0.0.1:${closed}/hook"`, query: { token: PLAIN } },
    'as-method': { url: `"${url}/ok"`, method: PLAIN },
    'as-header-name': { url: `"${url}/ok"`, headers: { Authorization: `"a\\n" + ${PLAIN}` } },
    'behind-the-proxy': { url: '"https://407.example/hook?token=" + env.JENKINS_TOKEN' },
    'in-the-query-of-a-call': { url: `"${url}/quoted-plainly"`, query: { token: 'env.JENKINS_TOKEN' } },
    'deep-in-a-body': {
      url: `"${url}/quoted-plainly"`,
      body: { auth: { token: 'env.JENKINS_TOKEN' }, others: ['.payload.secretReferences'] },
    },
    'refused-by-port': { url: `"${url}/ok/refused"`, body: { note: '.payload.properties.note' } },
  };
  const all = Object.entries(mappings).map(([action, mapping]) => ({
    enabled: `.payload.action.identifier == "${action}"`,
    fieldsToDecryptPaths: ENCRYPTED,
    ...mapping,
  }));
  await writeFile(file, JSON.stringify(all));
  const actions = Object.keys(mappings);
  for (const action of actions) addAction(house, action, '/ok');
  quoteSecrets(house);
  return actions;
}

/** Gives Port the actions that are carried out without a mapping file; gives back their names. */
export function addUnmapped(house: House): string[] {
  addAction(house, 'echo-unmapped', '/echo');
  addAction(house, 'quoted-unmapped', '/quoted-unmapped');
  return ['echo-unmapped', 'quoted-unmapped'];
}

const PLAIN = '.payload.properties.password';
/** The environment but for what a mapping is meant to see. */
const OTHERS = 'env | del(.JENKINS_TOKEN, .["platform_sub-group_infra"])';

function addAction({ port, service }: House, identifier: string, path: string): void {
  port.actions.set(identifier, {
    identifier,
    trigger: { type: 'self-service', operation: 'CREATE', userInputs: { properties: PROPERTIES } },
    invocationMethod: {
      type: 'WEBHOOK',
      url: `${service.url}${path}`,
      agent: true,
      synchronized: true,
      // As Port resolves a template with a secret of its own.
      headers: { Authorization: `Bearer ${MESSAGE.portSecret}` },
      body: {
        portSecret: MESSAGE.portSecret,
        payload: { secretReferences: { tfToken: MESSAGE.portSecret } },
      },
    },
  });
}

/** Has targets say back what they were given, each as much as its callers have. */
function quoteSecrets({ service }: House): void {
  const { password, key, note, portSecret, jenkinsToken } = MESSAGE;
  const answers = {
    '/quoted': `no right for ${password}, ${key}, ${portSecret}, Bearer ${jenkinsToken} (${note})`,
    '/quoted-plainly': `bad credential ${jenkinsToken} or ${portSecret} of you`,
    '/quoted-unmapped': `bad credential ${portSecret} of you`,
  };
  for (const [path, body] of Object.entries(answers))
    service.inject({ kind: 'respond', path: new RegExp(`^${path}$`), response: { status: 500, body } });
}

/** Carries out a run of one of the actions, with inputs to each of which a secret belongs. */
export async function carryOut(house: House, action: string): Promise<void> {
  const { password, key, note } = MESSAGE;
  const properties = { password, note, key: encryptedInBrowser(key, house) };
  if (action === 'refused-by-port') await carryOutRefused(house, properties);
  else await house.carryOut(action, { properties });
}

/** Port quotes an input when it is told of the run, for as long as one attempt of the report asks. */
async function carryOutRefused({ port, service, closed }: House, properties: object): Promise<void> {
  let letGo = (): void => {};
  const known = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  // Until the run's id is known.
  service.inject({ kind: 'holdBefore', path: /^\/ok\/refused$/, times: 1, until: known });
  const runId = await port.trigger('refused-by-port', { properties: { ...properties } });
  const body = { ok: false, error: 'internal_error', message: `value ${MESSAGE.note} can not be stored` };
  const path = new RegExp(`/${runId}/response$`);
  port.inject({ kind: 'respond', method: 'PATCH', path, times: 3, response: { status: 500, body } });
  letGo();
  await closed(runId);
}

/** As Port's page does it: IV, the AES key wrapped with RSA-OAEP, ciphertext, tag. */
function encryptedInBrowser(text: string, { environment }: House): string {
  const publicKey = createPublicKey(environment['PORT_AGENT_PRIVATE_KEY'] ?? '');
  const [iv, key] = [randomBytes(12), randomBytes(32)];
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const ciphertext = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([iv, publicEncrypt({ key: publicKey, oaepHash: 'sha256' }, key), ciphertext]).toString(
    'base64',
  );
}
