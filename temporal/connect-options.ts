/** How Temporal is connected to: what its own variables and configuration file say, and what this network adds. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Config, Environment } from '../config/config.js';
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
 */
export function connectOptions(
  { environment, temporal }: Pick<Config, 'environment' | 'temporal'>,
  trust: Trust,
): ConnectOptions {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: defined(environment),
  });
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

function defined(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((e): e is [string, string] => Boolean(e[1])));
}
