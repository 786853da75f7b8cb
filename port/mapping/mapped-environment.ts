/**
 * What jq's `env` shows a mapping: the environment without the agent's own secrets.
 *
 * A mapping is written by those who run the agent, but evaluated over messages that others shape: `env[.name]`
 * must not reach the client secret. Tokens that are there for mappings stay visible.
 */
import type { Environment } from '../../config/config.js';
import {
  notesOf,
  OWN_VARIABLES,
  type VariableName,
  variables,
  WITHOUT_EFFECT,
} from '../../config/variables.js';
import { isProxyVariable } from '../proxy-variable.js';

const TEMPORAL_SECRET = /^TEMPORAL_(?:API_KEY|TLS_\w+_DATA|GRPC_META_\w+|CODEC_\w+)$/i;
const OTHER_SECRET =
  /^(?:PORT_CLIENT_SECRET|PORT_AGENT_PRIVATE_KEY\w*|KAFKA_\w*(?:PASSWORD|USERNAME|SECRET)\w*)$/i;
const SECRET_WORD = /(?:SECRET|PASSWORD|PRIVATE_KEY|API_KEY|ENCRYPTION_KEY|CREDENTIALS)/;

/** The variables a mapping may see; the agent's own addresses and those of proxies without user and password. */
export function mappingEnvironment(environment: Environment): Record<string, string> {
  const visible = Object.entries(environment).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    if (isProxyVariable(name)) {
      const address = withoutCredentials(value);
      return address === undefined ? [] : [[name, address]];
    }
    if (isSecret(name)) return [];
    return [[name, OWN_VARIABLES.has(name) ? withoutUserinfo(value) : value]];
  });
  return Object.fromEntries(visible);
}

function isSecret(name: string): boolean {
  if (TEMPORAL_SECRET.test(name) || OTHER_SECRET.test(name) || WITHOUT_EFFECT.includes(name)) return true;
  if (!OWN_VARIABLES.has(name)) return false;
  // The word as well, should a new variable's note forget to say it.
  return (Object.hasOwn(variables.shape, name) && isNoted(name as VariableName)) || SECRET_WORD.test(name);
}

function isNoted(name: VariableName): boolean {
  return notesOf(name).secret === true;
}

/** An address loses user and password; any other value stays as it is. */
function withoutUserinfo(value: string): string {
  if (!URL.canParse(value)) return value;
  const { username, password } = new URL(value);
  // Not written anew, as that would change the rest of it.
  return username === '' && password === ''
    ? value
    : value.replace(/^(\s*[a-z][a-z\d+.-]*:\/*)[^/?#\\]*@/i, '$1');
}

/** undefined when the text holds credentials, or may, and is not understood. */
function withoutCredentials(value: string): string | undefined {
  if (!value.includes('@')) return value;
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(full)) return undefined;
  const host = value.slice(value.lastIndexOf('@') + 1);
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(value)?.[0] ?? '';
  return `${scheme}${host}`;
}
