/** What Helm makes of a value without quotes: the old chart handed that over, and not what is written. */
import { isScalar, Scalar } from 'yaml';

export type Reading =
  | { kind: 'none' }
  | { kind: 'text'; text: string }
  | { kind: 'switch'; text: string; written: string }
  /** `text` is the number in plain digits; `asWritten` says whether the old chart handed over what is written. */
  | { kind: 'number'; text: string; written: string; asWritten: boolean };

const NONE = /^(?:|~|null|Null|NULL)$/;
const TRUE = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const WHOLE = /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[0-9][0-9_]*)$/;
const FRACTION = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
/** From here on the old chart wrote numbers as 1e+06, and below 0.0001 as 1e-05. */
const MILLION = 1_000_000;

/** Reads a value as Helm does: YAML 1.1, with 0123 as an octal number and `yes` as a switch. */
export function readScalar(node: unknown): Reading | undefined {
  if (node === null || node === undefined) return { kind: 'none' };
  if (!isScalar(node)) return undefined;
  const written = String(node.value ?? '');
  if (node.type !== Scalar.PLAIN || node.tag === 'tag:yaml.org,2002:str')
    return { kind: 'text', text: written };
  if (NONE.test(written)) return { kind: 'none' };
  if (TRUE.test(written)) return { kind: 'switch', text: 'true', written };
  if (FALSE.test(written)) return { kind: 'switch', text: 'false', written };
  if (WHOLE.test(written) || FRACTION.test(written)) return numberOf(written);
  return { kind: 'text', text: written };
}

/** The text that a value stands for; empty for none. */
export function textOf(node: unknown): string {
  const reading = readScalar(node);
  return reading && reading.kind !== 'none' ? reading.text : '';
}

/** A value in double quotes, which nobody takes for a number or switch. */
export function quoted(text: string, like?: unknown): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  if (isScalar(like)) {
    if (like.comment) scalar.comment = like.comment;
    if (like.commentBefore) scalar.commentBefore = like.commentBefore;
  }
  return scalar;
}

function numberOf(written: string): Reading {
  const sign = written.startsWith('-') ? '-' : '';
  const digits = written.replace(/^[-+]/, '').replaceAll('_', '');
  const octal = /^0[oO]?([0-7]+)$/.exec(digits);
  if (/^[1-9][0-9]*$/.test(digits)) {
    const text = `${sign}${digits}`;
    return { kind: 'number', text, written, asWritten: text === written && Number(digits) < MILLION };
  }
  const size = octal ? Number.parseInt(octal[1] ?? '', 8) : Number(digits);
  const text = size === 0 ? '0' : `${sign}${size}`;
  const asWritten = text === written && (size === 0 || (size >= 0.0001 && size < MILLION));
  return { kind: 'number', text, written, asWritten };
}
