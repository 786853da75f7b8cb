/** Whether what a mapping yields can be sent, and how it looks then. */
import { isObject, type Json } from '../message.js';
import type { MappedRequest, MappingProblem } from './evaluator.js';

export interface UsableRequest {
  method: string;
  /** With the query. */
  url: string;
  headers: Record<string, string>;
  /** The text `null` when the mapped body is null. */
  body: string;
}

/** Headers of which the connection itself is made. */
const FRAMING = ['host', 'content-length', 'transfer-encoding', 'connection'];
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Of a header's value: no line breaks, no other control characters, nothing beyond Latin-1. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The request in the form in which it is sent, or every reason why it can't be. Values are never quoted. */
export function usableRequest(
  mapped: MappedRequest,
  index: number,
): { request: UsableRequest } | { problems: MappingProblem[] } {
  const problems: MappingProblem[] = [];
  const refuse = (field: string, what: string) => {
    problems.push({ index, field, kind: 'fatal', text: `mapping ${index}, ${field}: ${what}` });
  };
  const method = methodOf(mapped.method, refuse);
  const headers = headersOf(mapped.headers, refuse);
  const url = withQuery(urlOf(mapped.url, refuse), queryOf(mapped.query, refuse));
  return problems.length > 0 ? { problems } : { request: { method, url, headers, body: mapped.bodyText } };
}

type Refuse = (field: string, what: string) => void;

function methodOf(value: Json, refuse: Refuse): string {
  if (typeof value === 'string' && TOKEN.test(value)) return value.toUpperCase();
  refuse(
    'method',
    typeof value === 'string' ? 'is no HTTP method' : `must yield an HTTP method, not ${kindOf(value)}`,
  );
  return '';
}

function urlOf(value: Json, refuse: Refuse): string {
  if (typeof value !== 'string')
    refuse('url', `must yield text, not ${kindOf(value)}; no request can be sent`);
  else if (value === '') refuse('url', 'is empty: neither the mapping nor the action names a URL');
  else if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    refuse('url', 'is no address that starts with http:// or https://');
  } else return value;
  return '';
}

function headersOf(value: Json, refuse: Refuse): Record<string, string> {
  if (value === null) return {};
  if (!isObject(value)) {
    refuse('headers', `must yield an object, not ${kindOf(value)}`);
    return {};
  }
  const entries = Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const field = `headers.${TOKEN.test(name) ? name : JSON.stringify(name)}`;
    if (inner === null) return [];
    if (typeof inner === 'object') refuse(field, `must be text, not ${kindOf(inner)}`);
    else if (!TOKEN.test(name)) refuse(field, "has a character in its name that a header can't have");
    else if (FRAMING.includes(name.toLowerCase())) refuse(field, 'is set by the agent itself; remove it');
    else if (!HEADER_VALUE.test(String(inner))) {
      refuse(field, 'has a line break, another control character, or one beyond Latin-1 in its value');
    } else return [[name, String(inner)]];
    return [];
  });
  return Object.fromEntries(entries);
}

/** As Python's requests writes parameters: lists repeat a name, null leaves it out. */
function queryOf(value: Json, refuse: Refuse): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (!isObject(value)) {
    refuse('query', `must yield an object, not ${kindOf(value)}`);
    return '';
  }
  const parameters = new URLSearchParams();
  for (const [name, inner] of Object.entries(value)) {
    for (const one of Array.isArray(inner) ? inner : [inner]) {
      if (typeof one === 'object' && one !== null)
        refuse(`query.${name}`, `must be text, not ${kindOf(one)}`);
      else if (one !== null) parameters.append(name, pythonText(one));
    }
  }
  return parameters.toString().replaceAll('*', '%2A').replaceAll('%7E', '~');
}

/** Python writes its booleans with a capital, and so they have always reached the targets. */
function pythonText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}

/** Before a fragment, after what the address asks already. */
function withQuery(url: string, query: string): string {
  if (query === '') return url;
  const [address = '', ...fragment] = url.split('#');
  const joint = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&';
  return [`${address}${joint}${query}`, ...fragment].join('#');
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
