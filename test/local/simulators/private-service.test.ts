import { createHmac } from 'node:crypto';
import { type PrivateService, startPrivateService } from '../../../local/simulators/private-service.js';

const SECRET = 'the client secret';
let service: PrivateService;
beforeEach(async () => {
  service = await startPrivateService({ clientSecret: SECRET });
});
afterEach(() => service.close());

const post = (path: string, body = '{"a": 1}', headers: Record<string, string> = {}): Promise<Response> =>
  fetch(service.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    redirect: 'manual',
  });

function signed(body: string, timestamp = '1713277889', secret = SECRET): Record<string, string> {
  const digest = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('base64');
  return { 'X-Port-Timestamp': timestamp, 'X-Port-Signature': `v1,${digest}` };
}

describe('what it answers', () => {
  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('/ok takes %s and counts', async (method) => {
    await fetch(`${service.url}/ok`, { method });
    const response = await fetch(`${service.url}/ok`, { method });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ ok: true, received: 2 });
  });

  test('/echo gives the JSON back', async () => {
    expect(await (await post('/echo', '{"a": [1, null]}')).json()).toEqual({ a: [1, null] });
    expect((await post('/echo', 'a=1')).status).toBe(400);
  });

  test.each([200, 400, 404, 429, 500, 503])('/status/%i', async (code) => {
    const asJson = await post(`/status/${code}`);
    expect([asJson.status, await asJson.json()]).toEqual([code, { status: code }]);
    const asPage = await post(`/status/${code}?html`);
    expect([asPage.status, asPage.headers.get('content-type')]).toEqual([code, 'text/html']);
    expect(await asPage.text()).toContain(`<h1>${code}</h1>`);
  });

  test('/status says when to come back, if asked', async () => {
    expect((await post('/status/429?retryAfter=7')).headers.get('retry-after')).toBe('7');
    expect((await post('/status/429')).headers.get('retry-after')).toBeNull();
  });

  test('/slow answers in its time', async () => {
    const before = performance.now();
    const response = await post('/slow/60');
    expect(await response.json()).toEqual({ ok: true, slow: 60 });
    expect(performance.now() - before).toBeGreaterThanOrEqual(55);
  });

  test('/big is as big as asked', async () => {
    expect(await (await post('/big/300000')).text()).toHaveLength(300_000);
  });

  test.each([301, 302, 307, 308])('/redirect/%i points on', async (code) => {
    const response = await post(`/redirect/${code}?to=https://elsewhere.example/a?b=c`);
    expect(response.status).toBe(code);
    expect(response.headers.get('location')).toBe('https://elsewhere.example/a?b=c');
  });

  test('/accepted names a job', async () => {
    const response = await post('/accepted');
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      job: { id: 'job-1', url: `${service.url}/jobs/job-1` },
    });
  });

  test('/text and /empty are no JSON', async () => {
    const text = await post('/text');
    expect([text.headers.get('content-type'), await text.text()]).toEqual(['text/plain', 'done']);
    const empty = await post('/empty');
    expect([empty.status, empty.headers.get('content-length'), await empty.text()]).toEqual([204, null, '']);
  });

  test('anything else is a 404 in JSON', async () => {
    const response = await post('/nothing');
    expect([response.status, await response.json()]).toEqual([404, { error: 'nothing at /nothing' }]);
  });
});

describe('/idempotent', () => {
  test('acts once for a key, and gives the stored answer again', async () => {
    const first = await post('/idempotent', '{}', { 'Idempotency-Key': 'r_1' });
    const again = await post('/idempotent', '{}', { 'Idempotency-Key': 'r_1' });
    const other = await post('/idempotent', '{}', { 'Idempotency-Key': 'r_2' });
    expect([first.status, await first.json()]).toEqual([201, { effect: 1 }]);
    expect([again.status, await again.json()]).toEqual([201, { effect: 1 }]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await other.json()).toEqual({ effect: 2 });
    expect([service.effects('r_1'), service.effects()]).toEqual([1, 2]);
  });

  test('acts each time without a key', async () => {
    await post('/idempotent');
    await post('/idempotent');
    expect(service.effects()).toBe(2);
  });

  test('has acted when the answer is lost', async () => {
    service.inject({ kind: 'dropAfter', times: 1 });
    await expect(post('/idempotent', '{}', { 'Idempotency-Key': 'r_1' })).rejects.toThrow('fetch failed');
    expect(service.effects('r_1')).toBe(1);
    await post('/idempotent', '{}', { 'Idempotency-Key': 'r_1' });
    expect(service.effects('r_1')).toBe(1);
    expect(service.calls('r_1').map(({ status, fault }) => [status, fault])).toEqual([
      [undefined, 'dropAfter'],
      [201, undefined],
    ]);
  });
});

describe('what it remembers', () => {
  test('the request as it came', async () => {
    await post('/ok?a=b', '{ "spaced" : 1 }', { 'Idempotency-Key': 'r_1', 'X-Custom': 'yes' });
    expect(service.calls()[0]).toMatchObject({
      method: 'POST',
      path: '/ok',
      rawBody: '{ "spaced" : 1 }',
      idempotencyKey: 'r_1',
      headers: { 'x-custom': 'yes' },
      status: 200,
      isSigned: false,
    });
    expect(service.calls()[0]?.query.get('a')).toBe('b');
  });

  test('the calls of a run, by key or body', async () => {
    await post('/ok', '{"context":{"runId":"r_1"}}');
    await post('/ok', '{}', { 'Idempotency-Key': 'r_1' });
    await post('/ok', '{"context":{"runId":"r_10"}}');
    expect(service.calls('r_1').map(({ rawBody }) => rawBody)).toEqual(['{"context":{"runId":"r_1"}}', '{}']);
  });

  test('a signature over the bytes that were sent holds', async () => {
    const body = '{"name":"Zoë","n":1}';
    await post('/ok', body, signed(body));
    expect(service.calls()[0]?.isSigned).toBe(true);
  });

  test.each<[string, string, Record<string, string>]>([
    ['over other spacing', '{"a": 1}', signed('{"a":1}')],
    ['with another secret', '{"a":1}', signed('{"a":1}', '1713277889', 'another')],
    ['for another time', '{"a":1}', { ...signed('{"a":1}'), 'X-Port-Timestamp': '1713277890' }],
    [
      'without a time',
      '{"a":1}',
      { 'X-Port-Signature': signed('{"a":1}', 'undefined')['X-Port-Signature'] ?? '' },
    ],
    ['without its version', '{"a":1}', { ...signed('{"a":1}'), 'X-Port-Signature': 'v2,abc' }],
  ])('a signature %s does not hold', async (_, body, headers) => {
    await post('/ok', body, headers);
    expect(service.calls()[0]?.isSigned).toBe(false);
  });
});
