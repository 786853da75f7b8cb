/** The house that the faults happen in, with a worker and an ingester that can be replaced. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Child } from '../../../local/parts/child.js';
import type { Run } from '../../../local/simulators/port.js';
import type { InvocationMethod } from '../../../local/simulators/port-actions.js';
import { type House, PROJECT, startHouse, until } from '../../support/house.js';
import type { PublishedRun } from './row.js';

/** Short, so that a row takes seconds; docs/reliability.md names them. */
export const SETTINGS = {
  WEBHOOK_INVOKER_TIMEOUT: '3',
  CALL_RETRY_WINDOW_SECONDS: '2',
  WORKER_LOST_AFTER_SECONDS: '6',
};

export class Site {
  worker!: Child;
  ingester!: Child;
  private readonly identifiers = new Map<string, string>();
  private readonly counters: ((runId: string) => number)[] = [];
  private readonly closers: (() => Promise<unknown>)[] = [];

  private constructor(readonly house: House) {}

  static async open(): Promise<Site> {
    const site = new Site(await startHouse(SETTINGS));
    site.counting(site.house.service);
    site.counting(site.house.gitlab);
    await site.startAgents();
    return site;
  }

  /** Has something closed with the site. */
  closing<T extends { close(): Promise<unknown> }>(thing: T): T {
    this.closers.push(() => thing.close());
    return thing;
  }

  async close(): Promise<void> {
    await Promise.all(this.closers.map((close) => close()));
    await this.house.close();
  }

  async startAgents(environment: Record<string, string> = {}): Promise<void> {
    [this.worker, this.ingester] = await Promise.all([
      this.house.agent('worker', environment),
      this.house.agent('ingest', environment),
    ]);
  }

  async stopAgents(): Promise<void> {
    await Promise.all([this.worker.stop(), this.ingester.stop()]);
  }

  /** Has the requests that a target receives counted by their runs. */
  counting({ journal }: { journal: { headers: Record<string, unknown> }[] }): void {
    this.counters.push(
      (runId) => journal.filter(({ headers }) => headers['idempotency-key'] === runId).length,
    );
  }

  callsOf(runId: string): number {
    return this.counters.reduce((sum, count) => sum + count(runId), 0);
  }

  /** Has Port execute actions, side by side; `methodOf` says what the nth calls. */
  async publish(count: number, methodOf: (n: number) => InvocationMethod): Promise<PublishedRun[]> {
    const ids = Array.from({ length: count }, (_, n) => this.trigger(methodOf(n)));
    return (await Promise.all(ids)).map((runId) => ({ runId, workflowId: runId }));
  }

  trigger(invocationMethod: InvocationMethod): Promise<string> {
    const { port } = this.house;
    const text = JSON.stringify(invocationMethod);
    const identifier = this.identifiers.get(text) ?? `action_${this.identifiers.size}`;
    this.identifiers.set(text, identifier);
    const trigger = { type: 'self-service', operation: 'CREATE' } as const;
    port.actions.set(identifier, { identifier, trigger, invocationMethod });
    return port.trigger(identifier);
  }

  /** A run that Port has, and has published to nobody. */
  async unpublished(url = `${this.house.service.url}/ok`): Promise<Run> {
    return this.house.port.run(await this.trigger({ ...webhook(url), agent: false }));
  }

  /** Waits until a run's current activity is at its second attempt or later. */
  async triedTwice(runs: PublishedRun[]): Promise<void> {
    const waiting = new Set(runs);
    await until(
      'every report was tried twice',
      async () => {
        for (const run of waiting) if ((await this.house.attemptOf(run.runId)) >= 2) waiting.delete(run);
        return waiting.size === 0;
      },
      60_000,
    );
  }

  called(runs: PublishedRun[]): Promise<void> {
    const isCalled = () => runs.every(({ runId }) => this.callsOf(runId) > 0);
    return until('the target of every run is called', isCalled, 60_000);
  }
}

/** By turns a synchronized webhook and one that is handed over. */
export function webhook(url: string, n = 0): InvocationMethod & { type: 'WEBHOOK' } {
  return { type: 'WEBHOOK', url, agent: true, synchronized: n % 2 === 0, method: 'POST' };
}

/** By turns everything that a run can be. */
export function anything({ house }: Site, n: number): InvocationMethod {
  const [, group = '', project = ''] = /^(.*)\/(.*)$/.exec(PROJECT.path) ?? [];
  if (n % 3 === 2) return { type: 'GITLAB', groupName: group, projectName: project };
  return webhook(`${house.service.url}${n % 3 === 0 ? '/ok' : '/accepted'}`, n % 3);
}

/** A target that reads a request and then resets the connection. */
export async function startResettingTarget() {
  const journal: { headers: Record<string, unknown> }[] = [];
  const server = createServer((request) => {
    journal.push({ headers: request.headers });
    request.socket.resetAndDestroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    journal,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
