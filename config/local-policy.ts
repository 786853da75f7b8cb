/** What the agent may be asked for at all, whoever asks: the operator's word, for the worker and for the log. */

export interface LocalPolicy {
  /** Patterns of actions' identifiers, in which `*` stands for any text. Left out: every action. */
  actions?: string[];
  /** HTTP methods in capitals. Left out: every method. */
  methods?: string[];
}

/** The lines for the start-up log. */
export function describePolicy({ actions, methods }: LocalPolicy): string[] {
  return [
    `actions that may be carried out: ${actions?.join(', ') ?? 'every action'} (the worker checks)`,
    `methods that may be used: ${methods?.join(', ') ?? 'every method'} (the worker checks)`,
  ];
}
