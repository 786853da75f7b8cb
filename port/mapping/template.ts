/**
 * JSON with jq filters for leaves: where they stand, and how their values are put in.
 *
 * Text is a filter wherever it stands; numbers, booleans and null stand for themselves.
 */
import type { Mapping } from './mapping.js';

export type Scalar = string | number | boolean | null;
export type Template = Scalar | Template[] | { [key: string]: Template };

export interface FilterPlace {
  /** Such as `body.data.id`, `headers.Authorization`, `report.link`. */
  path: string;
  filter: string;
}

/** Every filter of a mapping with its place, in the order in which they stand. */
export function filtersOf(mapping: Mapping): FilterPlace[] {
  const { fieldsToDecryptPaths: _, ...fields } = mapping;
  return Object.entries(fields).flatMap(([name, value]) => filtersIn(value as Template, name));
}

export function filtersIn(template: Template, path: string): FilterPlace[] {
  if (typeof template === 'string') return [{ path, filter: template }];
  if (typeof template !== 'object' || template === null) return [];
  if (Array.isArray(template)) return template.flatMap((inner, i) => filtersIn(inner, `${path}[${i}]`));
  return Object.entries(template).flatMap(([key, inner]) => filtersIn(inner, `${path}.${key}`));
}

/**
 * A template as JSON text; `nextValue` gives each filter's value, asked in the order of `filtersIn`.
 *
 * As in the old agent, which flattened objects to do this, an empty object inside an object vanishes.
 */
export function fillTemplate(template: Template, nextValue: () => string): string {
  if (typeof template === 'string') return nextValue();
  if (typeof template !== 'object' || template === null) return JSON.stringify(template);
  if (Array.isArray(template))
    return `[${template.map((inner) => fillTemplate(inner, nextValue)).join(',')}]`;
  const members = Object.entries(template)
    .filter(([, inner]) => !vanishes(inner))
    .map(([key, inner]) => `${JSON.stringify(key)}:${fillTemplate(inner, nextValue)}`);
  return `{${members.join(',')}}`;
}

function vanishes(template: Template): boolean {
  return isPlainObject(template) && Object.values(template).every(vanishes);
}

function isPlainObject(template: Template): template is { [key: string]: Template } {
  return typeof template === 'object' && template !== null && !Array.isArray(template);
}
