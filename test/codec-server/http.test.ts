import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import {
  CODEC_KEYS,
  owner,
  type Sent,
  shown,
  startCodecServer,
  type TestCodecServer,
  TOKEN,
  UI,
  written,
} from './server.js';

const SECRET = 'p4yload-that-no-log-may-hold';
const OTHER_KEYS = `k2:${randomBytes(32).toString('base64')}`;
const SAME_ID = `k1:${randomBytes(32).toString('base64')}`;

let server: TestCodecServer;
let encrypted: Sent;

beforeAll(async () => {
  server = await startCodecServer({ CODEC_SERVER_NAMESPACES: 'default,prod' });
  encrypted = await written({ password: SECRET }, CODEC_KEYS);
});
afterAll(() => server.stop());

interface Asked {
  path?: string;
  method?: string;
  headers?: Record<string, string | undefined>;
  body?: unknown;
}

/** As the command line asks, unless the test says otherwise. */
function ask({ path = '/decode', method = 'POST', headers = {}, body }: Asked = {}): Promise<Response> {
  const all = {
    'Content-Type': 'application/json',
    'X-Namespace': 'default',
    Authorization: `Bearer ${TOKEN}`,
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const hasBody = method !== 'GET' && method !== 'OPTIONS';
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? { payloads: [encrypted] });
  return fetch(server.url + path, {
    method,
    headers: Object.fromEntries(given),
    redirect: 'manual',
    ...(hasBody && { body: text }),
  });
}

async function decoded(payloads: unknown[], more: Asked = {}): Promise<unknown[]> {
  const answer = await ask({ ...more, body: { payloads } });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { payloads: unknown[] }).payloads;
}

describe('what is decrypted', () => {
  test("is the worker's payload, whole", async () => {
    const [plain] = await decoded([encrypted]);
    expect(plain).toEqual(await written({ password: SECRET }, undefined));
  });

  test.each([
    ['under any path that ends so', { path: '/any/depth/decode' }],
    ['with a query, as the UI sends one', { path: '/decode?preserveStorageRefs=true' }],
    ['for a namespace in the path alone', { path: '/default/decode', headers: { 'X-Namespace': undefined } }],
    ['with a charset', { headers: { 'Content-Type': 'application/json; charset=utf-8' } }],
  ] as [string, Asked][])('%s', async (_, how) => {
    expect((await decoded([encrypted], how)).map(shown)).toEqual([{ password: SECRET }]);
  });

  test('comes back in the order it was sent, among what is not ours, untouched', async () => {
    const plain = await written('plain', undefined);
    const strange = [{ ...plain, externalPayloads: [{ sizeBytes: 7 }] }, {}, null, { metadata: { a: 1 } }];
    const answer = await decoded([plain, encrypted, ...strange]);
    expect(answer).toEqual([plain, await written({ password: SECRET }, undefined), ...strange]);
  });

  test('is nothing when nothing was sent', async () => {
    expect(await decoded([])).toEqual([]);
  });
});

