/**
 * Which proxy a request takes, exactly as Python's `requests` 2.34 decides it, except that URLs in `NO_PROXY`
 * count.
 */
import { type Environment, type ProxyVariables, readProxyVariables, type Variable } from './environment.js';
import { isException } from './no-proxy.js';
import { readTarget } from './target.js';

/**
 * The value of the variable that applies to a URL, unread; undefined means: directly.
 *
 * `url` is the text as written: `https://a.example:443/` and `https://a.example/` are two things to `NO_PROXY`.
 */
export function selectProxy(url: string, environment: Environment): string | undefined {
  return selectVariable(url, readProxyVariables(environment))?.value;
}

/** The same, from variables that were read before. */
export function selectVariable(url: string, variables: ProxyVariables): Variable | undefined {
  const target = readTarget(url);
  if (!target || isException(target, variables)) return undefined;
  const { scheme, host } = target;
  const keys = [`${scheme}://${host}`, scheme, `all://${host}`, 'all'];
  return keys.map((key) => variables.byKey.get(key)).find((variable) => variable !== undefined);
}
