import { type Decision, type DecisionContext, decide, type SignatureRecord } from '../../ingest/decide.js';
import type { SourceRecord } from '../../ingest/record-source.js';
import type { Json, JsonObject } from '../../port/message.js';
import type { WorkflowStart } from '../../temporal/start-workflow.js';
import type { RejectInput, RunInput } from '../../workflows/contract.js';
import { recorded } from '../local/simulators/port-contract.js';
import { gitlabMessage, signed, webhookMessage } from '../port/messages.js';
import { FUZZ_RUNS, fc } from '../support/fuzz.js';
import { POLICY, recordOf, SETTINGS } from './records.js';

/** What signatures have shown: the names of records with a bad one, and whether one was good. */
function seen(bad: string[] = [], anyGood = false): { signatures: SignatureRecord } {
  return { signatures: { anyGood, bad: new Set(bad) } };
}

function decided(record: SourceRecord, changes: Partial<DecisionContext> = {}): Decision {
  return decide(record, { ...SETTINGS, ...seen(), ...changes });
}

function started(
  message: JsonObject,
  changes: Partial<DecisionContext> = {},
): WorkflowStart & { input: RunInput } {
  const decision = decided(recordOf(message), changes);
  if (decision.kind !== 'start') throw new Error(`decided to ${decision.kind}`);
  return decision.workflow as WorkflowStart & { input: RunInput };
}

function rejected(record: SourceRecord, changes: Partial<DecisionContext> = {}) {
  const decision = decided(record, changes);
  if (decision.kind !== 'reject') throw new Error(`decided to ${decision.kind}`);
  return { ...decision, input: decision.workflow.input as RejectInput };
}

const forged = (message: JsonObject): JsonObject => signed(message, 'somebody else');

const nodeRun = webhookMessage({}, { context: { runId: 'wfnr_abc123' } });

function withRunId(runId: Json): JsonObject {
  return webhookMessage({}, { context: { runId } });
}

describe('a run of ours', () => {
  test('of a webhook becomes a workflow named after it', () => {
    const message = webhookMessage({}, { headers: {} });
    expect(started(signed(message))).toEqual({
      type: 'callWebhook',
      id: 'r_jE5FhDURh4Uen2Qr',
      input: {
        runId: 'r_jE5FhDURh4Uen2Qr',
        kind: 'run',
        call: 'POST hooks.example.com',
        message,
        policy: POLICY,
      },
      summary: 'deploy · POST hooks.example.com · by ada@example.com',
      details: [
        'Calls `POST hooks.example.com`',
        '',
        '- Action: `deploy`',
        '- Blueprint: `service`',
        '- Entity: `shop`',
        '- User: `ada@example.com`',
        '- Origin: `UI`',
        '- Target: `hooks.example.com`',
      ].join('\n'),
      searchAttributes: {
        PortAction: 'deploy',
        PortBlueprint: 'service',
        PortEntity: 'shop',
        PortUser: 'ada@example.com',
        PortOrigin: 'UI',
        PortTarget: 'hooks.example.com',
      },
    });
  });

  test('may be repeated after an unanswered call where the receiver allows it, but for GitLab', () => {
    const policy = { ...POLICY, retryAmbiguous: true };
    expect(started(signed(webhookMessage()), { policy }).input.policy).toEqual(policy);
    expect(started(signed(gitlabMessage()), { policy }).input.policy).toEqual(POLICY);
  });

  test('of GitLab becomes another, without headers', () => {
    const message = gitlabMessage();
    const { type, input, searchAttributes } = started(signed(message));
    expect(type).toBe('triggerGitlabPipeline');
    expect(input.call).toBe('POST git.example.com platform/infra');
    expect(input.message).toEqual(message);
    expect(searchAttributes.PortTarget).toBe('platform/infra');
  });

  test("is told from port-agent's own conformance vector", () => {
    const { id, input } = started(recorded('message-v1-signed').body as JsonObject, { clientSecret: 'test' });
    expect(id).toBe('r_jE5FhDURh4Uen2Qr');
    expect(JSON.stringify(input)).not.toContain('X-Port-');
  });

  test('need say next to nothing', () => {
    const message = { payload: { action: { invocationMethod: { agent: true } } }, context: { runId: 'r_1' } };
    const { summary, searchAttributes } = started(signed(message));
    expect(summary).toBe('POST (no valid URL)');
    expect(searchAttributes).toEqual({});
  });

  test.each(['r_1', 'run_q2mGf9ZYkFRnZJjB', '0', 'A-b_c', 'a'.repeat(128)])('may be called %s', (runId) => {
    expect(started(signed(withRunId(runId))).id).toBe(runId);
  });

  test('is known by the id of its user, where there is no address', () => {
    const trigger = { by: { userId: 'auth0|1' }, origin: 'API' };
    expect(started(signed(webhookMessage({}, { trigger }))).searchAttributes.PortUser).toBe('auth0|1');
  });

  test('is known by the identifier of its action, where the body renamed it', () => {
    const message = webhookMessage({}, { action: 'renamed' });
    const payload = message['payload'] as JsonObject;
    const action = { ...(payload['action'] as JsonObject), identifier: 'service_deploy' };
    const { searchAttributes } = started(signed({ ...message, payload: { ...payload, action } }));
    expect(searchAttributes.PortAction).toBe('service_deploy');
  });

  test.each(['False', 'false', '', 0, null])('is not ours with the agent flag %j', (agent) => {
    const decision = decided(recordOf(signed(webhookMessage({ agent }))));
    expect(decision).toEqual({ kind: 'ignore', reason: 'not for an agent' });
  });
});

