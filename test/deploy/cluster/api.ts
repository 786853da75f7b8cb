/** Just enough of a client for Kubernetes to start a cluster. */
import { Agent, request } from 'undici';

export interface KubernetesApi {
  /** Whether a GET is answered with 200. */
  isThere(path: string): Promise<boolean>;
  /** Throws unless the answer is 200. */
  get<T>(path: string): Promise<T>;
  /** Throws unless the object was created. */
  create(path: string, object: object): Promise<void>;
  close(): Promise<void>;
}

/** `server` is its address, `ca` in PEM what its certificate is checked with. */
export function connectKubernetes(server: string, ca: string, token: string): KubernetesApi {
  const dispatcher = new Agent({ connect: { ca } });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const send = async (method: 'GET' | 'POST', path: string, object?: object) => {
    const body = object === undefined ? null : JSON.stringify(object);
    const answer = await request(server + path, { dispatcher, headers, method, body });
    return { status: answer.statusCode, text: await answer.body.text() };
  };
  const insist = async (expected: number, method: 'GET' | 'POST', path: string, object?: object) => {
    const { status, text } = await send(method, path, object);
    if (status !== expected) throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
    return text;
  };
  return {
    isThere: async (path) => (await send('GET', path)).status === 200,
    get: async (path) => JSON.parse(await insist(200, 'GET', path)),
    create: async (path, object) => void (await insist(201, 'POST', path, object)),
    close: () => dispatcher.close(),
  };
}
