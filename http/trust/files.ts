/**
 * What is on disk where certificates may be: looked at, not read. Never throws.
 *
 * Kubernetes mounts a ConfigMap or Secret as `ca.crt -> ..data/ca.crt` and `..data -> ..2024_05_01/`, and
 * changes it by putting another link in the place of `..data`. Links are followed, so the stamp of a file is
 * that of the file behind them, and the hidden directories are left out: each file would be seen thrice.
 */
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';

export interface FoundFile {
  path: string;
  /** The file behind all links; the same for two names of one file. */
  realPath: string;
  /** Changes when another file takes the place, or the content does. */
  stamp: string;
  /** Why it can't be read: `is a symbolic link to nothing`. */
  fault?: string;
  /** Nothing at all has this name. */
  missing?: true;
}

/** Names that hold certificates, among them `5ed36f99.0`: the links that OpenSSL's `rehash` makes. */
const CERTIFICATE_FILE = /\.(crt|pem|cer)$|^[0-9a-f]{8}\.\d+$/i;

/** The file, or the certificate files of the directory; `deep` takes its subdirectories too. */
export function findFiles(start: string, deep: boolean): FoundFile[] {
  const entered = new Set<string>();
  const visit = (file: string, isStart: boolean): FoundFile[] => {
    try {
      const stat = statSync(file, { bigint: true });
      const realPath = realpathSync(file);
      if (stat.isDirectory()) {
        if ((!deep && !isStart) || entered.has(realPath)) return [];
        entered.add(realPath);
        return readdirSync(file)
          .filter((name) => !name.startsWith('..'))
          .sort()
          .flatMap((name) => visit(path.join(file, name), false));
      }
      if (!isStart && !CERTIFICATE_FILE.test(path.basename(file))) return [];
      const stamp = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
      // Reading a pipe or a device could block for ever.
      const fault = stat.isFile() ? {} : { fault: 'is neither a file nor a directory' };
      return [{ path: file, realPath, stamp, ...fault }];
    } catch (error) {
      const found = unusable(file, error);
      // A directory that can't be entered may hold certificates; a link to nothing counts by its name.
      const counts = isStart || CERTIFICATE_FILE.test(path.basename(file)) || isDenied(error);
      return counts ? [found] : [];
    }
  };
  return visit(start, true);
}

/** One line that differs as soon as one of the files does, or another comes or goes. */
export function stampOf(files: FoundFile[]): string {
  return files.map((file) => `${file.path}=${file.stamp}`).join('|');
}

/** Why a file can't be read, in words; the rest of a sentence that begins with its name. */
export function describeFault(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'ELOOP') return 'is a symbolic link that leads back to itself';
  if (isDenied(error)) return `cannot be read: permission denied for user id ${process.geteuid?.()}`;
  return `cannot be read (${code})`;
}

function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function unusable(file: string, error: unknown): FoundFile {
  const fault = describeFault(error);
  const found = { path: file, realPath: file, stamp: fault };
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return { ...found, fault };
  const dangling = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink();
  return dangling ? { ...found, fault: 'is a symbolic link to nothing' } : { ...found, fault, missing: true };
}
