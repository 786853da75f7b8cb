/** Port's client over a way out of its own, as every process opens it. */
import type { Network } from '../http/network.js';
import { createOutbound } from '../http/outbound.js';
import { PortClient, type PortCredentials } from './client.js';

/** `maxBodyBytes` where answers are longer than usual. Port's certificate is always verified. */
export function openPortClient(
  credentials: PortCredentials,
  network: Network,
  userAgent: string,
  limits: { maxBodyBytes?: number } = {},
): { client: PortClient; close(): Promise<void> } {
  const outbound = createOutbound({
    network,
    verifyTls: true,
    keepAlive: true,
    followRedirects: false,
    userAgent,
    ...limits,
  });
  return { client: new PortClient(credentials, outbound), close: () => outbound.close() };
}
