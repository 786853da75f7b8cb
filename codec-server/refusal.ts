/** A request that is not answered with payloads. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  /**
   * `message` goes to whoever asked, and says little; `why` goes into the log. Neither holds a payload, a token, or
   * anything else of the request.
   */
  constructor(
    readonly status: number,
    message: string,
    readonly why = message,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/** For whoever has shown nothing that counts. */
export function unauthorized(message: string, why: string): Refusal {
  return new Refusal(401, message, why, { 'WWW-Authenticate': 'Bearer' });
}
