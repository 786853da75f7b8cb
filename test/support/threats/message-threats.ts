/** Messages that are not Port's, or are Port's no more. */
import { until } from '../house.js';
import type { Message, Site, Threat } from './site.js';

export const messageThreats: Record<string, Threat> = {
  'forged-signature': async (site) => {
    const forge: ((message: Message) => Message)[] = [
      (message) => message,
      (message) => site.sign(message, 'a-secret-that-is-not-the-organizations'),
      (message) => ({ ...site.sign(message), status: 'CHANGED' }),
      // What is skipped where a message says that it is about a change.
      (message) => ({ ...message, changelogDestination: { type: 'WEBHOOK', agent: true } }),
    ];
    return inTurn(forge, async (forged) => {
      const run = await site.run(okOf(site));
      return site.outcomeOf(await site.publish(forged(site.messageOf(run))), run.id);
    });
  },

  replayed: async (site) => {
    const run = await site.run(okOf(site));
    const message = site.sign(site.messageOf(run));
    // At three offsets: side by side, and once the run has ended.
    const records = [await site.publish(message), await site.publish(message)];
    for (const record of records) await site.outcomeOf(record, run.id);
    return [await site.outcomeOf(await site.publish(message), run.id)];
  },

  'path-in-id': async (site) => {
    const ids = [
      'r_../../organization?x=',
      '..',
      'r_%2e%2e%2forganization',
      'r_1/logs',
      'change/x',
      'rejected/x',
    ];
    const seen = await inTurn(ids, async (runId) => {
      const run = await site.run(okOf(site));
      const message = site.sign({ ...site.messageOf(run), context: { runId } });
      return site.outcomeOf(await site.publish(message), runId);
    });
    const paths = site.house.port.journal.map(({ method, path }) => `${method} ${path}`);
    expect(paths.filter((path) => path.includes('..') || path.includes('%2'))).toEqual([]);
    return seen;
  },

  'other-organization': async (site) => {
    const run = await site.run(okOf(site));
    const message = site.messageOf(run);
    const by = { orgId: 'org_other', userId: 'someone' };
    const context = { ...(message['context'] as object), orgId: 'org_other' };
    const record = await site.publish(
      site.sign({ ...message, orgId: 'org_other', trigger: { by }, context }),
    );
    const seen = await site.outcomeOf(record, run.id);
    expect(site.house.port.journal.filter(({ path }) => path.includes('org_other'))).toEqual([]);
    return [seen];
  },

  'unsigned-change': async (site) => {
    const change = (blueprint: string) => ({
      action: 'UPDATE',
      context: { blueprint, entity: 'x', runId: 'r_1' },
      changelogDestination: { type: 'WEBHOOK', agent: true, url: okOf(site) },
    });
    const listed = await site.publish(change('listed'), 'change.log');
    expect(await site.outcomeOf(listed, 'r_1')).toMatchObject({ calls: 1, workflow: 'COMPLETED' });
    return [await site.outcomeOf(await site.publish(change('service'), 'change.log'), 'r_1')];
  },

  'own-signature': async (site) => {
    const run = await site.run(okOf(site));
    const { headers: _, ...message } = site.messageOf(run);
    const change = {
      ...message,
      context: { ...(message['context'] as object), blueprint: 'listed' },
      changelogDestination: { type: 'WEBHOOK', agent: true, url: okOf(site) },
    };
    await site.outcomeOf(await site.publish(change, 'change.log'), 'r_1');
    const received = site.house.service.journal.find(({ rawBody }) => rawBody.includes(run.id));
    const headers = {
      'X-Port-Signature': received?.headers['x-port-signature'],
      'X-Port-Timestamp': received?.headers['x-port-timestamp'],
    };
    const signed = { ...JSON.parse(received?.rawBody ?? '{}'), headers };
    return [await site.outcomeOf(await site.publish(signed), run.id)];
  },

  'too-large': async (site) => {
    const run = await site.run(okOf(site));
    const message = { ...site.messageOf(run), filling: 'x'.repeat(1_600_000) };
    return [await site.outcomeOf(await site.publish(site.sign(message)), run.id)];
  },

  'too-deep': async (site) => {
    const run = await site.run(okOf(site));
    const nested = `{"context":{"runId":"${run.id}"},"payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    return [{ ...(await site.outcomeOf(await site.publish(nested), run.id)) }];
  },

  prototype: async (site) => {
    const run = await site.run(okOf(site));
    const message = site.messageOf(run, { agent: false });
    const evil = { agent: true, url: okOf(site), polluted: true };
    const polluting = JSON.stringify(message)
      .replace(
        '"agent":false',
        `"__proto__":${JSON.stringify(evil)},"constructor":{"prototype":{"agent":true}}`,
      )
      .replace(/^\{/, `{"__proto__":${JSON.stringify({ headers: {}, ...evil })},`);
    const record = await site.publish(site.sign(JSON.parse(polluting) as Message));
    await until('it is passed over', () => site.lines().some((line) => line.includes(record)));
    return [await site.outcomeOf(record, run.id)];
  },
};

const okOf = ({ house }: Site): string => `${house.service.url}/ok`;

export async function inTurn<T, R>(things: readonly T[], act: (thing: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const thing of things) results.push(await act(thing));
  return results;
}
