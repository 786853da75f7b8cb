/** A key that a variable holds, or the file it names instead. */
import { readFileSync, statSync } from 'node:fs';

const MAX_FILE_BYTES = 64 * 1024;

/**
 * What stands in the file that `path` names; undefined when it names none. `problem` begins with a verb, so that it
 * follows the variable's name.
 */
export function keyFileAt(path: string): { bytes: Buffer } | { problem: string } | undefined {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return { problem: 'names a directory or device; give the path of a file' };
    if (stats.size > MAX_FILE_BYTES) return { problem: 'names a file that is too large to be a key' };
    return { bytes: readFileSync(path) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EACCES', 'EPERM', 'EIO', 'EISDIR'].includes(code)) return undefined;
    return { problem: `names a file that cannot be read (${code}); check its permissions` };
  }
}
