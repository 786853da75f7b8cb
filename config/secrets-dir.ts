/**
 * A folder whose files are variables: the file's name is the variable's, its content the value. A Secret of
 * Kubernetes mounted as a volume is one, with names that variables of a container can't have.
 */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** What Kubernetes allows for a whole Secret; a larger file was not meant. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Lays the files of `SECRETS_DIR` over the environment. One line break at a file's end is not a part of the value.
 *
 * Hidden entries are passed over (in a volume of Kubernetes: its own folders), and so are folders. A blank
 * variable and a blank file count as not set. Problems name files, never what is in them.
 */
export function withSecretsDir(environment: Environment): { environment: Environment; problems: string[] } {
  const folder = environment['SECRETS_DIR']?.trim();
  if (!folder) return { environment, problems: [] };
  const problems: string[] = [];
  const overlaid: Record<string, string | undefined> = { ...environment };
  for (const name of namesIn(folder, problems)) {
    const value = readValue(path.join(folder, name), problems);
    if (!value?.trim()) continue;
    const given = environment[name];
    if (given?.trim() && given !== value) {
      problems.push(
        `${name} is set in the environment, and to something else in SECRETS_DIR (${folder}); remove one of them`,
      );
    }
    overlaid[name] = value;
  }
  return { environment: overlaid, problems };
}

function namesIn(folder: string, problems: string[]): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (error) {
    problems.push(
      `SECRETS_DIR names ${folder}, which cannot be read (${codeOf(error)}); check that the folder is mounted, and its permissions`,
    );
    return [];
  }
}

/** The value in a file; undefined for what is no file, or has a problem. */
function readValue(file: string, problems: string[]): string | undefined {
  const problem = (what: string): undefined => {
    problems.push(`SECRETS_DIR holds ${file}, which ${what}`);
    return undefined;
  };
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return undefined;
    if (stats.size > MAX_FILE_BYTES)
      return problem('is too large to be a variable; remove it from the folder');
    const bytes = readFileSync(file);
    if (!isUtf8(bytes)) return problem('is no UTF-8 text; save it as such, or remove it');
    return bytes
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .replace(/\r?\n$/, '');
  } catch (error) {
    return problem(`cannot be read (${codeOf(error)}); check its permissions`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
