import { findTriggerToken } from '../../port/trigger-token.js';

const OWN = {
  PORT_CLIENT_SECRET: 'secret',
  TEMPORAL_API_KEY: 'key',
  TEMPORAL_TLS_CLIENT_KEY_DATA: 'pem',
  KAFKA_CONSUMER_PASSWORD: 'password',
  HTTPS_PROXY: 'http://user:pass@proxy',
  https_proxy: 'http://user:pass@proxy',
  ALL_PROXY: 'socks5://user:pass@proxy',
  ftp_proxy: 'http://user:pass@proxy',
  Some_Other_Proxy: 'user:pass@proxy',
};

test.each([
  ['platform', 'infra', 'platform_infra'],
  ['platform/sub-group', 'my-infra-repo', 'platform_sub-group_my-infra-repo'],
  ['a/b/c', 'd.e', 'a_b_c_d.e'],
])('the token of %s/%s is in the variable %s', (group, project, name) => {
  expect(findTriggerToken(group, project, { [name]: 'glptt' })).toEqual({ token: 'glptt' });
});

test('a missing token names the variable to set', () => {
  expect(findTriggerToken('platform/sub', 'infra', {})).toEqual({
    problem:
      'there is no trigger token for platform/sub/infra: set the variable platform_sub_infra; the name is case sensitive',
  });
});

test.each(['', '  ', undefined])('a token of %j is a missing one', (token) => {
  expect(findTriggerToken('platform', 'infra', { platform_infra: token })).toHaveProperty('problem');
});

test('a token in another case is not used, but hinted at', () => {
  const found = findTriggerToken('Platform', 'infra', { platform_INFRA: 'glptt', OTHER: 'x' });
  expect(found).toEqual({
    problem:
      'there is no trigger token for Platform/infra: set the variable Platform_infra; the name is case sensitive, and there is a platform_INFRA',
  });
});

test("no hint leads to an empty variable or to one of the agent's own", () => {
  const environment = { port_client_SECRET: '', ...OWN };
  const found = findTriggerToken('port', 'client_secret', environment);
  expect(found).toEqual({ problem: expect.stringMatching(/; the name is case sensitive$/) });
});

test.each(Object.keys(OWN))("the agent's own %s is never a token", (name) => {
  const [group = '', ...rest] = name.split('_');
  const found = findTriggerToken(group, rest.join('_'), OWN);
  expect(found).toEqual({
    problem: `${name} is a variable of the agent itself and is never used as a trigger token`,
  });
});

test('a project that is called proxy has a token like any other', () => {
  expect(findTriggerToken('infra', 'proxy', { infra_proxy: 'glptt' })).toEqual({ token: 'glptt' });
});

test("the agent's own are refused even under a group of several parts", () => {
  expect(findTriggerToken('PORT/CLIENT', 'SECRET', OWN)).toHaveProperty('problem');
});

test.each(['proto__', 'defineGetter__'])('what every object has is no token: ___%s', (project) => {
  expect(findTriggerToken('_', project, {})).toHaveProperty('problem');
});
