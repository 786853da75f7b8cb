/**
 * Claims runs from Port, hands them on, and acknowledges each once Temporal has it: in this order, so that a crash
 * anywhere loses nothing. What is not acknowledged comes again when its lease ends, and is recognized.
 *
 * All agents of an organization claim under one name, so Port hands a run to whichever asks first. What no mapping
 * of ours matches is left unacknowledged for the others; and its action, or node, is not claimed again until they
 * have had the time to. Otherwise the agent whose poll happens to fall on the lease's end would get it each time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import { UNREADABLE_CLAIM } from '../port/claims.js';
import { forLog, PortError } from '../port/client.js';
import { type JsonObject, nestsDeeper } from '../port/message.js';
import { retryAfterMs } from '../port/retry-after.js';
import type { Health, HealthPart } from '../telemetry/health.js';
import type { Logger } from '../telemetry/logger.js';
import { type ClaimApi, type ClaimQueue, claimQueues, createdAtMs } from './claim-queue.js';
import { type Claim, ClaimedBatch, type PollingCounts } from './claimed-batch.js';
import { PollPace } from './poll-pace.js';
import type { BatchHandler, BatchVerdict, RecordSource, SourceRecord } from './record-source.js';

export interface PollingSourceOptions {
  port: ClaimApi;
  settings: Config['polling'];
  logger: Logger;
  health: Health;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Resolves after `ms`, or when the signal aborts. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  random?: () => number;
}

/** Of a lease so much is used for starts; what is left of it is for acknowledging. */
const LEASE_SHARE = 0.75;
/** Others have two polls, of Port's usual interval at least, to claim what was left to them. */
const LEAST_TURN_MS = 20_000;

const ADVICE =
  'Check that PORT_API_BASE_URL can be reached from here, and that Port takes the credentials; the log says why';
const NOT_POLLED = `no poll has succeeded yet. ${ADVICE}`;
const FAILING =
  'polling has failed for longer than POLLING_MAX_FAILURE_DURATION_SECONDS: runs wait in Port until it works again. It is tried on';

export class PollingSource implements RecordSource {
  readonly counts: PollingCounts = { claimed: 0, acknowledged: 0, acknowledgedByOthers: 0, left: 0 };
  private readonly stopping = new AbortController();
  private readonly pollers: Poller[];
  private finished: Promise<unknown> = Promise.resolve();

  constructor(options: PollingSourceOptions) {
    const { signal } = this.stopping;
    this.pollers = claimQueues(options.port).map((queue) => new Poller(queue, options, this.counts, signal));
  }

  async run(handle: BatchHandler): Promise<void> {
    this.finished = Promise.all(this.pollers.map((poller) => poller.run(handle)));
    await this.finished;
  }

  /** Claims no more; what was claimed is handed on to its end, since it would hide for the rest of its lease. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.finished;
  }
}

/** Polls one queue. Two of them don't wait for each other, nor fail together. */
class Poller {
  private readonly pace: PollPace;
  private readonly part: HealthPart;
  private readonly now: () => number;
  /** Until when an action's runs, or a node's, are not claimed. */
  private readonly leftUntil = new Map<string, number>();
  private limit: number;
  private nextOffset = 0n;
  private isAnnounced = false;
  private isRefused = false;
  private isUnhealthy = false;

  constructor(
    private readonly queue: ClaimQueue,
    private readonly options: PollingSourceOptions,
    private readonly counts: PollingCounts,
    private readonly stopping: AbortSignal,
  ) {
    this.now = options.now ?? Date.now;
    this.pace = new PollPace(options.settings, this.now, options.random ?? Math.random);
    this.limit = options.settings.batchSize;
    this.part = options.health.part('polling', queue.isOptional ? undefined : NOT_POLLED);
  }

  async run(handle: BatchHandler): Promise<void> {
    const wait = this.options.wait ?? waitFor;
    const loop = this.options.health.loop('polling');
    while (!this.stopping.aborted) {
      // A batch may take as long as its lease; whether it moves is for its handler to tell.
      loop.tick(this.options.settings.visibilityTimeoutMs);
      const waitMs = await this.poll(handle).catch((error: unknown) => this.failed(error));
      loop.tick(waitMs);
      if (waitMs > 0) await wait(waitMs, this.stopping);
    }
    loop.end();
  }

  /** Claims once and sees it through. Returns how long to wait before the next claim. */
  private async poll(handle: BatchHandler): Promise<number> {
    const { intervalMs, visibilityTimeoutMs } = this.options.settings;
    const claimedAtMs = this.now();
    const exclude = this.excluded();
    const limit = this.limit;
    const claimed = await this.queue.claim({
      limit,
      visibilityTimeoutMs,
      ...(exclude.length > 0 && { exclude }),
    });
    this.succeeded(claimed.length);
    const claims = this.claimsOf(claimed);
    if (claims.length === 0) return intervalMs;
    const batch = new ClaimedBatch(this.queue, claims, this.options.logger, this.counts);
    const verdict = await this.hand(batch, handle, claimedAtMs);
    this.leave(batch, claimedAtMs);
    if (verdict.retryAfterMs !== undefined) return Math.max(verdict.retryAfterMs, intervalMs);
    // Should Port hand out at once what was just claimed, this must not become a loop without a pause.
    return claimed.length >= limit && batch.acknowledged > 0 ? 0 : intervalMs;
  }

