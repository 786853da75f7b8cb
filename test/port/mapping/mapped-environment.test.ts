/** What a mapping's `env` shows. */
import { notesOf, type VariableName, variables } from '../../../config/variables.js';
import { mappingEnvironment } from '../../../port/mapping/mapped-environment.js';

test("tokens for mappings are seen, the agent's own secrets are not", () => {
  const seen = mappingEnvironment({
    GITLAB_URL: 'https://g/',
    'platform_sub-group_my-repo': 't1',
    CIRCLE_CI_TOKEN: 't2',
    MY_PASSWORD: 't3',
    PORT_ORG_ID: 'org',
    PORT_CLIENT_SECRET: 's',
    PORT_AGENT_PRIVATE_KEY: 's',
    KAFKA_CONSUMER_PASSWORD: 's',
    KAFKA_CONSUMER_USERNAME: 's',
    TEMPORAL_ADDRESS: 'localhost:7233',
    TEMPORAL_API_KEY: 's',
    TEMPORAL_TLS_CLIENT_KEY_DATA: 's',
    TEMPORAL_TLS_CLIENT_CERT_DATA: 's',
    TEMPORAL_GRPC_META_AUTHORIZATION: 's',
    TEMPORAL_CODEC_KEYS: 's',
    NOT_SET: undefined,
  });
  expect(seen).toEqual({
    GITLAB_URL: 'https://g/',
    'platform_sub-group_my-repo': 't1',
    CIRCLE_CI_TOKEN: 't2',
    MY_PASSWORD: 't3',
    PORT_ORG_ID: 'org',
    TEMPORAL_ADDRESS: 'localhost:7233',
  });
});

test('no variable that is noted as secret is seen, but for where a proxy is', () => {
  const names = Object.keys(variables.shape) as VariableName[];

  const secrets = names.filter((name) => notesOf(name).secret && !name.endsWith('_PROXY'));
  expect(secrets).toContain('PORT_CLIENT_SECRET');
  const seen = mappingEnvironment(Object.fromEntries(names.map((name) => [name, 'x'])));
  expect(Object.keys(seen).filter((name) => secrets.includes(name as VariableName))).toEqual([]);
});

test.each([
  ['http://user:pass@proxy:3128', 'http://proxy:3128'],
  ['user:p@ss@proxy:3128', 'proxy:3128'],
  ['socks5h://u:p@proxy:1080/', 'socks5h://proxy:1080/'],
  ['http://proxy:3128', 'http://proxy:3128'],
  ['http://user:pa:ss:@@@bad url', undefined],
])('of the proxy %s %s is seen', (value, expected) => {
  for (const name of ['HTTP_PROXY', 'https_proxy', 'All_Proxy']) {
    expect(mappingEnvironment({ [name]: value })[name]).toBe(expected);
  }
});

test.each([
  ['https://user:pass@git.corp/gitlab', 'https://git.corp/gitlab'],
  ['https://token@git.corp', 'https://git.corp'],
  ['https://user:p@ss@git.corp/a@b', 'https://git.corp/a@b'],
  [' https://user:pass@git.corp', ' https://git.corp'],
  ['https:user:pass@git.corp', 'https:git.corp'],
  ['https://git.corp/a@b', 'https://git.corp/a@b'],
  ['https://git.corp', 'https://git.corp'],
])("of the agent's own address %s %s is seen", (value, expected) => {
  const names = ['GITLAB_URL', 'PORT_API_BASE_URL', 'TEMPORAL_UI_URL'];
  for (const name of names) expect(mappingEnvironment({ [name]: value })[name]).toBe(expected);
});

test('an address that is there for mappings is seen with its credentials', () => {
  const DATABASE_URL = 'postgres://user:pass@db.corp/x';
  expect(mappingEnvironment({ DATABASE_URL })).toEqual({ DATABASE_URL });
});
