import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { MAX_BODY_BYTES } from '../../http/outbound.js';
import { MAX_REDIRECTS } from '../../http/redirect.js';
import type { TriggerOptions } from '../../local/simulators/port.js';
import { invocationMethodOf } from '../../port/message.js';
import { signatureHeaders } from '../../port/signature.js';
import { USER_AGENT } from '../../telemetry/version.js';
import type { RunInput } from '../../workflows/contract.js';
import {
  answering,
  CLIENT_SECRET,
  call,
  listen,
  outcomeOf,
  planOf,
  refusing,
  silent,
  summaryOf,
  trigger,
  wayOut,
} from './agent.js';
import { codeSpans, textOf } from './markdown.js';

const DOC = readFileSync(join(__dirname, '../../docs/webhook.md'), 'utf8');

/** Runs an example, with a change to its backend. */
function run(name: string, how: TriggerOptions, change: object = {}): ReturnType<typeof trigger> {
  const { invocationMethod, ...rest } = JSON.parse(textOf(DOC, name));
  return trigger({ ...rest, invocationMethod: { ...invocationMethod, ...change } }, how);
}

describe('the examples', () => {
  const HOW = { entity: 'checkout', properties: { reason: 'memory leak' } };

  it('the self-service action calls its URL with its headers, and what arrives is as shown', async () => {
    const { type, input, runId } = await run('webhook-action', HOW);
    expect(type).toBe('callWebhook');
    const { method, url, headers, body } = planOf(input);
    expect(`${method} ${url}`).toBe('POST https://operations.internal/restart');
    expect(headers).toEqual({ RUN_ID: runId });
    const shown = textOf(DOC, 'webhook-received').replaceAll('r_HardNzG6kzc9vWOQ', runId);
    expect(body).toMatchObject(JSON.parse(shown));
    expect(invocationMethodOf(input.message)?.synchronized).toBe(true);
  });

  it('the automation calls its URL, asynchronously', async () => {
    const event = { context: { entityIdentifier: 'checkout' } };
    const { input, runId } = await run('webhook-automation', { event });
    const { method, url, body } = planOf(input);
    expect(`${method} ${url}`).toBe('PUT https://operations.internal/announcements');
    expect(body).toMatchObject({ service: 'checkout', port_context: { runId } });
    expect(invocationMethodOf(input.message)?.synchronized).toBe(false);
  });

  it('what its table says of agent, method and headers is so', async () => {
    const left = await run('webhook-action', HOW, { method: undefined, synchronized: 'TRUE' });
    expect(planOf(left.input).method).toBe('POST');
    expect(invocationMethodOf(left.input.message)?.synchronized).toBe(true);
    for (const name of ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection']) {
      const { input } = await run('webhook-action', HOW, { headers: { [name]: 'x' } });
      expect(() => planOf(input)).toThrow(`the action sets the header ${name}`);
    }
  });

  it('its headers arrive, and both samples verify what arrives, and nothing else', async () => {
    const { headers, body, input } = await receive({ ...HOW, properties: { reason: 'mémoire → “fuite”' } });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      'idempotency-key': input.runId,
    });
    const samples = { node: verifyInNode, python: verifyInPython };
    for (const [name, verify] of Object.entries(samples)) {
      const spoilt = Buffer.concat([body, Buffer.from(' ')]);
      const old = {
        ...headers,
        ...lowerCase(signatureHeaders(`${body}`, CLIENT_SECRET, Date.now() - 600_000)),
      };
      const verdicts = {
        genuine: verify(body, headers, CLIENT_SECRET),
        spoilt: verify(spoilt, headers, CLIENT_SECRET),
        otherSecret: verify(body, headers, `${CLIENT_SECRET}x`),
        old: verify(body, old, CLIENT_SECRET),
        unsigned: verify(body, {}, CLIENT_SECRET),
      };
      expect({ name, ...verdicts }).toEqual({
        name,
        genuine: true,
        spoilt: false,
        otherSecret: false,
        old: false,
        unsigned: false,
      });
    }
  });
});

