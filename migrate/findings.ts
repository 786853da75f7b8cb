/** What there is to say about a values file: what was changed, and what to look at. */

export interface Finding {
  /** `env.secret.group_project` */
  key: string;
  /** In the old file; undefined for what is not in it. */
  line: number | undefined;
  /** Never holds what may be a secret. */
  text: string;
  /** The chart or the agent refuses the values until somebody has changed this. */
  refused: boolean;
}

export interface Findings {
  all: Finding[];
  /** Something that was changed, or that is worth a look. */
  note(key: string, line: number | undefined, text: string): void;
  /** Something that the chart or the agent refuses, and that only a person can decide. */
  refusal(key: string, line: number | undefined, text: string): void;
}

export function collectFindings(): Findings {
  const all: Finding[] = [];
  return {
    all,
    note: (key, line, text) => void all.push({ key, line, text, refused: false }),
    refusal: (key, line, text) => void all.push({ key, line, text, refused: true }),
  };
}
