/** The pieces in which a secret may come back: one field of an object, one line of a key file. */
import { type Json, type JsonObject, nestsDeeper } from '../message.js';

/** Shorter lines of a secret (`}`, `spec:`) stand in too many other texts to be secrets by themselves. */
const MIN_LINE_LENGTH = 8;

/** The text itself and what stands in it, some of it more than once; nothing for an empty text. */
export function partsOf(text: string): string[] {
  const parts = [text, text.trim()].filter((part) => part !== '');
  const structure = structureIn(text);
  if (structure !== undefined) return [...parts, JSON.stringify(structure), ...leavesOf(structure)];
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  return lines.length > 1 ? [...parts, ...lines.filter((line) => line.length >= MIN_LINE_LENGTH)] : parts;
}

function leavesOf(value: Json): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leavesOf);
  if (typeof value === 'string') return partsOf(value);
  return typeof value === 'number' ? [String(value)] : [];
}

/** The object or array that a text is in JSON; undefined where it is none, or nested beyond reason. */
export function structureIn(text: string): Json[] | JsonObject | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const parsed: Json = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !nestsDeeper(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
