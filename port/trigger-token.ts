/** GitLab trigger tokens: one variable a project, `<group with / as _>_<project>`, as the old agent reads them. */
import type { Environment } from '../config/config.js';
import { OWN_VARIABLES } from '../config/variables.js';
import { namesProxy } from './proxy-variable.js';

export type TriggerToken = { token: string } | { problem: string };

/**
 * Looks up the trigger token of a project in the environment; the name is case sensitive.
 *
 * The name comes from the message, so the agent's own variables are refused: a message must not be able to
 * send the client secret to GitLab.
 */
export function findTriggerToken(group: string, project: string, environment: Environment): TriggerToken {
  const name = `${group.replaceAll('/', '_')}_${project}`;
  if (isOwn(name, environment))
    return { problem: `${name} is a variable of the agent itself and is never used as a trigger token` };
  const token = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (token?.trim()) return { token };
  const similar = Object.keys(environment).find(
    (n) => n.toLowerCase() === name.toLowerCase() && !isOwn(n, environment) && environment[n]?.trim(),
  );
  const hint = similar
    ? `; the name is case sensitive, and there is a ${similar}`
    : '; the name is case sensitive';
  return { problem: `there is no trigger token for ${group}/${project}: set the variable ${name}${hint}` };
}

function isOwn(name: string, environment: Environment): boolean {
  return OWN_VARIABLES.has(name) || /^TEMPORAL_/.test(name) || namesProxy(name, environment[name]);
}
