/** What the steps of opening a connection have in common: whom they are for, how they fail, their deadline. */
import { type ConnectPhase, codeOf } from '../errors.js';

export interface Endpoint {
  /** An IPv6 address without brackets. */
  host: string;
  port: number;
}

/** A step that failed; whom it was for is added by who took the step. */
export class StepError extends Error {
  override readonly name = 'StepError';
  constructor(
    readonly phase: ConnectPhase,
    readonly code: string,
    readonly detail?: string,
  ) {
    super(`${phase}: ${code}`);
  }

  /** The same failure as a step's; a `StepError` stays what it is. */
  static of(error: unknown, phase: ConnectPhase): StepError {
    return error instanceof StepError ? error : new StepError(phase, codeOf(error));
  }
}

/** `work`, or a rejection with the code ETIMEDOUT as soon as `signal` says that time is up. */
export async function settled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const expired = new Promise<never>((_, reject) => {
    onAbort = () => reject(Object.assign(new Error('out of time'), { code: 'ETIMEDOUT' }));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, expired]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

/** `host:port`, an IPv6 address in brackets. */
export function authorityOf({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
