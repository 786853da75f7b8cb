import { followingRequest } from '../../http/redirect.js';

const request = {
  method: 'POST',
  url: 'http://a.example/start',
  headers: {
    Authorization: 'x',
    'X-Port-Signature': 's',
    'Content-Type': 'application/json',
    'Idempotency-Key': 'r_1',
    'User-Agent': 'agent',
    'PRIVATE-TOKEN': 'glpat',
    'X-Api-Key': 'k',
    'Proxy-Authorization': 'p',
    'X-Team': 'platform',
  },
  body: '{}',
};

test.each([
  [301, 'POST', 'GET'],
  [301, 'PUT', 'PUT'],
  [302, 'POST', 'GET'],
  [302, 'DELETE', 'GET'],
  [303, 'PUT', 'GET'],
  [303, 'HEAD', 'HEAD'],
  [307, 'POST', 'POST'],
  [308, 'PATCH', 'PATCH'],
])('%i turns %s into %s', (status, method, expected) => {
  expect(followingRequest({ ...request, method }, status, '/next')?.method).toBe(expected);
});

test('307 keeps the body, 302 drops it with the headers about it', () => {
  expect(followingRequest(request, 307, '/next')?.body).toBe('{}');
  const next = followingRequest(request, 302, '/next');
  expect(next?.body).toBeUndefined();
  expect(next?.headers).not.toHaveProperty('Content-Type');
  expect(next?.headers).toHaveProperty('Authorization');
});

test.each([
  ['http://b.example/', false],
  ['http://a.example:8080/', false],
  ['https://a.example/', true],
  ['http://a.example/other', true],
])('to %s, credentials and signature go along: %s', (location, kept) => {
  const headers = followingRequest(request, 307, location)?.headers ?? {};
  expect('Authorization' in headers).toBe(kept);
  expect('X-Port-Signature' in headers).toBe(kept);
  expect(headers['Idempotency-Key']).toBe('r_1');
});

test('of what the author of an action or mapping wrote, another host gets what it needs for the body', () => {
  const { body, headers } = followingRequest(request, 307, 'http://b.example/') ?? {};
  expect(body).toBe('{}');
  expect(headers).toEqual({
    'Content-Type': 'application/json',
    'Idempotency-Key': 'r_1',
    'User-Agent': 'agent',
  });
});

test.each([
  [200, '/x'],
  [304, '/x'],
  [302, undefined],
])('%i with location %s is no redirect', (status, location) => {
  expect(followingRequest(request, status, location)).toBeUndefined();
});
