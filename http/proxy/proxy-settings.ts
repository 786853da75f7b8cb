/** The proxies of a process: read once, checked, and told to people. */
import { type Environment, type ProxyVariables, readProxyVariables, type Variable } from './environment.js';
import { noProxyWarnings } from './no-proxy-warnings.js';
import { type ProxyServer, parseProxyUrl } from './proxy-url.js';
import { selectVariable } from './select-proxy.js';

export interface ProxySettings {
  /**
   * The proxy for a URL as written; undefined means: directly.
   *
   * @throws Error when the variable that applies is one of `problems`: never silently directly.
   */
  proxyFor(url: string): ProxyServer | undefined;
  /** One line for the log, without credentials; `none` when no variable applies. */
  summary: string;
  /** What is probably not meant: entries of NO_PROXY that match nothing, a variable left out. */
  warnings: string[];
  /** Variables that cannot be used, each with its remedy. */
  problems: string[];
}

/** Reads the environment once; later changes to it do not count. */
export function readProxySettings(environment: Environment): ProxySettings {
  const variables = readProxyVariables(environment);
  const used = usedVariables(variables);
  const problems = used.flatMap((variable) => {
    const read = readVariable(variable);
    return 'problem' in read ? [`${variable.name} ${read.problem}`] : [];
  });
  return {
    proxyFor: (url) => {
      const variable = selectVariable(url, variables);
      if (!variable) return undefined;
      const read = readVariable(variable);
      if ('problem' in read) throw new Error(`${variable.name} ${read.problem}`);
      return read.proxy;
    },
    summary: used.length === 0 ? 'none' : summarize(variables),
    warnings: [...droppedWarning(variables), ...(used.length === 0 ? [] : noProxyWarnings(variables))],
    problems,
  };
}

function readVariable({ value }: Variable): ReturnType<typeof parseProxyUrl> {
  // To requests it is a piece of the host's name, which then does not exist.
  if (/^\s*["']/.test(value)) return { problem: 'begins with a quotation mark: remove the quotation marks' };
  return parseProxyUrl(value);
}

/** Those that can apply to a call of ours; the ones of a single host are called like `http://a.example_proxy`. */
function usedVariables({ byKey }: ProxyVariables): Variable[] {
  const all = byKey.get('all');
  const ofHosts = [...byKey]
    .filter(([key]) => /^(https?|all):\/\//.test(key))
    .map(([, variable]) => variable);
  const used = [byKey.get('http') ?? all, byKey.get('https') ?? all, ...ofHosts];
  return [...new Set(used)].filter((variable) => variable !== undefined);
}

function summarize(variables: ProxyVariables): string {
  const { byKey, exactNoProxy } = variables;
  const exceptions = exactNoProxy ?? byKey.get('no');
  const count = exceptions?.value.split(',').filter((entry) => entry.trim() !== '').length ?? 0;
  return [
    ...['http', 'https'].map((scheme) => `${scheme}: ${summarizeScheme(scheme, variables)}`),
    ...(exceptions ? [`${count} ${count === 1 ? 'exception' : 'exceptions'} in ${exceptions.name}`] : []),
  ].join('; ');
}

function summarizeScheme(scheme: string, { byKey }: ProxyVariables): string {
  const variable = byKey.get(scheme) ?? byKey.get('all');
  if (!variable) return `directly (neither ${scheme.toUpperCase()}_PROXY nor ALL_PROXY applies)`;
  const read = readVariable(variable);
  if ('problem' in read) return `unusable (${variable.name})`;
  return `${read.proxy.label}${read.proxy.username ? ' with credentials' : ''} (${variable.name})`;
}

function droppedWarning({ dropped }: ProxyVariables): string[] {
  if (!dropped) return [];
  return [
    `${dropped.name} is not used, because REQUEST_METHOD is set as in a CGI script, whose callers could have set ` +
      `${dropped.name}: unset REQUEST_METHOD, or write http_proxy`,
  ];
}
