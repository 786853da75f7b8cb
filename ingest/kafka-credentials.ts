/** Brokers and credentials as Port gives them, and how long what it gave counts. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import { forLog, type PortClient, PortError } from '../port/client.js';
import type { Logger } from '../telemetry/logger.js';
import type { KafkaAccess } from './kafka-client.js';

export type KafkaCredentials = Omit<KafkaAccess, 'tls'>;

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const CANT_BE_ASKED = "Port can't be asked for the Kafka credentials";

class NoKafkaError extends Error {}

export class CredentialBook {
  private last: KafkaCredentials | undefined;

  constructor(
    private readonly brokers: Config['kafka']['brokers'],
    private readonly client: Pick<PortClient, 'kafkaCredentials'>,
    private readonly logger: Logger,
  ) {}

  /** Waits for Port as long as it is unreachable. @throws what waiting can't mend; an AbortError once `stop` aborts. */
  async untilGiven(stop: AbortSignal): Promise<void> {
    stop.throwIfAborted();
    const stopped = new Promise<never>((_, reject) => {
      stop.addEventListener('abort', () => reject(stop.reason), { once: true });
    });
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        // Not even for the call under way: a Port that is silent takes its time.
        await Promise.race([this.ask(), stopped]);
        return;
      } catch (error) {
        if (stop.aborted || isRefusal(error)) throw error;
        this.logger.error({ retryInMs: waitMs }, `${CANT_BE_ASKED}: ${forLog(error)}`);
        await delay(waitMs, undefined, { signal: stop });
      }
    }
  }

  /**
   * Asks Port; while it is away, what it gave last still counts, unless Kafka refused it, so that two faults that
   * have nothing to do with each other don't become one long standstill.
   */
  async current(wereRefused: boolean): Promise<KafkaCredentials> {
    if (wereRefused) this.last = undefined;
    try {
      return await this.ask();
    } catch (error) {
      if (!this.last || isRefusal(error)) throw error;
      this.logger.warn(`${CANT_BE_ASKED}, and those it gave last are used: ${forLog(error)}`);
      return this.last;
    }
  }

  private async ask(): Promise<KafkaCredentials> {
    this.last = this.brokers ? { brokers: this.brokers } : await credentialsOf(this.client);
    return this.last;
  }
}

async function credentialsOf(client: Pick<PortClient, 'kafkaCredentials'>): Promise<KafkaCredentials> {
  const credentials = await client.kafkaCredentials();
  if (!credentials) {
    throw new NoKafkaError(
      "Port gives this organization no Kafka credentials. Set STREAMER_NAME=POLLING to claim runs from Port's API instead, or ask Port's support to enable Kafka",
    );
  }
  const { brokers, username, password } = credentials;
  return { brokers, sasl: { username, password } };
}

/** What asking again does not mend. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof NoKafkaError) return true;
  return error instanceof PortError && error.status < 500 && error.status !== 429;
}
