/** What a path asks for. */

export type Task = 'decode' | 'encode';

export interface Route {
  what: Task | 'page' | 'sign-in';
  /** The folder it stands in: the namespace, for clients that put it into the path. */
  folder?: string;
}

/**
 * Only the end of a path counts, so that the server may stand below any folder
 * (https://github.com/temporalio/samples-go/blob/main/codec-server/protocol.md). Undefined for what is not there.
 */
export function routeOf(url: string): Route | undefined {
  const [folder, last] = (url.split('?')[0] ?? '').split('/').slice(-2);
  if (last === '') return { what: 'page' };
  if (last === 'sign-in') return { what: last };
  if (last === 'decode' || last === 'encode')
    return { what: last, ...(folder && { folder: decoded(folder) }) };
  return undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
