/** Records made of Port's real messages, each broken in one of the ways that a record can be broken. */

import { fc } from '../../support/fuzz.js';
import {
  type Message,
  messageSigned,
  nestedText,
  replaceSomewhere,
  withGrowingNumbers,
} from './mutations.js';

export interface FuzzedRecord {
  topic: 'runs' | 'change.log';
  value: Buffer | null;
}

/** What the records are made of: messages by run id, and the secret that Port signs with. */
export interface Originals {
  messages: ((runId: string) => Message)[];
  change: Message;
  clientSecret: string;
}

/** What chance decides about one record. */
interface Dice {
  kind: keyof typeof KINDS;
  original: number;
  runId: string;
  /** A place in the message, or in its bytes. */
  at: number;
  value: unknown;
  bytes: Uint8Array;
}

/** Of the good ones, so many of a hundred name a run for the second time. */
const KINDS = {
  intact: 12,
  'a run once more': 8,
  'bytes changed': 18,
  'cut off': 10,
  'a value of another type, signed': 16,
  'a value of another type, not signed again': 8,
  'bad signature': 8,
  'nested deep, signed': 3,
  'nested too deep': 2,
  'no message at all': 5,
  'any JSON': 4,
  'no value': 1,
  'a change': 3,
  'a broken change': 2,
} as const;
/** By number and not by chance, since each is a megabyte or more. */
const HUGE_EVERY = 200;

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'];

const dice: fc.Arbitrary<Dice> = fc.record({
  kind: fc.oneof(
    ...Object.entries(KINDS).map(([kind, weight]) => ({
      arbitrary: fc.constant(kind as keyof typeof KINDS),
      weight,
    })),
  ),
  original: fc.nat(),
  runId: fc
    .string({ unit: fc.constantFrom(...LETTERS), minLength: 16, maxLength: 16 })
    .map((text) => `r_${text}`),
  at: fc.nat(),
  value: fc.jsonValue({ maxDepth: 3 }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
});

/** So many records, the same ones for the same `FUZZ_SEED`. */
export function fuzzedRecords(count: number, originals: Originals): FuzzedRecord[] {
  const runIds: string[] = [];
  return fc.sample(dice, count).map((thrown, index) => {
    const again = thrown.kind === 'a run once more' ? runIds[thrown.at % (runIds.length || 1)] : undefined;
    const runId = again ?? thrown.runId;
    runIds.push(runId);
    const make = originals.messages[thrown.original % originals.messages.length];
    if (!make) throw new Error('there are no messages to start from');
    const message = make(runId);
    if (index % HUGE_EVERY === HUGE_EVERY - 1)
      return { topic: 'runs', value: huge(message, index, originals) };
    return broken(message, thrown, originals);
  });
}

function broken(message: Message, { kind, at, value, bytes }: Dice, originals: Originals): FuzzedRecord {
  const { clientSecret, change } = originals;
  const signed = (changed: Message): Buffer => text(messageSigned(changed, clientSecret));
  const runs = (record: Buffer | null): FuzzedRecord => ({ topic: 'runs', value: record });
  switch (kind) {
    case 'intact':
    case 'a run once more':
      return runs(signed(message));
    case 'bytes changed':
      return runs(changeBytes(signed(message), at, bytes));
    case 'cut off':
      return runs(cutOff(signed(message), at));
    case 'a value of another type, signed':
      return runs(signed(replaceSomewhere(message, at, value)));
    case 'a value of another type, not signed again':
      return runs(text(replaceSomewhere(messageSigned(message, clientSecret), at, value)));
    case 'bad signature':
      return runs(text(messageSigned(message, Buffer.from(bytes).toString('hex'))));
    case 'nested deep, signed':
      return runs(signed({ ...message, filling: JSON.parse(nestedText(at % 900)) }));
    case 'nested too deep':
      return runs(Buffer.from(`{"payload":${nestedText(1000 + (at % 50_000))}}`));
    case 'no message at all':
      return runs(Buffer.from(bytes));
    case 'any JSON':
      return runs(text(value));
    case 'no value':
      return runs(null);
    case 'a change':
      return { topic: 'change.log', value: text(change) };
    case 'a broken change':
      return { topic: 'change.log', value: text(replaceSomewhere(change, at, value)) };
  }
}

/** By turns too large for Temporal as it comes, and only once it has been read and is written again. */
function huge(message: Message, index: number, { clientSecret }: Originals): Buffer {
  const isEven = Math.floor(index / HUGE_EVERY) % 2 === 0;
  const filled = isEven
    ? { ...message, filling: 'x'.repeat(1_500_000 + index) }
    : { ...message, filling: [0] };
  const signed = messageSigned(isEven ? filled : withGrowingNumbers(filled), clientSecret);
  const written = JSON.stringify(signed);
  return Buffer.from(isEven ? written : written.replaceAll('100000000000000000000', '1e20'));
}

function text(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function changeBytes(record: Buffer, at: number, bytes: Uint8Array): Buffer {
  for (const [n, byte] of bytes.slice(0, 4).entries()) record[(at + n * 7919) % record.length] = byte;
  return record;
}

function cutOff(record: Buffer, at: number): Buffer {
  return record.subarray(0, at % record.length);
}
