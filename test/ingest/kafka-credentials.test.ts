import { pino } from 'pino';
import { CredentialBook } from '../../ingest/kafka-credentials.js';
import { PortError } from '../../port/client.js';

const GIVEN = { brokers: ['kafka:9196'], username: 'org', password: 'secret' };
const GIVEN_ACCESS = { brokers: ['kafka:9196'], sasl: { username: 'org', password: 'secret' } };
const LATER = { ...GIVEN, password: 'rotated' };
const refusing = (status: number) =>
  new PortError(status, 'code', `Port answered ${status}`, { headers: {} }, true);

/** A book whose Port gives these answers, one after the other. */
function bookOf(...answers: (typeof GIVEN | Error | undefined)[]) {
  const log: string[] = [];
  const kafkaCredentials = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  return { log, book: new CredentialBook(undefined, { kafkaCredentials }, logger) };
}

test('what Port gives now counts', async () => {
  const { book } = bookOf(GIVEN, LATER);
  expect(await book.current(false)).toEqual(GIVEN_ACCESS);
  expect(await book.current(false)).toMatchObject({ sasl: { password: 'rotated' } });
});

test.each([new Error('it was not sent'), refusing(503), refusing(429)])(
  'while Port is away (%s), what it gave last counts, with a warning that names no secret',
  async (away) => {
    const { book, log } = bookOf(GIVEN, away);
    await book.untilGiven(new AbortController().signal);
    expect(await book.current(false)).toEqual(GIVEN_ACCESS);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('"level":40');
    expect(log[0]).toContain(`those it gave last are used: ${away.message}`);
    expect(log[0]).not.toContain('secret');
  },
);

test('what Kafka refused does not count any more, until Port gives something', async () => {
  const away = new Error('it was not sent');
  const { book } = bookOf(GIVEN, away, away, GIVEN, away);
  await book.current(false);
  await expect(book.current(true)).rejects.toBe(away);
  await expect(book.current(false)).rejects.toBe(away);
  await book.current(false);
  expect(await book.current(false)).toEqual(GIVEN_ACCESS);
});

test.each([
  ['refuses', refusing(401), 'Port answered 401'],
  ['has no Kafka any more', undefined, 'Set STREAMER_NAME=POLLING'],
])('a Port that %s is believed', async (_, answer, said) => {
  const { book } = bookOf(GIVEN, answer);
  await book.current(false);
  await expect(book.current(false)).rejects.toThrow(said);
});

test('brokers that are configured need no Port', async () => {
  const kafkaCredentials = () => Promise.reject(new Error('nobody asks'));
  const book = new CredentialBook(['local:9092'], { kafkaCredentials }, pino({ level: 'silent' }));
  await book.untilGiven(new AbortController().signal);
  expect(await book.current(true)).toEqual({ brokers: ['local:9092'] });
});
