/**
 * The variables of the environment that decide about proxies, as Python's `getproxies_environment()` reads them
 * (https://github.com/python/cpython/blob/3.11/Lib/urllib/request.py).
 */

/** The order of the names counts: of two spellings of a variable, the later one wins. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Variable {
  name: string;
  /** Never empty. */
  value: string;
}

export interface ProxyVariables {
  /** By what precedes `_proxy` in the name, in lower case: `http`, `https`, `all`, `no`. */
  byKey: ReadonlyMap<string, Variable>;
  /** The list of exceptions in its exact spellings only, which is how `requests` reads it a second time. */
  exactNoProxy: Variable | undefined;
  /** A variable left out, since a caller of a CGI script can set it with a header `Proxy:` (CVE-2016-1000110). */
  dropped: Variable | undefined;
}

const SUFFIX = '_proxy';

/**
 * First any spelling, then those that end in a lower-case `_proxy`: these override, and an empty one cancels.
 * Empty variables in upper case are as good as unset.
 */
export function readProxyVariables(environment: Environment): ProxyVariables {
  const variables = Object.entries(environment)
    .flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
    .filter(({ name }) => name.toLowerCase().endsWith(SUFFIX));
  const byKey = new Map<string, Variable>();
  for (const variable of variables) {
    if (variable.value !== '') byKey.set(keyOf(variable), variable);
  }
  let dropped: Variable | undefined;
  if (environment['REQUEST_METHOD'] !== undefined) {
    dropped = byKey.get('http');
    byKey.delete('http');
  }
  for (const variable of variables.filter(({ name }) => name.endsWith(SUFFIX))) {
    if (keyOf(variable) === 'http') dropped = undefined;
    if (variable.value === '') byKey.delete(keyOf(variable));
    else byKey.set(keyOf(variable), variable);
  }
  return { byKey, exactNoProxy: exactNoProxy(environment), dropped };
}

/** An empty `no_proxy` does not cancel `NO_PROXY` here, though it does in `byKey`. */
function exactNoProxy(environment: Environment): Variable | undefined {
  const name = ['no_proxy', 'NO_PROXY'].find((spelling) => environment[spelling]);
  return name === undefined ? undefined : { name, value: environment[name] as string };
}

function keyOf({ name }: Variable): string {
  return name.toLowerCase().slice(0, -SUFFIX.length);
}
