/** Reads what was sent, and never more of it than is allowed. */
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.js';

/** @throws Refusal when it is longer than `maxBytes`; what is left of it is discarded. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const tooLong = new Refusal(413, `the request is longer than ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLong);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else reject(tooLong);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', () => reject(new Refusal(400, 'the request was broken off')));
  });
}
