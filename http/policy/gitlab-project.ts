/** Which project of a GitLab a URL speaks to. */

const API = '/api/v4/projects/';

/** What GitLab lets a path consist of; with a group at least, so a numeric id is none. */
const PROJECT = /^[\w.-]+(\/[\w.-]+)+$/;

/** Signs that servers and their proxies read in different ways; a `%` here was encoded twice. */
const UNCLEAR = /[%;\\\p{Cc}]/u;

/**
 * The project's full path in lower case, from `…/api/v4/projects/GROUP%2FPROJECT/…`, or undefined.
 *
 * A path that is not perfectly plain once it is decoded has no project: what we read in it and what the
 * server behind reads in it might be two things. https://docs.gitlab.com/api/rest/#namespaced-paths
 */
export function gitlabProject(url: URL): string | undefined {
  const path = decoded(url.pathname);
  if (path === undefined || !isPlain(path) || path.toLowerCase().split(API).length !== 2) return undefined;
  const rest = url.pathname.split(API)[1];
  const project = decoded(rest?.split('/')[0] ?? '');
  return project !== undefined && PROJECT.test(project) ? project.toLowerCase() : undefined;
}

function isPlain(path: string): boolean {
  const segments = path.replace(/^\//, '').replace(/\/$/, '').split('/');
  return segments.every((segment) => !UNCLEAR.test(segment) && !['', '.', '..'].includes(segment));
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
