/** How Temporal is connected to: what its own variables and configuration file say, and what this network adds. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { type Config, ConfigurationError, type Environment } from '../config/config.js';
import type { Trust } from '../http/trust/trust.js';

export interface ConnectOptions {
  options: NativeConnectionOptions;
  /** `host:port`. */
  address: string;
  namespace: string;
}

/**
 * A server's CA that Temporal's variables name is trusted alone, as with every SDK. Otherwise the extra
 * certificate authorities of this agent are trusted here as well.
 *
 * @throws ConfigurationError when Temporal's configuration file can't be read.
 */
export function connectOptions(
  { environment, temporal }: Pick<Config, 'environment' | 'temporal'>,
  trust: Trust,
): ConnectOptions {
  const { connectionOptions, namespace = 'default' } = readClientConfig(environment);
  const { address = 'localhost:7233', tls } = connectionOptions;
  const options: NativeConnectionOptions = {
    ...(connectionOptions as NativeConnectionOptions),
    address,
    ...(temporal.proxy && { proxy: temporal.proxy }),
  };
  // An API key alone switches TLS on, in every SDK.
  const secured = tls ?? connectionOptions.apiKey !== undefined;
  if (!secured || trust.extra.length === 0) return { options, address, namespace };
  const given = typeof secured === 'boolean' ? {} : secured;
  const serverRootCACertificate = given.serverRootCACertificate ?? Buffer.from(trust.pem.join('\n'));
  return { options: { ...options, tls: { ...given, serverRootCACertificate } }, address, namespace };
}

function readClientConfig(environment: Environment): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig({ overrideEnvVars: defined(environment) });
  } catch (error) {
    throw new ConfigurationError([`Temporal's configuration file ${problemOf(error as Error)}`]);
  }
}

/** What the parser says of a file that is no TOML quotes the lines around the mistake, and an API key may stand there. */
function problemOf(error: Error & { line?: number; column?: number }): string {
  if (error.line === undefined) return `can't be used: ${error.message}`;
  return `is no TOML: look at line ${error.line}, near column ${error.column}; is a quote missing?`;
}

function defined(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((e): e is [string, string] => Boolean(e[1])));
}
