/** What of a message, a mapping and the environment is secret: a target that says it back tells nobody else. */
import { createInvoke } from '../../activities/invoke.js';
import { startPrivateService } from '../../local/simulators/private-service.js';
import type { Mapping } from '../../port/mapping/mapping.js';
import type { JsonObject } from '../../port/message.js';
import type { InvokeInput } from '../../workflows/contract.js';
import { useEvaluator } from '../port/mapping/evaluators.js';
import {
  attempt,
  CLIENT_SECRET,
  closing,
  everythingIn,
  memoryLogger,
  newRunId,
  outbound,
} from './environment.js';

const SECRET = 'n0b0dys-business-0815';
const evaluator = useEvaluator({});

interface Told {
  /** Everything that goes into history and to Port, and what the log says. */
  text: string;
  response: unknown;
  /** Whether the target was given it. */
  wasSent: boolean;
}

/** Has a run called whose target answers with this; `mapping` takes it, unless it is left out. */
async function tell(
  method: JsonObject,
  { more = {}, mapping, answer }: { more?: JsonObject; mapping?: Mapping; answer?: object },
): Promise<Told> {
  const service = closing(await startPrivateService());
  if (answer) service.inject({ kind: 'respond', response: { status: 500, ...answer } });
  const { logger, lines } = memoryLogger();
  const invoke = createInvoke({
    stopping: new AbortController().signal,
    gitlab: outbound(),
    webhooks: outbound(),
    plan: { gitlabUrl: 'http://gitlab.invalid', environment: {} },
    ...(mapping && {
      mappings: {
        mappings: [mapping],
        evaluator: evaluator(),
        environment: { JENKINS_TOKEN: SECRET, JENKINS_LOGIN: SECRET },
        close: async () => {},
      },
    }),
    clientSecret: CLIENT_SECRET,
    detailedLogging: true,
    logger,
  });
  const runId = newRunId();
  const url = `${service.url}/echo`;
  const invocationMethod = { type: 'WEBHOOK', agent: true, synchronized: true, url, ...method };
  const input: InvokeInput = {
    runId,
    kind: 'run',
    call: 'POST the.target',
    message: {
      ...more,
      context: { runId },
      payload: { ...(more['payload'] as JsonObject), action: { invocationMethod } },
    },
    policy: { callTimeoutMs: 30_000, workerLostAfterMs: 60_000, retryWindowMs: 600_000, maxWaitMs: 600_000 },
    mayCall: true,
  };
  const { result, error } = await attempt(invoke, input);
  const [call] = service.journal;
  const sent = `${call?.rawBody} ${call?.query} ${JSON.stringify(call?.headers)}`;
  return {
    text: [everythingIn(result), everythingIn(error), ...lines].join('\n'),
    response: result?.kind === 'outcome' ? result.outcome.response : undefined,
    wasSent: sent.includes(SECRET) || sent.includes(btoa(`ada:${SECRET}`)),
  };
}

const QUOTE = { body: `bad credential ${SECRET} of you` };
const REFERENCES = { payload: { secretReferences: { tfToken: SECRET } } };

describe('without a mapping, a secret that Port resolved in the message', () => {
  test('is not in the answer of a target that says the message back, and what else is there is', async () => {
    const { text, response, wasSent } = await tell({}, { more: REFERENCES });
    expect(wasSent).toBe(true);
    expect(response).toMatchObject({ payload: { secretReferences: { tfToken: '***' } } });
    expect(text).not.toContain(SECRET);
  });

  test.each<[string, JsonObject, JsonObject]>([
    ['message', {}, REFERENCES],
    ['headers', { headers: { 'X-Api-Key': SECRET } }, {}],
    ['body', { body: { auth: { token: SECRET } } }, { auth: { token: SECRET } }],
  ])('is not quoted: in the %s', async (_, method, more) => {
    const { text, wasSent } = await tell(method, { more, answer: QUOTE });
    expect(wasSent).toBe(true);
    expect(text).toContain('bad credential *** of you');
    expect(text).not.toContain(SECRET);
  });
});

describe('with a mapping', () => {
  const url = '.payload.action.invocationMethod.url';
  test.each<[string, Partial<Mapping>]>([
    ['a variable in the query', { query: { token: 'env.JENKINS_LOGIN' } }],
    ['a variable deep in the body', { body: { auth: { token: 'env.JENKINS_LOGIN' } } }],
    ['a variable of a sensitive name, under any other', { body: { login: 'env.JENKINS_TOKEN' } }],
    [
      'a variable in the address',
      { url: `"http://ada:" + env.JENKINS_LOGIN + "@" + (${url} | ltrimstr("http://"))` },
    ],
    [
      'what stands in the message, under another name',
      { body: { login: '.payload.secretReferences.tfToken' } },
    ],
  ])('%s is not quoted', async (_, mapping) => {
    const { text, wasSent } = await tell(
      {},
      { more: REFERENCES, mapping: { enabled: true, url, ...mapping }, answer: QUOTE },
    );
    expect(wasSent).toBe(true);
    expect(text).toContain('bad credential *** of you');
    expect(text).not.toContain(SECRET);
  });
});

test('an answer about short and harmless values under such names stays as it is', async () => {
  const answer = { ref: 'main', count: 3, enabled: true, client: 'checkout-service' };
  const payload = {
    properties: { token: 'main', tokenCount: 3, secret: true, clientId: 'checkout-service' },
  };
  const { response } = await tell({}, { more: { payload }, answer: { status: 200, body: answer } });
  expect(response).toEqual(answer);
});