describe('is it mine? comes first, whatever the signature', () => {
  const ignored: [string, JsonObject, string][] = [
    ['a catalogue change', { action: 'UPDATE', resourceType: 'entity', diff: {} }, 'not for an agent'],
    ['a Kafka action', webhookMessage({ type: 'KAFKA', agent: null }), 'not for an agent'],
    ['a webhook that Port calls itself', webhookMessage({ agent: false }), 'not for an agent'],
    ['GitLab without an agent flag', gitlabMessage({ agent: null }), 'GitLab run without an agent flag'],
  ];
  test.each(ignored)('%s is ignored, signed or forged', (_, message, reason) => {
    for (const record of [recordOf(signed(message)), recordOf(forged(message)), recordOf(message)])
      expect(decided(record)).toEqual({ kind: 'ignore', reason });
  });

  test('what no mapping matches is left to other agents, unless this one is alone', () => {
    const record = recordOf(signed(webhookMessage()));
    const unmatched = { isMatched: false };
    const context = { ...SETTINGS, ...seen() };
    expect(decide(record, context, unmatched)).toEqual({ kind: 'ignore', reason: 'no mapping matches' });
    expect(decide(recordOf(forged(webhookMessage())), context, unmatched).kind).toBe('ignore');
    expect(decide(record, { ...context, unmatchedRuns: 'fail' }, unmatched).kind).toBe('start');
  });

  test('a mapping that matches says what is called', () => {
    const match = { isMatched: true, call: 'PUT argo.example.com' };
    const decision = decide(recordOf(signed(webhookMessage())), { ...SETTINGS, ...seen() }, match);
    expect(decision).toMatchObject({ kind: 'start', workflow: { input: { call: 'PUT argo.example.com' } } });
  });

  test('what is not ours is ignored even where the secret is in doubt', () => {
    const record = recordOf(webhookMessage({ agent: false }));
    expect(decided(record, seen(['a', 'b', 'c'])).kind).toBe('ignore');
  });

  test('GitLab without an agent flag is ours where that is configured', () => {
    const message = gitlabMessage({ agent: null });
    expect(started(signed(message), { gitlabWithoutAgent: 'accept' }).type).toBe('triggerGitlabPipeline');
    const webhook = recordOf(signed(webhookMessage({ agent: null })));
    expect(decided(webhook, { gitlabWithoutAgent: 'accept' }).kind).toBe('ignore');
  });
});

