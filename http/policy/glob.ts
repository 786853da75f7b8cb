/**
 * Whether a text fits a pattern in which each `*` stands for any run of characters, an empty one included.
 *
 * Not a regular expression: several `*` would make a hostile text take polynomial time.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const [start = '', ...others] = pattern.split('*');
  const end = others.pop();
  if (end === undefined) return text === pattern;
  if (text.length < start.length + end.length || !text.startsWith(start) || !text.endsWith(end)) return false;
  const limit = text.length - end.length;
  let position = start.length;
  for (const piece of others) {
    const found = text.indexOf(piece, position);
    if (found < 0 || found + piece.length > limit) return false;
    position = found + piece.length;
  }
  return true;
}