  private async hand(batch: ClaimedBatch, handle: BatchHandler, claimedAtMs: number): Promise<BatchVerdict> {
    const lease = new AbortController();
    const usableMs = claimedAtMs + this.options.settings.visibilityTimeoutMs * LEASE_SHARE - this.now();
    const timer = setTimeout(() => lease.abort(), Math.max(usableMs, 0));
    try {
      return await handle(
        { topic: this.queue.topic, partition: 0, records: batch.records },
        {
          signal: lease.signal,
          onAccepted: (offset) => batch.accept(offset),
          onIgnored: (offset) => batch.ignore(offset),
        },
      );
    } finally {
      clearTimeout(timer);
      await batch.settled();
    }
  }

  private claimsOf(claimed: JsonObject[]): Claim[] {
    const { queue, options, counts } = this;
    counts.claimed += claimed.length;
    return claimed.flatMap((one) => {
      const id = queue.idOf(one);
      if (id === undefined) {
        options.logger.error({ queue: queue.topic }, 'Port handed out something without an id; it is left');
        return [];
      }
      const message = queue.messageOf(one);
      const record: SourceRecord = {
        origin: 'claim',
        topic: queue.topic,
        partition: 0,
        offset: this.nextOffset++,
        timestampMs: createdAtMs(one, this.now()),
        value: nestsDeeper(message) ? null : new TextEncoder().encode(JSON.stringify(message)),
      };
      return [{ id, kind: queue.kindOf(one), record }];
    });
  }

  private leave(batch: ClaimedBatch, claimedAtMs: number): void {
    const left = batch.left();
    if (left.length === 0) return;
    const { intervalMs, visibilityTimeoutMs } = this.options.settings;
    const until = claimedAtMs + visibilityTimeoutMs + Math.max(2 * intervalMs, LEAST_TURN_MS);
    for (const { kind } of left) if (kind !== undefined) this.leftUntil.set(kind, until);
    this.counts.left += left.length;
    this.options.logger.info(
      { queue: this.queue.topic, ids: left.map(({ id }) => id), until: new Date(until).toISOString() },
      'left to other agents; if there are none, UNMATCHED_RUNS=fail ends such runs',
    );
  }

  private excluded(): string[] {
    for (const [kind, until] of this.leftUntil) if (until <= this.now()) this.leftUntil.delete(kind);
    return [...this.leftUntil.keys()];
  }

  private succeeded(count: number): void {
    const { settings, logger } = this.options;
    const failedForMs = this.pace.succeeded();
    this.isRefused = false;
    this.isUnhealthy = false;
    this.part.up();
    if (count > 0) this.limit = Math.min(2 * this.limit, settings.batchSize);
    if (failedForMs > 0) logger.info({ queue: this.queue.topic, failedForMs }, 'Port can be polled again');
    if (this.isAnnounced || this.queue.isOptional) return;
    this.isAnnounced = true;
    logger.info({ source: 'POLLING', intervalMs: settings.intervalMs }, 'ingester ready');
  }

  /** Returns the wait before the next claim. */
  private failed(error: unknown): number {
    const { queue, options, pace } = this;
    const { maxBackoffMs } = options.settings;
    const reason = forLog(error);
    if (queue.isOptional && error instanceof PortError && [403, 404].includes(error.status)) {
      const log = { queue: queue.topic, retryInMs: maxBackoffMs };
      if (!this.isRefused) options.logger.warn(log, `Port hands out no ${queue.content}: ${reason}`);
      this.isRefused = true;
      return maxBackoffMs;
    }
    // What was claimed hides for a while; of what is left, fewer may be readable.
    if (error instanceof PortError && error.code === UNREADABLE_CLAIM)
      this.limit = Math.max(1, Math.floor(this.limit / 2));
    const asked =
      error instanceof PortError && error.status === 429
        ? retryAfterMs(error.response.headers, this.now())
        : undefined;
    const retryInMs = pace.failed(asked);
    options.logger.error({ queue: queue.topic, retryInMs }, `${queue.content} can't be claimed: ${reason}`);
    if (!pace.isHealthy() && !this.isUnhealthy) {
      this.isUnhealthy = true;
      this.part.down(`${FAILING}. ${ADVICE}`);
      options.logger.error({ queue: queue.topic, failingForMs: pace.failingForMs() }, FAILING);
    }
    return retryInMs;
  }
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
