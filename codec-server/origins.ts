/**
 * Which web pages may ask, by the rules of CORS (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * A browser sends the session's cookie along, whatever page asks: only pages of the Temporal UI get an answer.
 */
import { Refusal } from './refusal.js';

/** What the UI sends: `Authorization-Extras` is the ID token, which it adds unasked. */
const REQUEST_HEADERS = 'authorization, authorization-extras, content-type, x-namespace';
const PREFLIGHT_MAX_AGE_SECONDS = 600;

/**
 * The headers that let a page read the answer; none for what is no browser and sends no origin.
 *
 * @throws Refusal for a page of another origin.
 */
export function crossOriginHeaders(origin: string | undefined, allowed: string[]): Record<string, string> {
  if (origin === undefined) return {};
  if (!allowed.includes(origin))
    throw new Refusal(
      403,
      'pages of this origin may not ask',
      'its origin is not in CODEC_SERVER_ALLOWED_ORIGINS',
    );
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    Vary: 'Origin',
  };
}

/** What a browser asks before it lets a page send a request; added to the headers above. */
export const PREFLIGHT_HEADERS = {
  'Access-Control-Allow-Methods': 'POST',
  'Access-Control-Allow-Headers': REQUEST_HEADERS,
  'Access-Control-Max-Age': `${PREFLIGHT_MAX_AGE_SECONDS}`,
};
