/**
 * Every way out of the network, with good and bad targets on each: the whole agent, from the message on Kafka to
 * the run's state in Port, past real proxies.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../local/parts/child.js';
import { type ClosedRun, type House, startHouse, until } from '../support/house.js';
import { describeWith } from '../support/system-part.js';
import { asReadersSeeIt, failureTable } from '../support/ways-out/failure-table.js';
import { type Call, FAILURES, type Failure, WAYS, type WayOut } from '../support/ways-out/matrix.js';
import { PROXY_PROGRAMS, SECRETS, type Site, startSite } from '../support/ways-out/site.js';

let folder: string;
let house: House;
let site: Site;
/** What runs said, by failure, without what differs from way to way. */
const said = new Map<string, Set<string>>();

describeWith(PROXY_PROGRAMS, 'the way out', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ways-out-'));
    // As long as the waits before the third attempt: so much time has the first one, however busy the machine is.
    [house, site] = await Promise.all([startHouse({ CALL_RETRY_WINDOW_SECONDS: '3' }), startSite(folder)]);
    await house.agent('ingest');
  });
  afterAll(async () => {
    await Promise.all([house?.close(), site?.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  describe.each(WAYS.map((way): [string, WayOut] => [way.name, way]))('%s', (_, way) => {
    let worker: Child;
    let logged: () => string[];
    const runs = new Map<Call, ClosedRun>();

    /** One worker after the other has the task queue to itself; its calls are made side by side. */
    beforeAll(async () => {
      logged = logFromNowOn(way);
      worker = await house.agent('worker', way.environment(site));
      const carriedOut = way.calls.map(async (call) => {
        runs.set(call, await house.carryOut(addAction(call.url(site))));
      });
      await Promise.all(carriedOut).finally(() => worker.stop(120_000));
    });

    test.each(way.calls.map((call): [string, Call] => [call.what, call]))('%s', async (_, call) => {
      const run = runs.get(call) as ClosedRun;
      const history = await house.client.workflow.getHandle(run.runId).fetchHistory();
      expectEnd(call, run, attemptsOf(history));
      await expectLogged(call, logged);
      expectNoSecret(run, { history: textOf(history), worker: worker.lines(1000).join('\n') });
    });
  });

  test('fails in the words of docs/network.md, which are the same on every way (UPDATE_DOCS=1 rewrites them)', () => {
    const different = [...said].filter(([, sentences]) => sentences.size > 1);
    expect(different.map(([failure, sentences]) => [failure, ...sentences])).toEqual([]);
    const { written, generated } = failureTable(
      new Map([...said].map(([failure, [sentence = '']]) => [failure, sentence])),
    );
    expect(written).toBe(generated);
  });
});

/** What Port and Temporal hold of the run, and how often a target was called. */
function expectEnd({ failure }: Call, { runId, workflow }: ClosedRun, attempts: number): void {
  const { status, summary } = house.port.run(runId);
  const seen = { status, workflow: workflow.status.name, calls: callsOf(runId).length };
  if (failure === undefined) {
    expect({ ...seen, attempts }).toEqual({
      status: 'SUCCESS',
      workflow: 'COMPLETED',
      calls: 1,
      attempts: 1,
    });
    return;
  }
  const { says, repeated }: Failure =
    failure instanceof RegExp ? { says: failure, repeated: false } : FAILURES[failure];
  expect(summary).toMatch(says);
  expect(seen).toEqual({ status: 'FAILURE', workflow: 'FAILED', calls: 0 });
  if (repeated) expect(attempts).toBeGreaterThan(1);
  else expect(attempts).toBe(1);
  if (typeof failure === 'string')
    said.set(failure, (said.get(failure) ?? new Set()).add(asReadersSeeIt(summary ?? '')));
}

function callsOf(runId: string) {
  return Object.values(site.targets).flatMap((target) => target.calls(runId));
}

/** What the way's proxies log from now on; those of all when the way has none of its own. */
function logFromNowOn({ proxy }: WayOut): () => string[] {
  const { squid, foreignSquid, socks } = site;
  const logs = (proxy ? [site[proxy]] : [squid, foreignSquid, socks]).map(({ log }) => ({
    log,
    skip: log().length,
  }));
  return () => logs.flatMap(({ log, skip }) => log().slice(skip));
}

async function expectLogged({ logged, url }: Call, log: () => string[]): Promise<void> {
  const { host } = new URL(url(site));
  const lines = (): string[] => log().filter((line) => line.includes(host));
  if (logged === undefined) expect(lines()).toEqual([]);
  // A tunnel is logged when it ends.
  else await until(`${logged} for ${host}`, () => lines().some((line) => line.includes(logged)), 30_000);
}

/** Nobody has learned a proxy's password: not Port, Temporal, the target, nor who reads the worker's output. */
function expectNoSecret({ runId, failure }: ClosedRun, told: { history: string; worker: string }): void {
  const port = JSON.stringify([house.port.run(runId), house.port.requestsFor(runId)]);
  for (const text of [port, told.history, told.worker]) expect(text).toContain(runId);
  const all = Object.entries({ ...told, port, failure, target: JSON.stringify(callsOf(runId)) });
  const leaks = all.flatMap(([where, text]) =>
    SECRETS.filter((secret) => text?.includes(secret)).map((secret) => `${secret} in ${where}`),
  );
  expect(leaks).toEqual([]);
}

/** Adds an action to Port that calls this URL; its identifier. */
function addAction(url: string): string {
  const identifier = `call_${house.port.actions.size}`;
  house.port.actions.set(identifier, {
    identifier,
    trigger: { type: 'self-service', operation: 'CREATE', userInputs: { properties: {} } },
    invocationMethod: {
      type: 'WEBHOOK',
      url,
      agent: true,
      synchronized: true,
      method: 'POST',
      body: { runId: '{{ .run.id }}' },
    },
  });
  return identifier;
}

type History = Awaited<ReturnType<ReturnType<House['client']['workflow']['getHandle']>['fetchHistory']>>;

/** The attempt with which the call, a run's first activity, came to its end. */
function attemptsOf({ events }: History): number {
  const started = events?.find(({ activityTaskStartedEventAttributes: found }) => found);
  return started?.activityTaskStartedEventAttributes?.attempt ?? 0;
}

/** A history with its payloads, which are base64, as text. */
function textOf(history: History): string {
  const json = JSON.stringify(history);
  return json.replace(/"data":"([^"]*)"/g, (_, data) => Buffer.from(data, 'base64').toString());
}
