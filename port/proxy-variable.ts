/** Variables that say where a proxy is, the agent's own and those of other tools: their addresses hold credentials. */

/** `HTTPS_PROXY`, `ftp_proxy`, `TEMPORAL_HTTP_PROXY`: whatever ends so, in any case of letters. */
export function isProxyVariable(name: string): boolean {
  return /_proxy$/i.test(name);
}

/**
 * Whether a variable of such a name does say where a proxy is. By these names it does whatever it holds; a project
 * that is called `proxy` has its trigger token in another, and a token is no address.
 */
export function namesProxy(name: string, value: string | undefined): boolean {
  return (
    /^(?:https?|ftp|all|no|socks)_proxy$/i.test(name) ||
    (isProxyVariable(name) && /:\/\/|@/.test(value ?? ''))
  );
}
