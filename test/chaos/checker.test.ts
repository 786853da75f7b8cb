import { check, isGood, type Verdict } from './checker.js';
import type { Evidence, InjectedFault, ToldRun } from './evidence.js';

const TOPIC = 'org.runs';
const SENT = 'POST 127.0.0.1 was sent, but the connection was lost; the target may have been reached';
const CALL = { fromMs: 1000, toMs: 2000 };

const told = (changes: Partial<ToldRun> = {}): ToldRun => ({
  ...{ id: 'r_1', synchronized: true, status: 'SUCCESS', ended: 1, said: 'it answered 200', logs: 1 },
  ...changes,
});
const fault = (changes: Partial<InjectedFault>): InjectedFault =>
  ({
    on: 'process',
    whom: 'worker',
    how: 'kill -9',
    atMs: 0,
    forMs: 0,
    fromMs: 1500,
    toMs: 1600,
    ...changes,
  }) as InjectedFault;

/** A run that was called once, answered 200 and was reported: nothing is wrong with it. */
function evidence(changes: Partial<Evidence> = {}): Evidence {
  return {
    published: [
      {
        ...{ origin: 'runs', topic: TOPIC, partition: 0, offset: '0', timestampMs: 900 },
        value: '{"context":{"runId":"r_1"}}',
      },
    ],
    workflows: [{ id: 'r_1', status: 'completed', closedMs: 2100, call: CALL }],
    told: [told()],
    calls: [{ runId: 'r_1', target: 'service', atMs: 1100, status: 200 }],
    pipelines: [],
    offsets: [{ topic: TOPIC, partition: 0, committed: '1', end: '1' }],
    ...{ faults: [], deaths: [], texts: [], secrets: [{ name: 'the client secret', value: 's3cret' }] },
    ...changes,
  };
}

const failed = (said: string, changes: Partial<Evidence> = {}): Partial<Evidence> => ({
  told: [told({ status: 'FAILURE', said })],
  workflows: [{ id: 'r_1', status: 'failed', closedMs: 2100, failure: said, call: CALL }],
  ...changes,
});
const record = (value: string, origin: 'runs' | 'change log' = 'runs'): Evidence['published'] => [
  { origin, topic: TOPIC, partition: 0, offset: '0', timestampMs: 900, value },
];
const call = (status?: number): Evidence['calls'][number] => ({
  ...{ runId: 'r_1', target: 'service', atMs: 1100 },
  ...(status !== undefined && { status }),
});
const handedOver = (changes: Partial<ToldRun> = {}): Partial<Evidence> => ({
  told: [told({ synchronized: false, status: 'IN_PROGRESS', ended: 0, ...changes })],
});

/** The figures that are not what they are for a run with which nothing is wrong. */
function figures(changes: Partial<Evidence>): Partial<Verdict> {
  const { runs, rejected, details: _, ambiguousBy: __, ...counts } = check(evidence(changes));
  const wrong = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  return { ...(runs !== 1 && { runs }), ...(rejected > 0 && { rejected }), ...wrong };
}

const RECEIVED_TWICE = [...record('{"context":{"runId":"r_1"}}'), ...record('{"context":{"runId":"r_1"}}')];
const CHANGE = `change/${TOPIC}/0/0/900`;
const REJECTED = `rejected/${TOPIC}/0/0/900`;

const FINE: [string, Partial<Evidence>, Partial<Verdict>][] = [
  ['a run that was carried out', {}, {}],
  ['a run whose record came twice', { published: RECEIVED_TWICE }, {}],
  ['a target that said 429 first', { calls: [call(429), call(200)] }, {}],
  ['an asynchronous run that was handed over', handedOver(), {}],
  ['a failure that the target confirms', failed('with status code: 500.', { calls: [call(500)] }), {}],
  [
    'a created pipeline',
    {
      ...handedOver({ externalRunId: '7' }),
      calls: [{ ...call(201), target: 'GitLab' }],
      pipelines: [{ id: '7', runId: 'r_1' }],
    },
    {},
  ],
  [
    'a change that was sent on',
    {
      published: record('{}', 'change log'),
      workflows: [{ id: CHANGE, status: 'completed', call: CALL }],
      calls: [{ ...call(200), runId: CHANGE }],
    },
    {},
  ],
  [
    'poison that was rejected',
    { published: record('{'), workflows: [{ id: REJECTED, status: 'failed' }], calls: [] },
    { runs: 0, rejected: 1 },
  ],
  ['a run that was never published', { published: [], workflows: [], calls: [] }, { runs: 0 }],
  [
    'a partition without records',
    { offsets: [{ topic: TOPIC, partition: 1, committed: '-1', end: '0' }] },
    {},
  ],
  ['a worker that died during the call', failed(SENT, { faults: [fault({})] }), { ambiguous: 1 }],
  [
    'a target that was cut off during the call, and not reached',
    failed(SENT, { calls: [], faults: [fault({ on: 'network', whom: 'service', how: 'reset' })] }),
    { ambiguous: 1 },
  ],
];

