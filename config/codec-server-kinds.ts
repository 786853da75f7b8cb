/** The kinds of value that only the codec server's variables hold; messages never repeat a value. */
import { z } from 'zod';

/** A claim of a token, and what it must be or contain. */
export interface RequiredClaim {
  name: string;
  value: string;
}

/**
 * Origins as browsers send them (https://www.rfc-editor.org/rfc/rfc6454#section-6.2): scheme, host, and the port where
 * it is not the scheme's own. `*` is none: it would let every page that somebody has open read along.
 */
export const origins = () =>
  z.string().transform((value, ctx) => {
    const list = entriesOf(value).map((entry) => entry.replace(/\/$/, ''));
    const isOrigin = (entry: string): boolean =>
      /^https?:\/\/[^*]+$/i.test(entry) &&
      URL.canParse(entry) &&
      new URL(entry).origin === entry.toLowerCase();
    if (list.length === 0 || !list.every(isOrigin)) {
      return refuse(ctx, 'is not a list of origins; write each as https://host or https://host:port');
    }
    return list.map((entry) => entry.toLowerCase());
  });

/** An https address; kept as it is written, since issuers are compared as texts. */
export const httpsUrl = () =>
  z.string().transform((value, ctx) => {
    const trimmed = value.trim();
    if (!URL.canParse(trimmed) || new URL(trimmed).protocol !== 'https:') {
      return refuse(ctx, 'is not an https address; write it as https://host or https://host/path');
    }
    return trimmed;
  });

/** `name=value`. */
export const claim = () =>
  z.string().transform((text, ctx): RequiredClaim => {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(text.trim()) ?? [];
    if (name === undefined || value === undefined) {
      return refuse(ctx, 'is not a claim and its value; write it as name=value');
    }
    return { name: name.trim(), value: value.trim() };
  });

function entriesOf(value: string): string[] {
  return value.split(',').flatMap((entry) => entry.trim() || []);
}

function refuse(ctx: z.RefinementCtx, message: string): never {
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
}
