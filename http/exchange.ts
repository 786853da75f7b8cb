/** One request on an open line, and its answer's head; before and after the first byte, failures differ. */
import { DecoratorHandler, type Dispatcher } from 'undici';
import { AmbiguousError, BadRequestError, type CallLabel, codeOf, NotSentError } from './errors.js';

/** The deadline of a call, which its redirects share. */
export class Deadline {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(readonly timeoutMs: number) {
    this.#timer = setTimeout(() => this.#abort.abort(), timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** @throws NotSentError, AmbiguousError or BadRequestError, by whether the first byte was written. */
export async function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.RequestOptions,
  call: CallLabel,
  deadline: Deadline,
): Promise<Dispatcher.ResponseData> {
  let written = false;
  let expire: (() => void) | undefined;
  // undici's signal does not reject a request that still waits for its connection. So the deadline is raced, and
  // the signal makes sure that nothing is written, or read, after it.
  const expired = new Promise<never>((_, reject) => {
    const late = { code: 'ETIMEDOUT', to: call.host, phase: 'connect' } as const;
    expire = () => reject(written ? noAnswer(call, deadline.timeoutMs) : new NotSentError(call, late));
    deadline.signal.addEventListener('abort', expire, { once: true });
    if (deadline.signal.aborted) expire();
  });
  try {
    const pending = whenWritten(dispatcher, () => {
      written = true;
    }).request({ ...request, signal: deadline.signal });
    pending.catch(() => {});
    return await Promise.race([pending, expired]);
  } catch (error) {
    throw explain(error, call, written);
  } finally {
    if (expire) deadline.signal.removeEventListener('abort', expire);
  }
}

/** undici's types leave out the methods of its handlers. */
interface Starting {
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void;
}
const PassingHandler = DecoratorHandler as unknown as new (handler: Dispatcher.DispatchHandler) => Starting;

/** The same dispatcher, telling when a request's first byte is about to be written. */
function whenWritten(dispatcher: Dispatcher, onWrite: () => void): Dispatcher {
  class TellingHandler extends PassingHandler {
    override onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
      onWrite();
      super.onRequestStart(controller, context);
    }
  }
  return dispatcher.compose(
    (dispatch) => (options, handler) => dispatch(options, new TellingHandler(handler)),
  );
}

function explain(error: unknown, call: CallLabel, written: boolean): Error {
  // A shared line fails with the label of the request that opened it.
  if (error instanceof NotSentError) return new NotSentError(call, error.step);
  if (error instanceof AmbiguousError) return error;
  const code = codeOf(error);
  if (!written && REFUSED_BY_UNDICI.test(code))
    return new BadRequestError(`${call.method} ${call.host} can't be sent: ${code}: ${messageOf(error)}`);
  // The peer may hang up between the last step of connecting and the first byte.
  if (!written) return new NotSentError(call, { phase: 'connect', to: call.host, code });
  return new AmbiguousError(call, code, HINTS[code] ?? 'the connection was lost before an answer came');
}

/** Illegal methods and header bytes; its message names the header, not its value. */
const REFUSED_BY_UNDICI = /^(UND_ERR_(INVALID_ARG|NOT_SUPPORTED|REQ_)|ERR_INVALID_|ERR_HTTP_)/;

const HINTS: Record<string, string> = {
  HTTPParserError: 'what came back is not HTTP',
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too long to read",
};

function noAnswer(call: CallLabel, timeoutMs: number): AmbiguousError {
  return new AmbiguousError(call, 'ETIMEDOUT', `no answer came within ${timeoutMs / 1000} s`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown reason';
}
