/** Runs that Port signs, and that ask for a call which the agent must not make so. */
import { startPrivateService } from '../../../local/simulators/private-service.js';
import { inTurn } from './message-threats.js';
import type { Message, Seen, Site, Threat } from './site.js';

const METADATA = [
  'http://169.254.169.254/latest/meta-data',
  'http://0xA9FEA9FE/',
  'http://2852039166/',
  'http://0251.0376.0251.0376/',
  'http://169.254.169.254./',
  'http://[::ffff:169.254.169.254]/',
  'http://[fd00:ec2::254]/',
  'http://gitlab.example@169.254.169.254/',
];

export const callThreats: Record<string, Threat> = {
  'own-token': (site) =>
    inTurn(
      [
        ['PORT', 'CLIENT_SECRET'],
        ['PORT/CLIENT', 'SECRET'],
        ['CODEC', 'KEYS'],
        ['TEMPORAL', 'API_KEY'],
        ['https', 'proxy'],
      ],
      ([groupName, projectName]) => site.signed('http://a.test/', { type: 'GITLAB', groupName, projectName }),
    ),
  'others-token': async (site) => [
    // The variable is that of platform/sub-group/infra.
    await site.signed('http://a.test/', {
      type: 'GITLAB',
      groupName: 'platform_sub-group',
      projectName: 'infra',
    }),
  ],

  'metadata-address': (site) => inTurn(METADATA, (url) => site.signed(url)),
  'metadata-name': async (site) => {
    const { port } = site.house.service;
    // The same resolver leads to the service under a name, so that it is seen to be asked.
    expect(await site.signed(`http://inside.test:${port}/ok`)).toMatchObject({ status: 'SUCCESS', calls: 1 });
    return [await site.signed('http://metadata.test/latest/meta-data')];
  },
  'metadata-redirect': (site) =>
    inTurn([...METADATA, 'http://metadata.test/'], (url) => redirected(site, url)),
  'redirect-not-allowed': async (site) => {
    const other = await startPrivateService();
    const seen = await redirected(site, `${other.url}/ok`);
    await other.close();
    expect(other.journal).toEqual([]);
    return [seen];
  },

  'action-not-allowed': async (site) => {
    const run = await site.run(`${site.house.service.url}/ok`, {}, 'wipe');
    return [await site.outcomeOf(await site.publish(site.sign(site.messageOf(run))), run.id)];
  },
  'method-not-allowed': (site) =>
    inTurn(['DELETE', 'delete', 'CONNECT', 'TRACE', 'POST x'], (method) => called(site, { method })),

  'header-lines': (site) =>
    inTurn(
      [
        { 'X-Team': 'a\r\nX-Admin: true' },
        { 'X-Team': 'a\nb' },
        { 'X-Team\r\nX-Admin': 'true' },
        { 'X-Team: a\r\n\r\nGET /admin': 'x' },
        { 'X-Team': 'a\u010d\u010ab' },
        { 'X Team': 'a' },
      ],
      (headers) => called(site, { headers }),
    ),
  'header-framing': (site) =>
    inTurn(['Host', 'content-length', 'TRANSFER-ENCODING', 'Connection'], (name) =>
      called(site, { headers: { [name]: 'chunked' } }),
    ),
  'header-signature': async (site) => {
    const run = await site.run(`${site.house.service.url}/ok`);
    const headers = {
      'x-port-signature': 'v1,forged',
      'X-PORT-TIMESTAMP': '1',
      'Idempotency-key': 'another-run',
    };
    const record = await site.publish(site.sign(site.messageOf(run, { headers })));
    const seen = await site.outcomeOf(record, run.id);
    const [call] = site.house.service.calls(run.id);
    expect(call).toMatchObject({ isSigned: true, idempotencyKey: run.id });
    return [seen];
  },

  'jq-bomb': (site) =>
    inTurn(['threat_time', 'threat_memory'], async (identifier) => {
      const url = `${site.house.service.url}/ok`;
      const [bomb, other] = [await site.run(url, {}, identifier), await site.run(url)];
      const message = site.messageOf(bomb);
      const payload = { ...(message['payload'] as Message), properties: { size: 1e12 } };
      const record = await site.publish(site.sign({ ...message, payload }), 'mapped');
      // Beside it, another run of the agent with mappings is carried out.
      const beside = await site.publish(site.sign(site.messageOf(other)), 'mapped');
      expect(await site.outcomeOf(beside, other.id)).toMatchObject({ status: 'SUCCESS', calls: 1 });
      return site.outcomeOf(record, bomb.id);
    }),
};

/** A run whose target is allowed, and sends the agent on to this address. */
function redirected(site: Site, url: string): Promise<Seen> {
  return site.signed(`${site.house.service.url}/redirect/307?to=${encodeURIComponent(url)}`);
}

/** A run of the house's own service, with these wishes. */
function called(site: Site, method: object): Promise<Seen> {
  return site.signed(`${site.house.service.url}/ok`, method);
}
