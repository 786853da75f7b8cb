/**
 * What Kubernetes makes of `$(NAME)` in a variable's value: the value of a variable that stands earlier in the list,
 * and `$$` is a single `$` (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
 * The old chart left values to it; the new one hands them over as they are.
 */

/** A variable that stands earlier: its value, or undefined when only the cluster knows it. */
export type Earlier = (name: string) => { value?: string } | undefined;

export type Expanded =
  /** The value that the container had. */
  | { value: string }
  /** It depends on what only the cluster knows: the value for `extraEnv`, which Kubernetes expands as before. */
  | { template: string };

const REFERENCE = /\$\$|\$\(([^)]*)\)/g;

export function expand(value: string, earlier: Earlier): Expanded {
  let plain = '';
  let template = '';
  let isPlain = true;
  let from = 0;
  const literal = (text: string) => {
    plain += text;
    template += escaped(text);
  };
  for (const match of value.matchAll(REFERENCE)) {
    literal(value.slice(from, match.index));
    from = match.index + match[0].length;
    const found = match[1] === undefined ? undefined : earlier(match[1]);
    if (match[0] === '$$') literal('$');
    else if (!found) literal(match[0]);
    else if (found.value !== undefined) literal(found.value);
    else {
      isPlain = false;
      template += match[0];
    }
  }
  literal(value.slice(from));
  return isPlain ? { value: plain } : { template };
}

/** `extraEnv` is a template of Helm, and its values are expanded. */
function escaped(text: string): string {
  return text.replaceAll('$', '$$$$').replaceAll('{{', '{{`{{`}}');
}
