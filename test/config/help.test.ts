import { variablesAsMarkdown, variablesAsText } from '../../config/help.js';
import { defaultOf, notesOf, type VariableName, variables } from '../../config/variables.js';

const names = Object.keys(variables.shape) as VariableName[];
const text = variablesAsText().split('\n');
const markdown = variablesAsMarkdown().split('\n');

describe.each(names)('%s', (name) => {
  const row = markdown.find((line) => line.startsWith(`| \`${name}\` |`));

  test('is in the help text, with what it means and its default', () => {
    const line = text[text.indexOf(`  ${name}`) + 1] ?? '';
    expect(line).toContain(notesOf(name).about.replaceAll('`', ''));
    const required = !variables.shape[name].safeParse(undefined).success;
    expect(line).toMatch(required ? / Required\.$/ : / Default: \S.*\.$/);
  });

  test('is a row of three cells in the Markdown table', () => {
    expect(row?.split('|')).toHaveLength(5);
    expect(row).toContain(notesOf(name).about);
  });
});

test('the help text is grouped, each group once', () => {
  const groups = text.filter((line) => /^\S/.test(line));
  expect(groups).toEqual([
    'Port',
    'Source',
    'Calls',
    'GitLab',
    'Network',
    'Process',
    'Temporal',
    'Codec server',
  ]);
});

test('the help text holds no Markdown', () => {
  expect(text.join('\n')).not.toContain('`');
});

test.each([
  ['PORT_ORG_ID', '*required*'],
  ['PORT_API_BASE_URL', '`https://api.getport.io`'],
  ['GITLAB_URL', '`https://gitlab.com/`'],
  ['KAFKA_RUNS_TOPIC', '`<PORT_ORG_ID>.runs`'],
  ['DETAILED_LOGGING', '`true`'],
  ['LOG_LEVEL', '`INFO`'],
  ['TEMPORAL_API_KEY', ''],
])('the table shows the default of %s as %j', (name, shown) => {
  const row = markdown.find((line) => line.startsWith(`| \`${name}\` |`));
  expect(row?.split('|')[2]?.trim()).toBe(shown);
});

test('whatever is named like a secret is marked as one, and has no default', () => {
  const secrets = names.filter((name) =>
    /SECRET(?!S_DIR)|API_KEY|PASSWORD|TOKEN|PRIVATE_KEY|CODEC_KEYS|(?<!^NO)_PROXY$/.test(name),
  );
  expect(secrets).toEqual([
    'PORT_CLIENT_SECRET',
    'PORT_AGENT_PRIVATE_KEY',
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'ALL_PROXY',
    'TEMPORAL_API_KEY',
    'TEMPORAL_HTTP_PROXY',
    'CODEC_KEYS',
    'CODEC_SERVER_TOKEN',
  ]);
  expect(names.filter((name) => notesOf(name).secret)).toEqual(secrets);
  expect(secrets.filter((name) => defaultOf(name) !== undefined)).toEqual([]);
});
