/**
 * The token that all readers share, and the sessions of those who gave it in a browser.
 *
 * A session is its expiry and a signature made with the token: it outlives a restart, counts on every replica, and
 * ends for all when the token is changed.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export const SESSION_SECONDS = 12 * 3600;
const COOKIE = 'codec-session';

export class SharedToken {
  private readonly signingKey: Buffer;

  /** `now`: milliseconds since 1970. */
  constructor(
    private readonly token: string,
    private readonly now: () => number = Date.now,
  ) {
    this.signingKey = createHmac('sha256', token).update('session of the codec server').digest();
  }

  /** In a time that does not tell how much of it is right. */
  matches(candidate: string): boolean {
    return areSame(candidate, this.token);
  }

  /** The value of a `Set-Cookie`; `isSecure` keeps it off plain HTTP. No script can read it, no other site send it. */
  sessionCookie(isSecure: boolean): string {
    const expiry = `${Math.floor(this.now() / 1000) + SESSION_SECONDS}`;
    const attributes = ['HttpOnly', 'SameSite=Strict', 'Path=/', `Max-Age=${SESSION_SECONDS}`];
    if (isSecure) attributes.push('Secure');
    return [`${COOKIE}=${expiry}.${this.signatureOf(expiry)}`, ...attributes].join('; ');
  }

  /** Whether a `Cookie` header brings a session that has not ended. */
  holdsSession(cookies: string | undefined): boolean {
    return (cookies ?? '').split(';').some((cookie) => {
      const [, expiry = '', signature = ''] =
        /^codec-session=(\d{1,12})\.([\w-]+)$/.exec(cookie.trim()) ?? [];
      return Number(expiry) * 1000 > this.now() && areSame(signature, this.signatureOf(expiry));
    });
  }

  private signatureOf(expiry: string): string {
    return createHmac('sha256', this.signingKey).update(expiry).digest('base64url');
  }
}

function areSame(a: string, b: string): boolean {
  const [hashA, hashB] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return hashA !== undefined && hashB !== undefined && timingSafeEqual(hashA, hashB);
}
