/**
 * Port's `{{ … }}` templates, for paths only.
 *
 * The rules are those of Port's own renderer (github.com/port-labs/jq-node-bindings, lib/template.js): a string
 * that is one template keeps the value's type, text around it makes it a string, `spreadValue()` merges an
 * object into its parent, a key that evaluates to null or "" is left out. Port evaluates jq between the braces;
 * the simulator takes `.a.b`, `."a b"`, `.a["b"]` and `.a[0]` and refuses the rest by name.
 */

export class TemplateError extends Error {
  override name = 'TemplateError';
}

const TEMPLATE = /\{\{((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?!\}\})[\s\S])*)\}\}/g;
const SPREAD = /^\{\{\s*spreadValue\(\s*\)\s*\}\}$/;
const STEP = /\.?"((?:[^"\\]|\\.)*)"|\.([A-Za-z_]\w*)|\.?\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\.?\[\s*(\d+)\s*\]/y;

/** Renders every template in `value`, keys included. Throws `TemplateError` for anything but a path. */
export function render(value: unknown, data: unknown): unknown {
  if (typeof value === 'string') return renderString(value, data);
  if (Array.isArray(value)) return value.map((item) => render(item, data));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
      if (SPREAD.test(key.trim())) return spread(item, data);
      const name = renderString(key, data);
      if (name !== null && typeof name !== 'string') {
        throw new TemplateError(`The key ${key} must become a string or null, not ${JSON.stringify(name)}`);
      }
      return name ? [[name, render(item, data)]] : [];
    }),
  );
}

/** Evaluates one path such as `.inputs["service name"]`; what is missing is null, as in jq. */
export function evaluatePath(expression: string, data: unknown): unknown {
  const path = expression.trim();
  if (path === '.') return data;
  let at = 0;
  let value: unknown = data;
  while (at < path.length) {
    STEP.lastIndex = at;
    const step = path[0] === '.' ? STEP.exec(path) : null;
    if (!step) {
      throw new TemplateError(
        `The simulator of Port evaluates paths only (.inputs.x, .inputs["x"]), not "{{ ${path} }}"`,
      );
    }
    at = STEP.lastIndex;
    const quoted = step[1] ?? step[3];
    const key = quoted === undefined ? (step[2] ?? step[4] ?? '') : (JSON.parse(`"${quoted}"`) as string);
    value = member(value, key);
  }
  return value;
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
  return (value as Record<string, unknown>)[key] ?? null;
}

function renderString(text: string, data: unknown): unknown {
  const found = [...text.matchAll(TEMPLATE)];
  const [only] = found;
  if (found.length === 1 && only && text.trim() === only[0]) return evaluatePath(only[1] ?? '', data);
  return text.replaceAll(TEMPLATE, (_, expression: string) => {
    const value = evaluatePath(expression, data);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}

function spread(item: unknown, data: unknown): [string, unknown][] {
  const value = render(item, data);
  if (typeof value !== 'object') {
    throw new TemplateError(
      `spreadValue() needs an object, ${JSON.stringify(item)} is ${JSON.stringify(value)}`,
    );
  }
  // Port's renderer dies of a null here ("typeof null"); automations, whose inputs are null, are spread as nothing.
  return Object.entries(value ?? {});
}
