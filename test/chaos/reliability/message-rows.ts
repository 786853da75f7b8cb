/** Messages that are none, or not Port's, or that nobody can carry out: fifteen forms of them, one run each. */
import { Kafka, logLevel } from 'kafkajs';
import type { Run } from '../../../local/simulators/port.js';
import { until } from '../../support/house.js';
import { type Message, messageOf, sign, signed } from './messages.js';
import type { Happened, PublishedRun, Row } from './row.js';
import type { Site } from './site.js';

type Form = (run: Run, site: Site) => Message | string | Buffer | null;

const withId = (runId: unknown): Form => {
  return (run, site) => sign({ ...messageOf(run), context: { runId } }, site);
};

const withMethod = (changes: object): Form => {
  return (run, site) => {
    const message = messageOf(run);
    const payload = message['payload'] as { action: { invocationMethod: object } };
    const invocationMethod = { ...payload.action.invocationMethod, ...changes };
    return sign({ ...message, payload: { ...payload, action: { invocationMethod } } }, site);
  };
};

const FORMS: Record<string, Form> = {
  'no value': () => null,
  'an empty text': () => '',
  'no JSON': () => 'this is no JSON',
  'cut in the middle': (run, site) => JSON.stringify(signed(run, site)).slice(0, 300),
  'no UTF-8': () => Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
  'a list': (run, site) => JSON.stringify([signed(run, site)]),
  'a text in JSON': (run) => JSON.stringify(run.id),
  'nested 5000 deep': (run) =>
    `{"context":{"runId":"${run.id}"},"payload":${'['.repeat(5000)}${']'.repeat(5000)}}`,
  unsigned: (run) => messageOf(run),
  "signed with somebody else's secret": (run, site) =>
    sign(messageOf(run), site, 'a-secret-that-is-not-the-organizations'),
  'changed after it was signed': (run, site) => ({ ...signed(run, site), status: 'CHANGED' }),
  'a run id that is a number': withId(12345678901),
  'a run id that is a path': withId('r_../../organization?x='),
  'a null URL': withMethod({ url: null }),
  'a header that is no text': withMethod({ headers: { 'X-Team': { name: 'platform' } } }),
};

export const messageRows: Row[] = [
  {
    fault: 'malformed messages, 15 forms',
    before: 'passed over, none reported; it goes on with the next',
    happen: malformed,
    complaint(run) {
      if (run.ending === 'left open' || run.calls > 1) return `${run.ending}, ${run.calls} calls`;
      if (run.ending === 'succeeded') return run.calls === 1 ? undefined : 'it succeeded without a call';
      return run.calls === 0 ? undefined : `it is ${run.ending}, and its target was called`;
    },
  },
];

async function malformed(site: Site): Promise<Happened> {
  const { house } = site;
  const topic = `${house.orgId}.runs`;
  const producer = new Kafka({
    brokers: house.kafka.plaintextBrokers,
    logLevel: logLevel.NOTHING,
  }).producer();
  await producer.connect();
  const published: { run: Run; record: string }[] = [];
  for (const form of Object.values(FORMS)) {
    const run = await site.unpublished();
    const made = form(run, site);
    const isRaw = made === null || typeof made === 'string' || Buffer.isBuffer(made);
    const value = isRaw ? made : JSON.stringify(made);
    const [sent] = await producer.send({ topic, messages: [{ value, partition: 0 }] });
    published.push({ run, record: `${topic}/0/${sent?.baseOffset}` });
  }
  const sinceMs = Date.now();
  await producer.disconnect();
  const runs: PublishedRun[] = [];
  for (const { run, record } of published) {
    await until(`there is a workflow for ${record}`, () => workflowFor(record, site) !== undefined);
    runs.push({ runId: run.id, workflowId: workflowFor(record, site) ?? '' });
  }
  return { runs, sinceMs };
}

/** As the ingester has logged it. */
function workflowFor(record: string, { ingester }: Site): string | undefined {
  const lines = ingester.lines(1000).filter((line) => line.includes(`"${record}"`));
  const entry = lines.map((line) => JSON.parse(line) as { runId?: string; workflowId?: string });
  return entry.map(({ runId, workflowId }) => workflowId ?? runId).find((id) => id !== undefined);
}
