/** What is written down about a variable, beside how its text is read. */
import type { z } from 'zod';

export interface VariableNotes {
  group: 'Port' | 'Source' | 'Calls' | 'GitLab' | 'Network' | 'Process' | 'Temporal' | 'Codec server';
  about: string;
  /** The default as a person would write it, where the schema's own does not say it. */
  shownDefault?: string;
  /** Its value is never shown. */
  secret?: true;
  /** What to do when a required one is missing. */
  remedy?: string;
}

export const note = <T extends z.ZodType>(schema: T, notes: VariableNotes): T => schema.meta({ ...notes });