const WRONG: [string, Partial<Evidence>, Partial<Verdict>][] = [
  [
    'a record without a workflow',
    { workflows: [], calls: [], told: [told({ status: 'IN_PROGRESS' })] },
    { lost: 1 },
  ],
  ['a run that was not sent, for good', failed('POST 127.0.0.1 was not sent', { calls: [] }), { lost: 1 }],
  ['a workflow that is still open', { workflows: [{ id: 'r_1', status: 'running' }] }, { unreported: 1 }],
  [
    'a workflow that was terminated',
    {
      workflows: [{ id: 'r_1', status: 'terminated' }],
      told: [told({ status: 'IN_PROGRESS' })],
    },
    { unreported: 1 },
  ],
  ['a synchronized run that Port holds open', { told: [told({ status: 'IN_PROGRESS' })] }, { unreported: 1 }],
  ['a hand-over of which Port was told nothing', handedOver({ logs: 0 }), { unreported: 1 }],
  ['a target that was called twice', { calls: [call(200), call(200)] }, { doubled: 1 }],
  ['a second call after one that hung', { calls: [call(), call(200)] }, { doubled: 1 }],
  [
    'two pipelines',
    {
      ...handedOver({ externalRunId: '7' }),
      calls: [{ ...call(201), target: 'GitLab' }],
      pipelines: ['7', '8'].map((id) => ({ id, runId: 'r_1' })),
    },
    { doubled: 1 },
  ],
  ['a run that ended twice', { told: [told({ ended: 2 })] }, { doubled: 1 }],
  ['two logs', { told: [told({ logs: 2 })] }, { doubled: 1 }],
  ['a success that the target denies', { calls: [call(500)] }, { untrue: 1 }],
  ['a success without a call', { calls: [] }, { untrue: 1 }],
  ['a failure that the target denies', failed('with status code: 500.'), { untrue: 1 }],
  ['"not sent", and it was called', failed('POST 127.0.0.1 was not sent'), { untrue: 1 }],
  [
    'a failed workflow of a run that succeeded',
    { workflows: [{ id: 'r_1', status: 'failed' }] },
    { untrue: 1 },
  ],
  [
    "another's pipeline",
    { ...handedOver({ externalRunId: '7' }), calls: [{ ...call(201), target: 'GitLab' }] },
    { untrue: 1 },
  ],
  ['words that nobody knows', failed('it just failed'), { untrue: 1 }],
  ['"may have been reached" without a fault', failed(SENT), { untrue: 1 }],
  [
    'the same after the fault was over',
    failed(SENT, { faults: [fault({ fromMs: 500, toMs: 999 })] }),
    { untrue: 1 },
  ],
  [
    'the same during a fault of Port',
    failed(SENT, { faults: [fault({ on: 'network', whom: 'Port' })] }),
    { untrue: 1 },
  ],
  [
    "the same during the other target's",
    failed(SENT, { faults: [fault({ on: 'server', whom: 'GitLab' })] }),
    { untrue: 1 },
  ],
  [
    'the same when the worker was told to stop',
    failed(SENT, { faults: [fault({ how: 'SIGTERM' })] }),
    { untrue: 1 },
  ],
  ['a workflow of nothing', { published: [], calls: [] }, { runs: 0, untrue: 1 }],
  ['a call of nothing', { published: [], workflows: [] }, { runs: 0, untrue: 1 }],
  [
    'poison that was called',
    {
      published: record('{'),
      workflows: [{ id: REJECTED, status: 'failed' }],
      calls: [{ ...call(200), runId: REJECTED }],
    },
    { runs: 0, rejected: 1, untrue: 1 },
  ],
  [
    'poison without a workflow',
    { published: record('{'), workflows: [], calls: [] },
    { runs: 0, rejected: 1, lost: 1 },
  ],
  [
    'an offset that is behind',
    { offsets: [{ topic: TOPIC, partition: 0, committed: '0', end: '1' }] },
    { uncommitted: 1 },
  ],
  [
    'an offset that is ahead',
    { offsets: [{ topic: TOPIC, partition: 0, committed: '2', end: '1' }] },
    { uncommitted: 1 },
  ],
  ['a secret in a log', { texts: [{ where: 'a log line', text: 'password=s3cret' }] }, { leaks: 1 }],
  [
    'a process that died unasked',
    { deaths: [{ whom: 'worker', atMs: 1, exit: { code: 1, signal: null }, lastLines: [] }] },
    { unclean: 1 },
  ],
  [
    'a worker that had to be killed when it was told to stop',
    { faults: [fault({ how: 'SIGTERM', exit: { code: null, signal: 'SIGKILL' } })] },
    { unclean: 1 },
  ],
];

test.each(FINE)('%s is no violation', (_, changes, expected) => {
  expect(figures(changes)).toEqual(expected);
  expect(isGood(check(evidence(changes)))).toBe(true);
});

test.each(WRONG)('%s is a violation', (_, changes, expected) => {
  expect(figures(changes)).toEqual(expected);
  const verdict = check(evidence(changes));
  expect(isGood(verdict)).toBe(false);
  expect(verdict.details).toHaveLength(1);
});

test('what is ambiguous is counted by the fault that explains it, and by whether the target was called', () => {
  const faults = [fault({})];
  const [called, uncalled] = [{}, { calls: [] }].map((calls) =>
    check(evidence(failed(SENT, { faults, ...calls }))),
  );
  expect(called?.ambiguousBy).toEqual({ 'kill -9 worker': 1 });
  expect(uncalled?.ambiguousBy).toEqual({ 'kill -9 worker, not called': 1 });
});
