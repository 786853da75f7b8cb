/** Endings that the target, or the way to it, brings about. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createTestCa } from '../../../local/parts/test-ca.js';
import { startPrivateService } from '../../../local/simulators/private-service.js';
import { closedPort, type Driver, type Ending, type Stage } from './stage.js';

/** A call is given up so soon where that is the ending: not before it could be sent, however busy the machine is. */
const ENOUGH_TO_SEND_MS = 5000;

export const targetEndings: Record<string, Driver> = {
  answered: async (stage) => [
    await stage.webhook(`${stage.house.service.url}/ok`),
    await stage.gitlab('synchronized', { synchronized: true }),
  ],

  'answer-cut': async (stage) => {
    const { service } = stage.house;
    service.inject({ kind: 'truncate', path: /^\/text$/, bytes: 2 });
    return [await stage.webhook(`${service.url}/big/1200000`), await stage.webhook(`${service.url}/text`)];
  },

  accepted: async (stage) => [
    await stage.webhook(`${stage.house.service.url}/accepted`, { synchronized: false }),
  ],

  'webhook-4xx': async (stage) => [
    await stage.webhook(`${stage.house.service.url}/status/404`),
    await stage.webhook(`${stage.house.service.url}/status/404`, { synchronized: false }),
  ],
  'webhook-5xx': async (stage) => [await stage.webhook(`${stage.house.service.url}/status/503`)],
  'webhook-429': async (stage) => [
    await stage.webhook(`${stage.house.service.url}/status/429?retryAfter=600`),
  ],

  redirect: async (stage) => {
    const { url } = stage.house.service;
    const nowhere = encodeURIComponent(`http://127.0.0.1:${await closedPort()}/`);
    return [await stage.webhook(`${url}/redirect/307?to=${nowhere}`)];
  },

  'no-url': async (stage) => [await stage.webhook('')],
  'bad-url': async (stage) => [
    await stage.webhook('the.target/hook'),
    await stage.webhook('ftp://the.target/'),
  ],
  'bad-method': async (stage) => [
    await stage.webhook(`${stage.house.service.url}/ok`, { method: 'BREW TEA' }),
  ],
  'bad-header': async (stage) => [
    await stage.webhook(`${stage.house.service.url}/ok`, { headers: { 'X-Team': 'a\nb' } }),
  ],
  'own-header': async (stage) => [
    await stage.webhook(`${stage.house.service.url}/ok`, { headers: { host: 'elsewhere' } }),
  ],

  'unknown-host': async (stage) => [await stage.webhook('http://no-such-host.invalid/')],
  refused: async (stage) => [await stage.webhook(`http://127.0.0.1:${await closedPort()}/`)],
  // A peer that accepts and then says nothing: the handshake of TLS is part of making the connection.
  'connect-timeout': async (stage) => [
    await stage.givenUp(`https://127.0.0.1:${await rawServer(stage)}/`, ENOUGH_TO_SEND_MS),
  ],
  'tls-cut': async (stage) => {
    const port = await rawServer(stage, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    return [await stage.webhook(`https://127.0.0.1:${port}/`)];
  },
  certificate: async (stage) => {
    const stranger = createTestCa('a stranger');
    const here = { commonName: 'here', ipAddresses: ['127.0.0.1'] };
    const services = await Promise.all([
      secureService(stage, stranger.issue(here)),
      secureService(stage, stage.ca.issue({ ...here, notAfter: new Date(Date.now() - 1000) })),
      secureService(stage, stage.ca.issue({ commonName: 'there', dnsNames: ['there.example'] })),
    ]);
    const plain = stage.house.service.url.replace('http:', 'https:');
    return Promise.all([...services, plain].map((url) => stage.webhook(`${url}/ok`)));
  },

  'proxy-refuses': async (stage) =>
    Promise.all([407, 403].map((status) => stage.webhook(`https://proxy-answers-${status}.example/`))),
  'proxy-cannot': async (stage) => [await stage.webhook('https://proxy-answers-502.example/')],
  'not-allowed': async (stage) => {
    const endings = [
      await stage.webhook('http://169.254.169.254/latest/meta-data'),
      ...(await refusedByLocalPolicy(stage)),
    ];
    const rules = endings.map(
      ({ summary }) => /cloud metadata|ALLOWED_\w+ does not/.exec(summary ?? '')?.[0],
    );
    expect(rules).toEqual(['cloud metadata', 'ALLOWED_METHODS does not', 'ALLOWED_ACTIONS does not']);
    return endings;
  },

  'answer-lost': async (stage) => {
    const { service } = stage.house;
    service.inject({ kind: 'dropAfter', path: /^\/ok\/dropped$/ });
    stage.house.gitlab.inject({ kind: 'dropAfter', path: /ends%2Fdropped/ });
    return Promise.all([stage.webhook(`${service.url}/ok/dropped`), stage.gitlab('dropped')]);
  },
  'no-answer': async (stage) => {
    const { service } = stage.house;
    service.inject({ kind: 'hang', path: /^\/ok\/silent$/ });
    return [await stage.givenUp(`${service.url}/ok/silent`, ENOUGH_TO_SEND_MS)];
  },
};

/** A worker of its own, which may carry out one action, and may not POST. */
async function refusedByLocalPolicy(stage: Stage): Promise<Ending[]> {
  const url = `${stage.house.service.url}/ok`;
  const [known, unknown] = [await stage.unpublished(url), await stage.unpublished(url)];
  const queue = 'local-policy';
  await stage.house.agent('worker', {
    TEMPORAL_TASK_QUEUE: queue,
    ALLOWED_ACTIONS: known.invocation.action.identifier,
    ALLOWED_METHODS: 'GET',
  });
  for (const run of [known, unknown]) await stage.start(run, queue);
  return [await stage.closed(known), await stage.closed(unknown)];
}

async function secureService(stage: Stage, { certPem, keyPem }: { certPem: string; keyPem: string }) {
  const service = stage.closing(await startPrivateService({ tls: { cert: certPem, key: keyPem } }));
  stage.targets.push(service);
  return service.url;
}

/** A server below HTTP, whose connections are this function's. */
async function rawServer(stage: Stage, onConnection: (socket: Socket) => void = () => {}): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onConnection(socket);
  });
  stage.closing({
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
