/** `temporal-port-agent migrate-values FILE`: new values on standard output, what to look at on standard error. */
import { readFileSync } from 'node:fs';
import { migrateValues } from './migrate-values.js';
import { ValuesFileError } from './values-file.js';

const USAGE = `Usage: temporal-port-agent migrate-values FILE > new-values.yaml

FILE   values of the port-agent chart, or - for standard input, such as from: helm get values my-port-agent

Prints values for the chart temporal-port-agent. Secrets stay in them, as in the old file. What was changed is said
at their head, and on standard error. The code at the end is 1 when something is left for you to do.
`;

/** Returns the code to exit with. */
export function runMigrateValues(args: string[]): number {
  const [file] = args;
  if (file === undefined || args.length > 1 || file === '--help') {
    const asked = file === '--help';
    (asked ? process.stdout : process.stderr).write(USAGE);
    return asked ? 0 : 2;
  }
  try {
    const name = file === '-' ? 'standard input' : file;
    const { values, findings } = migrateValues(readFileSync(file === '-' ? 0 : file, 'utf8'), name);
    process.stdout.write(values);
    for (const { key, line, text, refused } of findings) {
      const place = line === undefined ? name : `${name}:${line}`;
      process.stderr.write(`${place}: ${refused ? 'to do: ' : ''}${key}: ${text}\n`);
    }
    return findings.some(({ refused }) => refused) ? 1 : 0;
  } catch (error) {
    process.stderr.write(`${explain(error, file)}\n`);
    return 1;
  }
}

function explain(error: unknown, file: string): string {
  if (error instanceof ValuesFileError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return `${file}: cannot be read (${code}); give the path of a values file, or - for standard input`;
}
