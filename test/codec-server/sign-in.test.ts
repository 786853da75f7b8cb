import { SharedToken } from '../../codec-server/shared-token.js';
import { CODEC_KEYS, startCodecServer, type TestCodecServer, TOKEN, UI, written } from './server.js';

let server: TestCodecServer;
beforeAll(async () => {
  server = await startCodecServer();
});
afterAll(() => server.stop());

function signIn(token: string): Promise<Response> {
  const body = new URLSearchParams({ token });
  return fetch(`${server.url}/sign-in`, { method: 'POST', body, redirect: 'manual' });
}

async function decodeWith(cookie: string): Promise<number> {
  const headers = {
    Origin: UI,
    'Content-Type': 'application/json',
    'X-Namespace': 'default',
    Cookie: cookie,
  };
  const body = JSON.stringify({ payloads: [await written(1, CODEC_KEYS)] });
  return (await fetch(`${server.url}/decode`, { method: 'POST', headers, body })).status;
}

const cookieOf = (answer: Response): string => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

test('the start page asks for the token, and runs no script', async () => {
  const answer = await fetch(`${server.url}/`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; /);
  const html = await answer.text();
  expect(html).toContain('type="password"');
  expect(html).not.toContain('<script');
});

test('the right token opens a session that no script and no other site can use', async () => {
  const answer = await signIn(` ${TOKEN}\n`);
  expect(answer.status).toBe(303);
  const [cookie, ...attributes] = (answer.headers.get('set-cookie') ?? '').split('; ');
  expect(attributes).toEqual(['HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age=43200', 'Secure']);
  expect(cookie).not.toContain(TOKEN);
  expect(await decodeWith(`other=1; ${cookie}; more=2`)).toBe(200);
  const start = await fetch(`${server.url}/`, { headers: { Cookie: cookie ?? '' } });
  expect(await start.text()).toContain('You are signed in');
});

test('where the UI is opened with plain HTTP, its session goes over plain HTTP as well', async () => {
  const plain = await startCodecServer({ CODEC_SERVER_ALLOWED_ORIGINS: 'http://localhost:8233' });
  const body = new URLSearchParams({ token: TOKEN });
  const answer = await fetch(`${plain.url}/sign-in`, { method: 'POST', body, redirect: 'manual' });
  expect(answer.headers.get('set-cookie')).not.toContain('Secure');
  await plain.stop();
});

test('a wrong token opens none, and the page says so', async () => {
  const answer = await signIn('not-the-token-at-all');
  expect(answer.status).toBe(401);
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect(await answer.text()).toContain('This token is not accepted.');
  expect(server.log.join('')).not.toContain('not-the-token-at-all');
});

test.each([
  ['a later end', (cookie: string) => cookie.replace(/=\d/, '=9')],
  ['another signature', (cookie: string) => cookie.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
  ['no signature', (cookie: string) => cookie.replace(/\..*/, '.')],
  ['the token itself', () => `codec-session=${TOKEN}`],
])('a session with %s does not count', async (_, change) => {
  const cookie = cookieOf(await signIn(TOKEN));
  expect(await decodeWith(cookie)).toBe(200);
  expect(await decodeWith(change(cookie))).toBe(401);
});

test('a session ends after twelve hours, or when the token is changed', () => {
  let now = 0;
  const at = (token: string): SharedToken => new SharedToken(token, () => now);
  const cookie = at(TOKEN).sessionCookie(true).split(';')[0];
  expect(at(TOKEN).holdsSession(cookie)).toBe(true);
  expect(at('another-shared-token').holdsSession(cookie)).toBe(false);
  now = 12 * 3_600_000;
  expect(at(TOKEN).holdsSession(cookie)).toBe(false);
});

test('a form that is too long is refused', async () => {
  expect((await signIn('x'.repeat(5000))).status).toBe(413);
});
