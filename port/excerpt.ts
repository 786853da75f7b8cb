/** Text from outside, made fit for a place with little room. */

/** The text's first `length` characters, never half of one, and `mark` where something was left out. */
export function excerpt(text: string, length: number, mark = '…'): string {
  return text.length > length ? `${text.slice(0, length).replace(/[\ud800-\udbff]$/, '')}${mark}` : text;
}

/** The text without line breaks, other control characters and halves of characters. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ');
}
