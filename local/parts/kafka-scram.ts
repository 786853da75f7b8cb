/**
 * Sets SCRAM passwords on a running broker: one AlterUserScramCredentials request (API key 51, version 0).
 *
 * kafkajs does not know this request, and Kafka's own command takes a JVM and two seconds for it.
 * Format: https://kafka.apache.org/protocol#The_Messages_AlterUserScramCredentials
 */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const API_KEY = 51;
const SCRAM_SHA_512 = 2;
/** The least that Kafka accepts: it is a test's password. */
const ITERATIONS = 4096;
const TIMEOUT_MS = 30_000;
const NO_TAGS = Buffer.from([0]);

/** Creates the user or changes its password, over a listener without authentication on this machine. */
export async function setScramPassword(port: number, username: string, password: string): Promise<void> {
  const salt = randomBytes(24);
  const body = Buffer.concat([
    uvarint(1), // no deletions: compact arrays carry their length plus one
    uvarint(2), // one upsertion
    compactBytes(Buffer.from(username)),
    Buffer.from([SCRAM_SHA_512]),
    int32(ITERATIONS),
    compactBytes(salt),
    compactBytes(pbkdf2Sync(password, salt, ITERATIONS, 64, 'sha512')),
    NO_TAGS,
    NO_TAGS,
  ]);
  const header = Buffer.concat([int16(API_KEY), int16(0), int32(1), int16(-1), NO_TAGS]);
  const message = Buffer.concat([header, body]);
  const response = await exchange(port, Buffer.concat([int32(message.length), message]));
  // Correlation id, tags, throttle time, array length; then name, error code, message.
  const nameLength = response.readUInt8(10) - 1;
  const errorCode = response.readInt16BE(11 + nameLength);
  if (errorCode !== 0) {
    throw new Error(`Kafka refused to set the password of ${username}: error code ${errorCode}.`);
  }
}

/** Sends one request and returns the response without its length. */
function exchange(port: number, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: TIMEOUT_MS });
    let received = Buffer.alloc(0);
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return;
      resolve(received.subarray(4));
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error(`Kafka did not answer within ${TIMEOUT_MS} ms.`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('Kafka closed the connection without an answer.')));
  });
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Buffer.from([...bytes, left]);
}

function compactBytes(bytes: Buffer): Buffer {
  return Buffer.concat([uvarint(bytes.length + 1), bytes]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
