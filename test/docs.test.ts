/** Holds the documentation to the repository: what it names exists, and the README's table is the code's. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { variablesAsMarkdown } from '../config/help.js';
import { defaultOf, OWN_VARIABLES, type VariableName } from '../config/variables.js';
import { announcedExamples, codeSpans, examplesIn, fences, linkedFiles } from './docs/markdown.js';

const ROOT = join(__dirname, '..');
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'SECURITY.md',
  'UPGRADING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Names that are not the agent's: GitLab's, Node's, those of the examples, and those that tests read. */
const OTHER_NAMES = new Set([
  'CI_PIPELINE_ID',
  'CI_PIPELINE_SOURCE',
  'TRIGGER_PAYLOAD',
  'NODE_EXTRA_CA_CERTS',
  'RUN_ID',
  'REQUIRE_ALL',
  'UPDATE_DOCS',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'TEMPORAL_PORT_AGENT_CACHE',
  'XDG_CACHE_HOME',
  'JAVA_HOME',
  'KAFKA_HOME',
]);
/** Words in capitals that are no variables: error codes, Temporal's policies, Port's and Kafka's values. */
const NO_VARIABLE =
  /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_|REJECT_DUPLICATE$|USE_EXISTING$|IN_PROGRESS$|WAITING_FOR_APPROVAL$|ENTITY_|SASL_|PROXY_\d|SOCKS_)/;
const FOLDERS =
  /^(activities|cli|codec-server|config|deploy|docs|http|ingest|local|migrate|port|sweep|telemetry|temporal|test|worker|workflows)\//;
const ROOT_FILES =
  /^(package(-lock)?\.json|tsconfig(\.build)?\.json|biome\.json|jest\.config\.json|docker-compose\.yml|\.env\.example|\.dockerignore|[A-Z]+\.md)$/;

describe.each(DOCUMENTS)('%s', (path) => {
  it('is there', () => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });
  if (!existsSync(join(ROOT, path))) return;

  it('follows each announced example with a fenced block', () => {
    expect(examplesIn(read(path))).toHaveLength(announcedExamples(read(path)));
  });

  it('names only variables that exist', () => {
    const names = shown(read(path)).flatMap((code) => code.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? []);
    const unknown = names.filter(
      (name) => !OWN_VARIABLES.has(name) && !OTHER_NAMES.has(name) && !NO_VARIABLE.test(name),
    );
    expect(unknown).toEqual([]);
  });

  it('names defaults as they are', () => {
    const text = read(path).replace(/\n/g, ' ');
    for (const [, name = '', said = ''] of text.matchAll(/`([A-Z][A-Z0-9_]+)` \(default ([^)]*)\)/g)) {
      expect({ name, default: said }).toEqual({ name, default: `\`${defaultOf(name as VariableName)}\`` });
    }
  });

  it('names only files that exist', () => {
    const missing = [
      ...shown(read(path)).flatMap(pathsIn),
      ...linkedFiles(read(path)).map((link) => join(dirname(path), link)),
    ].filter((file) => !existsSync(join(ROOT, file)));
    expect(missing).toEqual([]);
  });

  it('names only scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = shown(read(path)).flatMap((code) => [
      ...[...code.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name),
      ...[...code.matchAll(/\bnpm (test|start)\b/g)].map(([, name = '']) => name),
    ]);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

describe("the README's table of variables", () => {
  const MARKED = /(<!-- variables:begin -->)[\s\S]*?(<!-- variables:end -->)/;

  it('is the one that config/help.ts makes (UPDATE_DOCS=1 rewrites it)', () => {
    const generated = read('README.md').replace(
      MARKED,
      (_, begin, end) => `${begin}\n\n${variablesAsMarkdown()}\n\n${end}`,
    );
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(join(ROOT, 'README.md'), generated);
    expect(read('README.md')).toMatch(MARKED);
    expect(read('README.md')).toBe(generated);
  });
});

/** All code a reader sees: between backticks, and the blocks that are no example data. */
function shown(markdown: string): string[] {
  return [...codeSpans(markdown), ...fences(markdown, '', 'sh', 'bash', 'console', 'yaml', 'text')];
}

/** The files of this repository that a piece of code names; a pattern stands for its folder. */
function pathsIn(code: string): string[] {
  return code
    .split(/[\s"'=,:()]+/)
    .map((word) => word.replace(/^\.\//, ''))
    .filter((word) => FOLDERS.test(word) || ROOT_FILES.test(word))
    .map((word) => (word.includes('*') ? dirname(word.slice(0, word.indexOf('*') + 1)) : word))
    .filter((word) => !word.includes('<'));
}
