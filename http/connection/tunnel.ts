/** A tunnel through an HTTP proxy: CONNECT, answered with 2xx (RFC 9110, 9.3.6). */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { authorityOf, type Endpoint, StepError, settled } from './step.js';

/** Asks the proxy at the other end of `socket` for a way to `target`. @throws StepError in the phase 'CONNECT'. */
export async function openTunnel(
  socket: Socket,
  target: Endpoint,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = authorityOf(target);
  const request = httpRequest({
    method: 'CONNECT',
    path: authority,
    headers: {
      Host: authority,
      // Without a word about it, Node asks the proxy to close the connection.
      Connection: 'keep-alive',
      ...(authorization !== undefined && { 'Proxy-Authorization': authorization }),
    },
    createConnection: () => socket,
  });
  try {
    const { response, head } = await settled(answerTo(request), signal);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new StepError('CONNECT', `PROXY_${status}`, detailOf(response));
    if (head.length > 0) socket.unshift(head);
    return socket;
  } catch (error) {
    request.destroy();
    throw StepError.of(error, 'CONNECT');
  }
}

/** Whatever the status: Node hands over every answer to CONNECT as an upgrade. */
function answerTo(request: ClientRequest): Promise<{ response: IncomingMessage; head: Buffer }> {
  return new Promise((resolve, reject) => {
    request.once('connect', (response, _socket, head) => resolve({ response, head }));
    request.once('error', reject);
    request.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    request.end();
  });
}

/** What other scheme the proxy would want, when it does not take Basic credentials at all. */
function detailOf({ statusCode, headers }: IncomingMessage): string | undefined {
  const offered = [headers['proxy-authenticate'] ?? []].flat().map((value) => value.split(/[ ,]/)[0] ?? '');
  if (statusCode !== 407 || offered.length === 0 || offered.some((scheme) => /^basic$/i.test(scheme)))
    return undefined;
  return `the proxy asks for ${offered.join(' or ')} credentials; this agent knows Basic alone`;
}
