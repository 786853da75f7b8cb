/** Port's client over a way out of its own, as every process opens it. */
import { createOutbound } from '../http/outbound.js';
import { PortClient, type PortCredentials } from './client.js';

const CONNECT_TIMEOUT_MS = 15_000;

/** `maxBodyBytes` where answers are longer than usual. Port's certificate is always verified. */
export function openPortClient(
  credentials: PortCredentials,
  userAgent: string,
  limits: { maxBodyBytes?: number } = {},
): { client: PortClient; close(): Promise<void> } {
  const outbound = createOutbound({
    tls: { verify: true },
    keepAlive: true,
    followRedirects: false,
    userAgent,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    ...limits,
  });
  return { client: new PortClient(credentials, outbound), close: () => outbound.close() };
}
