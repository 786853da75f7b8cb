/** Reads an answer's body: unpacked, as text, and never more of it than is asked for. */
import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

export interface OutboundResponse {
  status: number;
  /** Names in lower case; several of one name joined by commas. */
  headers: Record<string, string>;
  text: string;
  /** Why `text` is not the whole body: it was longer than is read, or it stopped coming. */
  cut?: 'too long' | 'broken off';
}

/** What `readResponse` can unpack. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate';

/** `maxBytes` counts what comes out of unpacking, so that a small answer can't grow without bound. */
export async function readResponse(
  response: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<OutboundResponse> {
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
  );
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut: OutboundResponse['cut'];
  try {
    for await (const chunk of unpacked(response.body, headers) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        cut = 'too long';
        break;
      }
    }
  } catch {
    // The status is known, and it decides; what came of the body is kept.
    cut = 'broken off';
  }
  const text = decode(Buffer.concat(chunks).subarray(0, maxBytes), headers['content-type']);
  return { status: response.statusCode, headers, text, ...(cut && { cut }) };
}

function unpacked(body: Readable, headers: Record<string, string>): Readable {
  const unpacker = unpackerFor(headers['content-encoding']);
  if (!unpacker || headers['content-length'] === '0') return body;
  return pipeline(body, unpacker, () => {});
}

function unpackerFor(encoding = ''): Transform | undefined {
  if (/^\s*(x-)?(gzip|deflate)\s*$/i.test(encoding)) return createUnzip();
  if (/^\s*br\s*$/i.test(encoding)) return createBrotliDecompress();
  return undefined;
}

function decode(body: Buffer, contentType: string | undefined): string {
  const charset = /charset="?([^";\s]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return body.toString('utf8');
  }
}
