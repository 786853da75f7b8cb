/**
 * Finds many known secrets in a text at once: an Aho–Corasick automaton, so that the time grows with the length
 * of the text alone, however many secrets there are.
 */

/** Shorter ones would be found in every other word: they count only as the whole of a value. */
const MIN_SECRET_LENGTH = 4;
/** Fewer characters of base64 stand in too many texts by chance. */
const MIN_BASE64_LENGTH = 5;
/** What follows of a longer secret is compared, not built into the automaton: that would take too much memory. */
const MAX_BUILT_LENGTH = 1024;

interface Pattern {
  text: string;
  /** Characters beside it that hold a part of the secret's first or last byte, in base64. */
  before: number;
  after: number;
}

/** The nodes of one depth, and by which edge each of them is reached. */
interface Level {
  nodes: number[];
  parents: number[];
  codes: number[];
}

export type Range = { start: number; end: number };

export class Matcher {
  /** Steps taken so far; a test holds them against the length of the text. */
  steps = 0;
  /** By code, where it leads from each node. */
  readonly #edges = new Map<number, Map<number, number>>();
  readonly #fail: number[] = [0];
  /** How far before a node's end the longest pattern that ends there begins; 0 where none does. */
  readonly #reach: number[] = [0];
  readonly #after: number[] = [0];
  readonly #rest = new Map<number, string[]>();
  readonly #whole: ReadonlySet<string>;

  constructor(secrets: readonly string[]) {
    this.#whole = new Set(secrets.filter((secret) => secret !== ''));
    const patterns = [...this.#whole]
      .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
      .flatMap((secret) => [...plainPatterns(secret), ...base64Patterns(secret)]);
    const levels: Level[] = [];
    for (const pattern of patterns) this.#add(pattern, levels);
    this.#link(levels);
  }

  /** Whether a text is a secret from end to end, a short one included. */
  isSecret(text: string): boolean {
    return this.#whole.has(text);
  }

  /** Whether the digits of a number are a secret. */
  isSecretNumber(digits: string): boolean {
    return digits.length >= MIN_SECRET_LENGTH && this.#whole.has(digits);
  }

  /** Whether there is nothing to look for inside of texts. */
  get isEmpty(): boolean {
    return this.#edges.size === 0;
  }

  /** Where known secrets stand among these UTF-16 codes; those that overlap or touch mostly as one range. */
  find(codes: Uint16Array): Range[] {
    const found: Range[] = [];
    let node = 0;
    let comparedTo = 0;
    for (let i = 0; i < codes.length; i++) {
      node = this.#step(node, codes[i] as number);
      const reach = this.#reach[node] as number;
      if (reach === 0) continue;
      const rests = i >= comparedTo ? this.#rest.get(node) : undefined;
      const more = rests?.reduce((most, rest) => Math.max(most, this.#common(codes, i + 1, rest)), 0) ?? 0;
      comparedTo = Math.max(comparedTo, i + 1 + more);
      const start = Math.max(0, i + 1 - reach);
      const end = Math.min(codes.length, i + 1 + Math.max(more, this.#after[node] as number));
      const last = found.at(-1);
      if (!last || start > last.end) found.push({ start, end });
      else found[found.length - 1] = { start: Math.min(start, last.start), end: Math.max(end, last.end) };
    }
    return found;
  }

  #step(from: number, code: number): number {
    let node = from;
    for (;;) {
      this.steps++;
      const next = this.#edges.get(code)?.get(node);
      if (next !== undefined) return next;
      if (node === 0) return 0;
      node = this.#fail[node] as number;
    }
  }

  /** How much of `rest` stands at `from`. A secret that breaks off is blanked as far as it goes. */
  #common(codes: Uint16Array, from: number, rest: string): number {
    let length = 0;
    while (length < rest.length && codes[from + length] === rest.charCodeAt(length)) length++;
    this.steps += length;
    return length;
  }

  #add({ text, before, after }: Pattern, levels: Level[]): void {
    let node = 0;
    const built = Math.min(text.length, MAX_BUILT_LENGTH);
    for (let i = 0; i < built; i++) {
      const code = text.charCodeAt(i);
      const edges = this.#edges.get(code) ?? new Map<number, number>();
      this.#edges.set(code, edges);
      const next = edges.get(node) ?? this.#fail.length;
      if (next === this.#fail.length) {
        edges.set(node, next);
        const level = levels[i] ?? { nodes: [], parents: [], codes: [] };
        levels[i] = level;
        level.nodes.push(next);
        level.parents.push(node);
        level.codes.push(code);
        this.#fail.push(0);
        this.#reach.push(0);
        this.#after.push(0);
      }
      node = next;
    }
    this.#reach[node] = Math.max(this.#reach[node] as number, built + before);
    this.#after[node] = Math.max(this.#after[node] as number, after);
    if (text.length > built) this.#rest.set(node, (this.#rest.get(node) ?? []).concat(text.slice(built)));
  }

  /** Depth by depth, as a node's failure link leads to one that is less deep. */
  #link(levels: Level[]): void {
    for (const [depth, { nodes, parents, codes }] of levels.entries()) {
      for (const [i, node] of nodes.entries()) {
        const fail =
          depth === 0 ? 0 : this.#step(this.#fail[parents[i] as number] as number, codes[i] as number);
        this.#fail[node] = fail;
        // The longest one that ends here covers all the others.
        this.#reach[node] = Math.max(this.#reach[node] as number, this.#reach[fail] as number);
        this.#after[node] = Math.max(this.#after[node] as number, this.#after[fail] as number);
      }
    }
    this.steps = 0;
  }
}

function plainPatterns(secret: string): Pattern[] {
  const texts = secret.includes(' ') ? [secret, secret.replaceAll(' ', '+')] : [secret];
  return texts.map((text) => ({ text, before: 0, after: 0 }));
}

/** A secret somewhere in a longer base64 text, such as the password in `user:password`, begins at any of 3 bits. */
function base64Patterns(secret: string): Pattern[] {
  const bytes = Buffer.from(secret, 'utf8');
  const patterns = [0, 1, 2].flatMap((padding): Pattern[] => {
    const base64 = Buffer.concat([Buffer.alloc(padding), bytes]).toString('base64');
    const bits = (padding + bytes.length) * 8;
    const text = base64.slice(Math.ceil((padding * 8) / 6), Math.floor(bits / 6));
    return [{ text, before: padding > 0 ? 1 : 0, after: bits % 6 > 0 ? 1 : 0 }];
  });
  return patterns
    .filter(({ text }) => text.length >= MIN_BASE64_LENGTH)
    .flatMap((pattern) => {
      const text = pattern.text.replaceAll('+', '-').replaceAll('/', '_');
      return text === pattern.text ? [pattern] : [pattern, { ...pattern, text }];
    });
}
