/**
 * Opens the connection for a request: TCP, TLS to the proxy, CONNECT or SOCKS, TLS to the target, in one deadline.
 *
 * It is open before the request is handed to undici, so whatever fails in here is proof that nothing was sent.
 */
import { isIPv4, type Socket } from 'node:net';
import { type CallLabel, NotSentError } from '../errors.js';
import { isSocks, type Route } from './route.js';
import { throughSocks } from './socks.js';
import { authorityOf, type Endpoint, StepError } from './step.js';
import { type Address, addressesOf, dial } from './tcp.js';
import { secure, type TlsSettings } from './tls.js';
import { openTunnel } from './tunnel.js';

/** What connections are opened with. */
export interface Means {
  tls(host: string): TlsSettings;
  /** Why an address of the target must not be connected to; undefined when it may. */
  refusalOf?(url: URL, address: string): string | undefined;
}

/** @throws NotSentError for `call`, naming the step that failed, whom it was for, and what to do. */
export async function openConnection(
  route: Route,
  means: Means,
  call: CallLabel,
  signal: AbortSignal,
): Promise<Socket> {
  const { target, proxy } = route;
  const through = proxy && authorityOf(proxy);
  const to = authorityOf(target);

  /** A step's failure becomes the call's, with whom it was for. */
  async function step<T>(work: Promise<T>, whom: string, via?: string): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const { phase, code, detail } = StepError.of(error, 'connect');
      const failed = { phase, code, to: whom, ...(via !== undefined && { through: via }) };
      throw new NotSentError(call, { ...failed, ...(detail !== undefined && { detail }) });
    }
  }

  let socket: Socket | undefined;
  try {
    if (!proxy) {
      const addresses = await step(allowedAddresses(route, means, signal), target.host);
      socket = await step(dial(target, addresses, signal), to);
    } else {
      const proxyLabel = `the proxy ${through}`;
      const addresses = await step(addressesOf(proxy.host, signal), `the proxy ${proxy.host}`);
      socket = await step(dial(proxy, addresses, signal), proxyLabel);
      if (proxy.scheme === 'https') {
        socket = await step(secure(socket, proxy.host, means.tls(proxy.host), signal), proxyLabel);
      }
      if (isSocks(proxy)) {
        const place = await step(socksTarget(route, means, signal), target.host);
        socket = await step(throughSocks(socket, proxy, place, signal), to, through);
      } else if (route.secure) {
        socket = await step(openTunnel(socket, target, proxy.authorization, signal), to, through);
      }
    }
    if (!route.secure) return socket;
    return await step(secure(socket, target.host, means.tls(target.host), signal), to, through);
  } catch (error) {
    socket?.destroy();
    throw error;
  }
}

async function allowedAddresses(
  { url, target }: Route,
  means: Means,
  signal: AbortSignal,
): Promise<Address[]> {
  const addresses = await addressesOf(target.host, signal);
  const refusals = addresses.map(({ address }) => means.refusalOf?.(url, address));
  const allowed = addresses.filter((_, index) => refusals[index] === undefined);
  const refusal = refusals.find((reason) => reason !== undefined);
  if (allowed.length === 0 && refusal !== undefined) throw new StepError('policy', 'NOT_ALLOWED', refusal);
  return allowed;
}

/** With `socks4` and `socks5` the name is looked up here, with `socks4a` and `socks5h` at the proxy, as curl has it. */
async function socksTarget(route: Route, means: Means, signal: AbortSignal): Promise<Endpoint> {
  const { proxy, target } = route;
  if (proxy?.scheme === 'socks5h' || proxy?.scheme === 'socks4a') return target;
  const addresses = await allowedAddresses(route, means, signal);
  const chosen = addresses.find(({ address }) => isIPv4(address)) ?? addresses[0];
  return { host: chosen?.address ?? target.host, port: target.port };
}
