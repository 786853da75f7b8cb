/** The configuration of the codec server: it needs the keys and its own variables, and none of Port's or Kafka's. */
import type { NetworkSettings } from '../http/network.js';
import { type CodecKeys, readCodecKeys } from './codec-keys.js';
import type { RequiredClaim } from './codec-server-kinds.js';
import { codecServerVariables } from './codec-server-variables.js';
import { type Config, ConfigurationError, type Environment } from './config.js';
import { settleNetwork } from './network.js';
import { withSecretsDir } from './secrets-dir.js';
import { type CertificateFiles, readServerCertificate } from './server-certificate.js';
import { notesOf, type VariableName, type Variables, variables } from './variables.js';

export interface CodecServerConfig
  extends Pick<Config, 'logLevel' | 'healthPort' | 'network' | 'notices' | 'warnings'> {
  /** 0: a free one. */
  port: number;
  codecKeys: CodecKeys;
  /** Pages of these origins may ask. */
  allowedOrigins: string[];
  namespaces: string[];
  /** At least one of this and `issuer` is there. */
  sharedToken?: string;
  issuer?: IssuerSettings;
  /** Left out: plain HTTP. */
  tls?: CertificateFiles;
  /** Whether it encrypts as well. */
  encodes: boolean;
}

export interface IssuerSettings {
  url: string;
  audience: string;
  claim?: RequiredClaim;
}

const names = Object.keys(codecServerVariables) as (keyof typeof codecServerVariables)[];
const shape = variables.pick({
  ...(Object.fromEntries(names.map((name) => [name, true])) as Record<(typeof names)[number], true>),
  CODEC_KEYS: true,
  TEMPORAL_NAMESPACE: true,
  LOG_LEVEL: true,
  HEALTH_PORT: true,
});
type Values = Pick<Variables, keyof typeof shape.shape>;

/**
 * Settles it from variables and the files of `SECRETS_DIR`. An empty variable counts as not set.
 *
 * @throws ConfigurationError naming every mistake at once, with its remedy.
 */
export function loadCodecServerConfig(processEnvironment: Environment): CodecServerConfig {
  const { environment, problems: unread } = withSecretsDir(processEnvironment);
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const parsed = shape.safeParse(given);
  const { network, ...found } = settleNetwork(environment);
  const keys = given['CODEC_KEYS'] === undefined ? undefined : readCodecKeys(given['CODEC_KEYS']);
  const tls = tlsOf(given);
  const certificate = tls && readServerCertificate(tls);
  const problems = [
    ...unread,
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${String(path[0])} ${message}`),
    ...(keys && 'problems' in keys ? keys.problems.map((text) => `CODEC_KEYS ${text}`) : []),
    ...missing(given),
    ...(certificate && 'problem' in certificate
      ? [`CODEC_SERVER_TLS_CERT_PATH: ${certificate.problem}`]
      : []),
    ...found.problems,
  ];
  if (!parsed.success || !network || !keys || 'problems' in keys || problems.length > 0)
    throw new ConfigurationError(problems);
  const certificateWarning = certificate && 'warning' in certificate ? [certificate.warning] : [];
  const warnings = [...(tls ? certificateWarning : [PLAIN_HTTP]), ...found.warnings];
  // What proxies and trust are, matters for the way to the issuer only.
  const notices = parsed.data.CODEC_SERVER_OIDC_ISSUER ? found.notices : [];
  return { ...settle(parsed.data, keys.keys, network), ...(tls && { tls }), notices, warnings };
}

const PLAIN_HTTP =
  'the codec server speaks plain HTTP: whoever is on the way to it reads payloads and tokens; set CODEC_SERVER_TLS_CERT_PATH and CODEC_SERVER_TLS_KEY_PATH, unless something before it ends TLS';

function settle(
  values: Values,
  codecKeys: CodecKeys,
  network: NetworkSettings,
): Omit<CodecServerConfig, 'notices' | 'warnings' | 'tls'> {
  const { CODEC_SERVER_OIDC_ISSUER: url, CODEC_SERVER_OIDC_AUDIENCE: audience } = values;
  const claim = values.CODEC_SERVER_OIDC_CLAIM;
  return {
    port: values.CODEC_SERVER_PORT,
    codecKeys,
    allowedOrigins: values.CODEC_SERVER_ALLOWED_ORIGINS ?? [],
    namespaces: values.CODEC_SERVER_NAMESPACES ?? [values.TEMPORAL_NAMESPACE],
    ...(values.CODEC_SERVER_TOKEN !== undefined && { sharedToken: values.CODEC_SERVER_TOKEN }),
    ...(url !== undefined &&
      audience !== undefined && { issuer: { url, audience, ...(claim && { claim }) } }),
    encodes: values.CODEC_SERVER_ENCODE,
    network,
    logLevel: values.LOG_LEVEL,
    ...(values.HEALTH_PORT !== undefined && { healthPort: values.HEALTH_PORT }),
  };
}

function tlsOf(given: Environment): CertificateFiles | undefined {
  const certFile = given['CODEC_SERVER_TLS_CERT_PATH']?.trim();
  const keyFile = given['CODEC_SERVER_TLS_KEY_PATH']?.trim();
  return certFile && keyFile ? { certFile, keyFile } : undefined;
}

/** What must be there for this command, and what must not be there alone. */
function missing(given: Environment): string[] {
  const has = (name: VariableName): boolean => given[name] !== undefined;
  const problems: string[] = [];
  if (!has('CODEC_KEYS')) {
    problems.push('CODEC_KEYS is missing: give the codec server the same keys as the workers');
  }
  for (const name of [
    'CODEC_SERVER_ALLOWED_ORIGINS',
    ...(has('CODEC_SERVER_OIDC_ISSUER') ? (['CODEC_SERVER_OIDC_AUDIENCE'] as const) : []),
  ] as const) {
    if (!has(name)) problems.push(`${name} is missing: ${notesOf(name).remedy}`);
  }
  if (!has('CODEC_SERVER_TOKEN') && !has('CODEC_SERVER_OIDC_ISSUER')) {
    problems.push(
      'CODEC_SERVER_TOKEN or CODEC_SERVER_OIDC_ISSUER is missing: without one, nobody could be told from anybody; set one of them, or both',
    );
  }
  const alone = (['CODEC_SERVER_OIDC_AUDIENCE', 'CODEC_SERVER_OIDC_CLAIM'] as const).filter(has);
  if (alone.length > 0 && !has('CODEC_SERVER_OIDC_ISSUER'))
    problems.push(`CODEC_SERVER_OIDC_ISSUER is missing: ${alone.join(' and ')} would have no effect`);
  const pair = (['CODEC_SERVER_TLS_CERT_PATH', 'CODEC_SERVER_TLS_KEY_PATH'] as const).filter(
    (name) => !has(name),
  );
  if (pair.length === 1)
    problems.push(`${pair[0]} is missing: TLS needs a certificate and its key; set both or none`);
  return problems;
}