describe('a record that is rejected', () => {
  const NOT_PORTS = 'Port does not write such records; whoever may write to the topic can.';
  const OTHER_SHAPE = `The record is JSON, but no object as Port's messages are. ${NOT_PORTS}`;
  const NO_JSON = `The record is no JSON. ${NOT_PORTS}`;
  const nested = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  const unreadable: [string, string | Uint8Array | null, string, string, string][] = [
    ['no value', null, 'not JSON', NO_JSON, ''],
    ['no JSON', '{"a":', 'not JSON', NO_JSON, '{"a":'],
    ['a list', '[{}]', 'unknown shape', OTHER_SHAPE, '[{}]'],
    ['a number', '42', 'unknown shape', OTHER_SHAPE, '42'],
    ['broken UTF-8', Buffer.from([0xff, 0xfe]), 'not JSON', NO_JSON, '\ufffd\ufffd'],
    ['endless nesting', nested, 'unknown shape', OTHER_SHAPE, `${nested.slice(0, 500)}…`],
  ];
  test.each(unreadable)('holds %s', (_, value, reason, advice, extract) => {
    const decision = rejected(recordOf(value));
    expect(decision.reason).toBe(reason);
    expect(decision.workflow).toEqual({
      type: 'rejectMessage',
      id: 'rejected/org_1.runs/3/5/1700000000000',
      input: {
        record: 'org_1.runs/3/5',
        reason,
        advice,
        sizeBytes: Buffer.byteLength(value ?? ''),
        timestampMs: 1_700_000_000_000,
        extract,
      },
      summary: `${reason}: org_1.runs/3/5`,
      details: advice,
      searchAttributes: {},
    });
  });

  test('is kept as an extract in which nothing looks like a secret', () => {
    const { input } = rejected(recordOf('{"headers":{"Authorization":"Bearer planted"},"password":"planted'));
    expect(input.extract).toMatch(/^\{"headers":\{"Authorization":/);
    expect(input.extract).not.toContain('planted');
  });

  test('with a bad signature is reported to the run that it names', () => {
    const { reason, input } = rejected(recordOf(signed(webhookMessage(), 'wrong')));
    expect(reason).toBe('bad signature');
    expect(input.runId).toBe('"r_jE5FhDURh4Uen2Qr"');
    expect(input.reportTo).toBe('r_jE5FhDURh4Uen2Qr');
    expect(input.advice).toMatch(/PORT_CLIENT_SECRET is not the organization's/);
  });

  const ids: [Json, string][] = [
    ['r_../../organization?x=', '"r_../../organization?x="'],
    ['', '""'],
    ['-r', '"-r"'],
    ['r_1\n', '"r_1\\n"'],
    ['a'.repeat(129), `"${'a'.repeat(129)}"`],
    ['a'.repeat(500), `"${'a'.repeat(199)}…`],
    [42, '42'],
    [null, 'null'],
    [{ a: 1 }, '{"a":1}'],
  ];
  test.each(ids)('has the run id %j, which is shown and never used', (runId, shown) => {
    const { reason, input } = rejected(recordOf(signed(withRunId(runId))));
    expect(reason).toBe('unusable run id');
    expect(input.runId).toBe(shown);
    expect(input).not.toHaveProperty('reportTo');
    expect(rejected(recordOf(signed(withRunId(runId), 'wrong'))).input).not.toHaveProperty('reportTo');
  });

  test('has no run id at all', () => {
    const { reason, input } = rejected(recordOf(signed(webhookMessage({}, { context: null }))));
    expect(reason).toBe('unusable run id');
    expect(input.runId).toBe('null');
  });

  test('is too large for Temporal, and is reported', () => {
    const { reason, input } = rejected(recordOf(signed(webhookMessage({}, { text: 'x'.repeat(1_500_000) }))));
    expect(reason).toBe('too large');
    expect(input.reportTo).toBe('r_jE5FhDURh4Uen2Qr');
    expect(input.advice).toMatch(/larger than 1500000 bytes/);
    expect(JSON.stringify(input).length).toBeLessThan(1000);
  });

  test("is too large for Temporal and a workflow's node run, and is reported", () => {
    const message = webhookMessage({}, { text: 'x'.repeat(1_500_000) });
    const { reason, input } = rejected(recordOf(signed({ ...message, context: { runId: 'wfnr_abc123' } })));
    expect(reason).toBe('too large');
    expect(input.reportTo).toBe('wfnr_abc123');
  });

  test('is measured in bytes', () => {
    const { reason } = rejected(recordOf(signed(webhookMessage({}, { text: '世'.repeat(500_000) }))));
    expect(reason).toBe('too large');
    expect(started(signed(webhookMessage({}, { text: 'x'.repeat(1_400_000) }))).type).toBe('callWebhook');
  });

  test('is measured as Temporal would get it, where numbers may be longer', () => {
    const written = JSON.stringify(signed(webhookMessage({}, { numbers: Array(70_000).fill(1e20) })));
    const short = written.replaceAll('100000000000000000000', '1e20');
    expect(short.length).toBeLessThan(400_000);
    expect(rejected(recordOf(short)).reason).toBe('too large');
  });

  test('is a forgery before it is too large or has a bad id', () => {
    const message = withRunId({ text: 'x'.repeat(1_500_000) });
    expect(rejected(recordOf(signed(message, 'wrong'))).reason).toBe('bad signature');
  });

  test('a changelogDestination does not excuse a missing signature', () => {
    const message = webhookMessage(
      {},
      { changelogDestination: { type: 'WEBHOOK', agent: true, url: 'https://x' } },
    );
    expect(rejected(recordOf(message)).reason).toBe('bad signature');
  });

  test('nor is one with a changelogDestination genuine, which the agent may have signed itself', () => {
    const change = { changelogDestination: { type: 'WEBHOOK', agent: true, url: 'https://x' } };
    expect(rejected(recordOf(signed(webhookMessage({}, change)))).reason).toBe('bad signature');
  });
});

describe('bad signatures', () => {
  const forged = (offset: number): SourceRecord => recordOf(signed(webhookMessage(), 'wrong'), offset);
  const name = (offset: number): string => `org_1.runs/3/${offset}`;

  test('are rejected one by one, at first', () => {
    expect(decided(forged(1), seen()).kind).toBe('reject');
    expect(decided(forged(2), seen([name(1)])).kind).toBe('reject');
  });

  test('hold everything from the third on: then it is our secret that is wrong', () => {
    const decision = decided(forged(3), seen([name(1), name(2)]));
    expect(decision).toEqual({
      kind: 'hold',
      reason:
        '3 messages with a bad signature and none with a good one: PORT_CLIENT_SECRET does not belong to this organization. Nothing is lost; correct it and restart',
    });
  });

  test('of one record count once, however often it comes', () => {
    expect(decided(forged(2), seen([name(1), name(2)])).kind).toBe('reject');
  });

  test('hold nothing once there was a good one', () => {
    expect(decided(forged(9), seen([name(1), name(2), name(3)], true)).kind).toBe('reject');
  });

  test('do not keep a good one from being started', () => {
    const decision = decided(recordOf(signed(webhookMessage())), seen([name(1), name(2), name(3)]));
    expect(decision.kind).toBe('start');
  });
});

describe('what the UI shows', () => {
  const hostile = (character: string): JsonObject => {
    const text = character.repeat(3000);
    return webhookMessage(
      { method: text, url: 'https://hooks.example.com' },
      {
        action: text,
        context: { runId: 'r_1', blueprint: text, entity: text },
        trigger: { by: { user: { email: text } }, origin: text },
      },
    );
  };

  // Temporal refuses a start whose summary is longer than 400 bytes, or whose details are longer than 20,000.
  test.each(['a', 'é', '世', '🚀', '"', '\\', '\n', '\u0000', '\ud83d'])('fits, made of %j', (character) => {
    const { summary, details } = started(signed(hostile(character)));
    expect(Buffer.byteLength(JSON.stringify(summary))).toBeLessThanOrEqual(400);
    expect(Buffer.byteLength(JSON.stringify(details))).toBeLessThanOrEqual(20_000);
    expect(summary).not.toMatch(/[\p{Cc}\p{Cs}]/u);
  });

  test('is never cut in the middle of a character', () => {
    for (let length = 100; length < 125; length++) {
      const message = webhookMessage({}, { action: `${'a'.repeat(length)}🚀🚀🚀` });
      expect(started(signed(message)).summary).not.toMatch(/\p{Cs}/u);
    }
  });

  test('shows markup, links and images of a message as what was written', () => {
    const markup = '![i](https://x/i.png) [l](https://x) <img src=x> **b** `c` ``d`` | cell\nline \\` end';
    const context = { runId: 'r_1', entity: markup };
    const { details } = started(signed(webhookMessage({ method: markup }, { action: markup, context })));
    const [call, , ...rows] = details.split('\n');
    expect(call).toMatch(/^Calls `[^`]+`$/);
    expect(rows).toHaveLength(5);
    for (const row of rows) expect(row).toMatch(/^- [A-Z][a-z]+: `[^`]+`$/);
  });

  test('searches by clean values', () => {
    const { searchAttributes } = started(signed(webhookMessage({}, { action: 'a\u0000b\nc' })));
    expect(searchAttributes.PortAction).toBe('a b c');
  });

  test.each(['nonsense', '', 'mailto:a@b'])('names no target for the URL %j', (url) => {
    const { searchAttributes, input } = started(signed(webhookMessage({ url })));
    expect(searchAttributes).not.toHaveProperty('PortTarget');
    expect(input.call).toBe('POST (no valid URL)');
  });
});

test('any record at all is decided on', () => {
  const part = fc.jsonValue() as fc.Arbitrary<Json>;
  const often = <T>(usual: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: part });
  const method = fc.record(
    {
      type: fc.constantFrom<Json>('GITLAB', 'WEBHOOK', 7),
      agent: fc.constantFrom<Json>(true, 'true', false),
      url: part,
      method: part,
      headers: part,
      groupName: part,
      projectName: part,
    },
    { requiredKeys: [] },
  );
  const action = fc.record({ invocationMethod: often(method) });
  const message = fc
    .record(
      {
        action: part,
        trigger: part,
        context: often(fc.record({ runId: often(fc.constantFrom('r_1', 'r_2', 'wfnr_1')) })),
        headers: part,
        payload: often(fc.record({ action: often(action), properties: part })),
      },
      { requiredKeys: ['payload'] },
    )
    .map((value) => value as JsonObject);
  const value = fc.oneof(
    message.map((content) => recordOf(content)),
    message.map((content) => recordOf(signed(content))),
    fc.json().map((text) => recordOf(text)),
    fc.uint8Array({ maxLength: 100 }).map((bytes) => recordOf(bytes)),
  );
  const kinds = new Set<string>();
  fc.assert(
    fc.property(value, fc.boolean(), (record, anyGood) => {
      const decision = decided(record, seen(['a', 'b'], anyGood));
      kinds.add(decision.kind);
      if (decision.kind === 'start' || decision.kind === 'reject')
        expect(decision.workflow.id).toMatch(/^([A-Za-z0-9][\w-]*|rejected\/org_1\.runs\/3\/5\/\d+)$/);
    }),
    { numRuns: FUZZ_RUNS },
  );
  expect([...kinds].sort()).toEqual(['hold', 'ignore', 'reject', 'start']);
});

describe("a workflow's node run", () => {
  test.each([
    ['of its author', nodeRun],
    ['of the recording', recorded('message-node').body as JsonObject],
  ])('%s becomes a workflow named after it, and is reported as such', (_, message) => {
    const { type, id, input } = started(signed(message));
    expect(type).toBe('callWebhook');
    expect(id).toMatch(/^wfnr_/);
    expect(input).toMatchObject({ runId: id, kind: 'node' });
  });

  test('with a bad signature is kept as evidence, and left alone in Port', () => {
    const decision = decided(recordOf(forged(nodeRun)), seen([], true));
    expect(decision).toMatchObject({ kind: 'reject', reason: 'bad signature' });
    expect((decision as { workflow: { input: object } }).workflow.input).not.toHaveProperty('reportTo');
  });
});

describe('a change of the catalogue', () => {
  const change = {
    action: 'UPDATE',
    changelogDestination: { type: 'WEBHOOK', agent: true, url: 'https://hooks.example.com/c' },
  };
  const record = { ...recordOf(change), origin: 'change log' as const, topic: 'org_1.change.log' };

  test('for an agent becomes a workflow named after its record, without a signature', () => {
    const decision = decided(record);
    const id = 'change/org_1.change.log/3/5/1700000000000';
    expect(decision).toMatchObject({
      kind: 'start',
      workflow: { type: 'callWebhook', id, input: { runId: id, kind: 'change' } },
    });
  });

  test.each([
    {},
    { changelogDestination: { type: 'WEBHOOK', url: 'https://x' } },
    { changelogDestination: 'KAFKA' },
  ])('without a destination for an agent is ignored: %j', (message) => {
    expect(decided({ ...record, ...recordOf(message), origin: 'change log' }).kind).toBe('ignore');
  });

  test('on the topic of runs is no way around the signature', () => {
    expect(decided(recordOf(change)).kind).toBe('ignore');
    const run = recordOf({ ...webhookMessage(), ...change });
    expect(decided(run, seen([], true))).toMatchObject({ kind: 'reject', reason: 'bad signature' });
  });
});

test('a claim carries no signature, and needs none', () => {
  const { headers: _, ...message } = webhookMessage();
  expect(decided({ ...recordOf(message), origin: 'claim' }).kind).toBe('start');
});
