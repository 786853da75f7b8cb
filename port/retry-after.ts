/** When a server that refused for now wants to be asked again. */

type Headers = Record<string, string>;

/**
 * The wait a response asks for, in ms: `Retry-After` (seconds or a date), else `x-ratelimit-reset`, which Port's
 * documentation gives as seconds since 1970 and its own clients read as seconds from now. Undefined for neither.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  return fromRetryAfter(headers['retry-after'], nowMs) ?? fromReset(headers['x-ratelimit-reset'], nowMs);
}

function fromRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  return atLeastZero(Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - nowMs);
}

function fromReset(value: string | undefined, nowMs: number): number | undefined {
  const seconds = Number(value || Number.NaN);
  return atLeastZero(seconds > 1e9 ? seconds * 1000 - nowMs : seconds * 1000);
}

function atLeastZero(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}
