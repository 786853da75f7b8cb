/**
 * The kinds of value a variable can hold: how its text is read, and what is said when it can't be.
 *
 * Every message names what is wrong and the remedy, and never repeats the value, which may be a secret.
 */
import { z } from 'zod';

/** The spellings that the old agent's settings library took for true and false, in any case. */
const TRUE_WORDS = ['true', '1', 'yes', 'y', 'on', 't'];
const FALSE_WORDS = ['false', '0', 'no', 'n', 'off', 'f'];

export const text = () => z.string().trim();

export const flag = () =>
  z.string().transform((value, ctx) => {
    const word = value.trim().toLowerCase();
    if (TRUE_WORDS.includes(word)) return true;
    if (FALSE_WORDS.includes(word)) return false;
    ctx.addIssue({ code: 'custom', message: 'is neither true nor false; use "true" or "false"' });
    return z.NEVER;
  });

/** A number of at least `min`, at most `max`; fractions only when `whole` is not set. */
export const number = (options: { min?: number; max?: number; whole?: boolean } = {}) =>
  z.string().transform((value, ctx) => {
    const parsed = Number(value.trim());
    const { min = 0, max = Number.MAX_SAFE_INTEGER, whole = false } = options;
    if (!Number.isFinite(parsed) || parsed < min || parsed > max || (whole && !Number.isInteger(parsed))) {
      const kind = whole ? 'a whole number' : 'a number';
      const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
      ctx.addIssue({ code: 'custom', message: `is not ${kind} of at least ${min}${upTo}` });
      return z.NEVER;
    }
    return parsed;
  });

/** An http or https address; slashes at its end are dropped, so that both spellings work. */
export const httpUrl = () =>
  z.string().transform((value, ctx) => {
    const url = URL.canParse(value.trim()) ? new URL(value.trim()) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      ctx.addIssue({ code: 'custom', message: 'is not an address; write it as https://host or http://host' });
      return z.NEVER;
    }
    return value.trim().replace(/\/+$/, '');
  });

/** Texts separated by commas, one at least. */
export const list = () =>
  z.string().transform((value, ctx) => {
    const entries = value.split(',').flatMap((entry) => entry.trim() || []);
    if (entries.length > 0) return entries;
    ctx.addIssue({ code: 'custom', message: 'holds commas only; write what it lists, or leave it out' });
    return z.NEVER;
  });

/** Some of these words, in any case, separated by commas; in capitals. */
export const capitalsOf = (known: readonly string[]) =>
  list().transform((entries, ctx) => {
    const words = entries.map((entry) => entry.toUpperCase());
    if (words.every((word) => known.includes(word))) return words;
    ctx.addIssue({ code: 'custom', message: `holds a word that is none of: ${known.join(', ')}` });
    return z.NEVER;
  });

/** One of a few words in any case; `spellings` maps each accepted one, in lower case, to what it means. */
export const choice = <T extends string>(spellings: Record<string, T>) =>
  z.string().transform((value, ctx) => {
    const word = value.trim().toLowerCase();
    const meaning = Object.hasOwn(spellings, word) ? spellings[word] : undefined;
    if (meaning === undefined) {
      const known = [...new Set(Object.values(spellings))].join(', ');
      ctx.addIssue({ code: 'custom', message: `is not one of: ${known}` });
      return z.NEVER;
    }
    return meaning;
  });