describe('what it says that Port shows', () => {
  const WEBHOOK = { type: 'WEBHOOK', agent: true, url: 'https://operations.internal/restart' };

  const sayings: [string, () => Promise<string>][] = [
    ['an answer of 500', () => summaryOf(WEBHOOK, answering(500))],
    ['a target that is unreachable', () => summaryOf(WEBHOOK, refusing('ECONNREFUSED'))],
    ['its certificate', () => summaryOf(WEBHOOK, refusing('SELF_SIGNED_CERT_IN_CHAIN', 'TLS'))],
    ['a missing answer', () => summaryOf(WEBHOOK, silent())],
    ['a missing URL', () => summaryOf({ ...WEBHOOK, url: '' }, answering(200))],
  ];

  it.each(sayings)('of %s, is what the agent says', async (_, said) => {
    expect(codeSpans(DOC)).toContain(await said());
  });

  it('of synchronous and asynchronous runs, is what comes of them', async () => {
    const ends = async (synchronized: boolean, status: number) => {
      const { log, ...outcome } = await outcomeOf({ ...WEBHOOK, synchronized }, answering(status, '{"a":1}'));
      return { status: outcome.status, response: outcome.response };
    };
    expect(await ends(true, 399)).toEqual({ status: 'SUCCESS', response: { a: 1 } });
    expect(await ends(true, 400)).toEqual({ status: 'FAILURE', response: { a: 1 } });
    expect(await ends(false, 202)).toEqual({});
    expect(await ends(false, 400)).toEqual({ status: 'FAILURE' });
  });

  it('of the limits, is what the agent keeps to', async () => {
    const xs = (text: unknown) => `${text}`.replace(/[^x]/g, '').length.toLocaleString('en');
    const long = answering(500, 'x'.repeat(200_000));
    const { response, summary } = await outcomeOf({ ...WEBHOOK, synchronized: true }, long);
    expect(DOC).toContain(`${xs(response)} characters are passed on`);
    expect(DOC).toContain(`${xs(summary)} are quoted`);
    expect(DOC).toContain(`${MAX_BODY_BYTES / 1024 / 1024} MiB is read`);
    expect(DOC).toContain(`followed, up to ${MAX_REDIRECTS}:`);
  });
});

/** Runs the first example against a server of ours, as the worker does; returns what arrived. */
async function receive(
  how: TriggerOptions,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer; input: RunInput }> {
  let headers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  const url = await listen(
    createServer((request, response) => {
      headers = request.headers;
      request.on('data', (chunk) => chunks.push(chunk)).on('end', () => response.end('{}'));
    }),
  );
  const { input } = await run('webhook-action', how, { url });
  await call(input, wayOut().send);
  return { headers, body: Buffer.concat(chunks), input };
}

function verifyInNode(body: Buffer, headers: IncomingHttpHeaders, secret: string): boolean {
  // Jest's modules are not ES modules, so the sample's two keywords are taken out.
  const code = textOf(DOC, 'verify.mjs')
    .replace(/^import (\{.*\}) from ('.*');$/m, 'const $1 = require($2);')
    .replace('export function', 'return function');
  const isFromPort = new Function('require', code)(require);
  return isFromPort(body, headers, secret);
}

function verifyInPython(body: Buffer, headers: IncomingHttpHeaders, secret: string): boolean {
  // Headers as http.server hands them over: an email.message.Message, whose names have no case.
  const code = `${textOf(DOC, 'verify.py')}
import sys, json
from email.message import Message
given = json.load(sys.stdin)
headers = Message()
for name, value in given["headers"].items(): headers[name] = value
print(is_from_port(base64.b64decode(given["body"]), headers, given["secret"]))`;
  const input = JSON.stringify({ body: body.toString('base64'), headers, secret });
  return execFileSync('python3', ['-c', code], { input, encoding: 'utf8' }).trim() === 'True';
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
