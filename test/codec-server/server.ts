/** A codec server as the command runs it, within the test: its configuration, its socket, its log. */
import { randomBytes } from 'node:crypto';
import type { Payload, WorkflowSerializationContext } from '@temporalio/common';
import { pino } from 'pino';
import { runCodecServer } from '../../codec-server/main.js';
import { type CodecKeys, readCodecKeys } from '../../config/codec-keys.js';
import { loadCodecServerConfig } from '../../config/codec-server.js';
import { Health } from '../../telemetry/health.js';
import { createEncryption } from '../../temporal/codec/encryption.js';

export const UI = 'https://temporal.corp';
export const TOKEN = 'a-shared-token-for-tests';
export const CODEC_KEYS = `k1:${randomBytes(32).toString('base64')}`;

/** What is enough to start with the shared token. */
export const BASE = {
  CODEC_KEYS,
  CODEC_SERVER_PORT: '0',
  CODEC_SERVER_ALLOWED_ORIGINS: UI,
  CODEC_SERVER_TOKEN: TOKEN,
};

export interface TestCodecServer {
  port: number;
  url: string;
  health: Health;
  /** Each line of its log, as JSON text. */
  log: string[];
  /** Resolves with the first line, past or to come, in which this is found. */
  logged(text: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startCodecServer(environment: Record<string, string> = {}): Promise<TestCodecServer> {
  const config = loadCodecServerConfig({ ...BASE, ...environment });
  const log: string[] = [];
  const waiting = new Set<(line: string) => void>();
  const write = (line: string): void => {
    log.push(line);
    for (const tell of waiting) tell(line);
  };
  const logged = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const tell = (line: string): void => {
        if (!line.includes(text)) return;
        waiting.delete(tell);
        resolve(line);
      };
      waiting.add(tell);
      for (const line of log) tell(line);
    });
  const [stop, health] = [new AbortController(), new Health()];
  const ended = runCodecServer(config, pino({ level: 'trace' }, { write }), stop.signal, health);
  const ready = await Promise.race([logged('codec server ready'), ended]);
  if (ready === undefined) throw new Error('the codec server ended before it was ready');
  const { port } = JSON.parse(ready) as { port: number };
  return {
    port,
    url: `${config.tls ? 'https' : 'http'}://localhost:${port}`,
    health,
    log,
    logged,
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

/** A payload in protobuf's JSON. */
export type Sent = Record<string, unknown>;

export const owner: WorkflowSerializationContext = {
  type: 'workflow',
  namespace: 'default',
  workflowId: 'r_1',
};

/** A payload as a worker writes it; plain without keys. */
export async function written(value: unknown, keys: string | undefined, whose = owner): Promise<Sent> {
  const plain: Payload = {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(value)),
  };
  const [payload] =
    keys === undefined ? [plain] : await createEncryption(keysOf(keys)).encode([plain], whose);
  const metadata = Object.entries(payload?.metadata ?? {});
  return {
    metadata: Object.fromEntries(metadata.map(([name, bytes]) => [name, base64(bytes)])),
    data: base64(payload?.data ?? new Uint8Array()),
  };
}

/** The value in a plain payload. */
export function shown(payload: unknown): unknown {
  return JSON.parse(Buffer.from((payload as { data: string }).data, 'base64').toString());
}

export function keysOf(text: string): CodecKeys {
  const read = readCodecKeys(text);
  if ('problems' in read) throw new Error(read.problems.join('; '));
  return read.keys;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