describe('what can not be read says so in its place, and hides no other', () => {
  const cases: [string, () => Promise<Sent>, RegExp][] = [
    [
      'a key that is not loaded',
      () => written(1, OTHER_KEYS),
      /^\[encrypted, and not shown: key "k2" not loaded/,
    ],
    [
      'another key under that id',
      () => written(1, SAME_ID),
      /^\[encrypted, and not shown: key "k1" does not open this payload/,
    ],
    [
      'a payload of another namespace',
      () => written(1, CODEC_KEYS, { ...owner, namespace: 'prod' }),
      /^\[encrypted, and not shown: this payload belongs to r_1 in prod\]$/,
    ],
    ['a damaged one', async () => ({ ...encrypted, data: 'AAAA' }), /does not open this payload/],
    ['one without data', async () => ({ metadata: encrypted['metadata'] }), /does not open this payload/],
  ];
  test.each(cases)('%s', async (_, payload, words) => {
    const [first, second] = await decoded([await payload(), encrypted]);
    expect(first).toMatchObject({ metadata: { encoding: Buffer.from('json/plain').toString('base64') } });
    expect(shown(first)).toMatch(words);
    expect(shown(second)).toEqual({ password: SECRET });
  });
});

describe('what is refused', () => {
  const refused: [string, Asked, number, RegExp][] = [
    ['no token', { headers: { Authorization: undefined } }, 401, /send a token, or sign in/],
    [
      'a wrong token',
      { headers: { Authorization: 'Bearer wrong-token-wrong' } },
      401,
      /token is not accepted/,
    ],
    ['a token without "Bearer"', { headers: { Authorization: TOKEN } }, 401, /must read: Bearer TOKEN/],
    [
      'a forged session',
      { headers: { Authorization: undefined, Cookie: 'codec-session=9999999999.x' } },
      401,
      /sign in/,
    ],
    ['no namespace', { headers: { 'X-Namespace': undefined } }, 400, /say which namespace/],
    [
      'a namespace that is not on the list',
      { headers: { 'X-Namespace': 'secret' } },
      403,
      /of this namespace/,
    ],
    ['a page of another origin', { headers: { Origin: 'https://evil.corp' } }, 403, /pages of this origin/],
    ['a page without an origin', { headers: { Origin: 'null' } }, 403, /pages of this origin/],
    ['encrypting', { path: '/encode' }, 403, /only decrypts/],
    ['reading', { method: 'GET' }, 405, /takes POST only/],
    ['any other path', { path: '/download' }, 404, /nothing here but/],
    [
      'a form',
      { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
      415,
      /application\/json/,
    ],
    ['a text', { headers: { 'Content-Type': 'text/plain' } }, 415, /application\/json/],
    ['half a body', { body: `{"payloads":["${SECRET}"` }, 400, /the body is not/],
    ['another body', { body: '{"payload":[]}' }, 400, /the body is not/],
    ['a list too long', { body: { payloads: Array(10_001).fill({}) } }, 413, /more than 10000 payloads/],
    ['a body too long', { body: 'x'.repeat(16 * 1024 * 1024 + 1) }, 413, /longer than 16777216 bytes/],
  ];
  test.each(refused)('%s', async (_, asked, status, words) => {
    const answer = await ask(asked);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/json');
    const { message } = (await answer.json()) as { message: string };
    expect(message).toMatch(words);
    const line = await server.logged(`"status":${status}`);
    expect(JSON.parse(line)).toMatchObject({ msg: 'refused', why: expect.any(String) as unknown });
  });

  test('a body too long that does not say so', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    const body = new ReadableStream({
      start(stream) {
        for (let sent = 0; sent < 17; sent++) stream.enqueue(megabyte);
        stream.close();
      },
    });
    const headers = {
      'Content-Type': 'application/json',
      'X-Namespace': 'default',
      Authorization: `Bearer ${TOKEN}`,
    };
    const answer = await fetch(`${server.url}/decode`, {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    } as RequestInit);
    expect(answer.status).toBe(413);
  });

  test('what is no HTTP, and the next one is answered', async () => {
    const socket = connect(server.port);
    socket.end('GET no http\r\n\r\n');
    const chunks: string[] = [];
    for await (const chunk of socket) chunks.push(String(chunk));
    expect(chunks.join('')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask()).status).toBe(200);
  });

  test('a namespace is told apart from others only to those who may ask', async () => {
    const stranger = { Authorization: 'Bearer wrong-token-wrong' };
    const answers = await Promise.all(
      ['default', 'secret'].map((namespace) => ask({ headers: { ...stranger, 'X-Namespace': namespace } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  });
});

describe('pages of the Temporal UI', () => {
  const preflight = (origin: string): Promise<Response> =>
    ask({
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,authorization-extras,content-type,x-namespace',
        Authorization: undefined,
      },
    });

  test('are let through by the preflight, without a token', async () => {
    const { status, headers } = await preflight(UI);
    expect(status).toBe(204);
    expect(Object.fromEntries(headers)).toMatchObject({
      'access-control-allow-origin': UI,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization, authorization-extras, content-type, x-namespace',
      vary: 'Origin',
    });
  });

  test('of another origin are not, and get no such header', async () => {
    for (const origin of [
      'https://evil.corp',
      'http://temporal.corp',
      `${UI}:8443`,
      `${UI}.evil.corp`,
      'null',
    ]) {
      const { status, headers } = await preflight(origin);
      expect(status).toBe(403);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('can read answers, refusals as well', async () => {
    const answers = [
      await ask({ headers: { Origin: UI } }),
      await ask({ headers: { Origin: UI, Authorization: 'x' } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 401]);
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe(UI);
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });
});

test('the log says who read how much, and nothing of what', async () => {
  const from = server.log.length;
  await decoded([encrypted, await written(1, OTHER_KEYS)]);
  expect(server.log.slice(from).map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      msg: 'decoded',
      who: 'shared token',
      namespace: 'default',
      payloads: 2,
      converted: 1,
      unreadable: 1,
    }),
  ]);
});

test('no log of all this holds a payload or a token', () => {
  const log = server.log.join('');
  expect(log).toContain('refused');
  const data = String(encrypted['data']);
  for (const kept of [SECRET, TOKEN, 'wrong-token-wrong', data, CODEC_KEYS.slice(3)])
    expect(log).not.toContain(kept);
});
