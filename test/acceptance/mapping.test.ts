import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../local/parts/child.js';
import { type House, startHouse, until } from '../support/house.js';

const directory = mkdtempSync(join(tmpdir(), 'mappings-'));
const file = join(directory, 'control_the_payload_config.json');

/** What a company with an old agent has: one mapping of its own, encrypted inputs, and the default two. */
function mappings(serviceUrl: string): object[] {
  const action = (name: string) => `.payload.action.identifier == "${name}"`;
  return [
    {
      enabled: action('mapped'),
      method: '"PUT"',
      url: `"${serviceUrl}/echo"`,
      headers: { Authorization: '"Bearer " + env.TARGET_TOKEN', 'X-Run': '.context.runId' },
      query: { dry: '.payload.properties.dry' },
      body: {
        service: '.payload.properties.service',
        static: 7,
        list: ['.payload.properties.service', true],
      },
      report: {
        status: 'if .response.statusCode == 200 then "SUCCESS" else "FAILURE" end',
        link: '"https://ci.example.com/" + .response.json.service',
        summary: '"deployed " + .body.payload.properties.service',
        externalRunId: '.request.headers["X-Run"]',
      },
    },
    { enabled: action('bomb'), url: `"${serviceUrl}/ok"`, body: 'def f: f + "x"; [range(1e9)]' },
    { enabled: action('no_url'), url: '.payload.action.url' },
    { enabled: action('framing'), url: `"${serviceUrl}/ok"`, headers: { Host: '"evil.example.com"' } },
    {
      enabled: action('secret_input'),
      url: `"${serviceUrl}/echo"`,
      body: { password: '.payload.properties.password' },
      // Every way in which a mapping could tell the plaintext on.
      report: {
        link: '"https://x/" + .request.body.password',
        summary: '.request.body.password',
        externalRunId: '.request.body.password',
      },
      fieldsToDecryptPaths: ['payload.properties.password'],
    },
    {
      enabled: action('long_answer'),
      url: `"${serviceUrl}/long"`,
      report: {
        summary: '.response.text',
        link: '["https://x/1", .response.text]',
        externalRunId: '.response.text',
      },
    },
    { enabled: '.payload.action.identifier == "sync"', url: '.payload.action.invocationMethod.url' },
  ];
}

let house: House;
let ingester: Child;
beforeAll(async () => {
  house = await startHouse();
  for (const identifier of [
    'mapped',
    'bomb',
    'no_url',
    'framing',
    'unmatched',
    'secret_input',
    'long_answer',
  ]) {
    house.port.actions.set(identifier, {
      identifier,
      trigger: {
        type: 'self-service',
        operation: 'CREATE',
        userInputs: {
          properties: {
            service: { type: 'string' },
            dry: { type: 'boolean' },
            password: { type: 'string', encryption: 'aes256-gcm' },
          },
        },
      },
      invocationMethod: { type: 'WEBHOOK', url: `${house.service.url}/ok`, agent: true, method: 'POST' },
    });
  }
  writeFileSync(file, JSON.stringify(mappings(house.service.url)));
  const environment = { CONTROL_THE_PAYLOAD_CONFIG_PATH: file, TARGET_TOKEN: 'planted-target-token' };
  [ingester] = await Promise.all([house.agent('ingest', environment), house.agent('worker', environment)]);
});
afterAll(async () => {
  await house?.close();
  rmSync(directory, { recursive: true });
});

test('a mapping decides what is called, and what Port is told', async () => {
  const { runId, workflow } = await house.carryOut('mapped', { properties: { service: 'shop', dry: true } });
  const [call] = house.service.calls(runId);
  expect(call).toMatchObject({ method: 'PUT', path: '/echo', isSigned: true });
  expect(call?.query.get('dry')).toMatch(/^true$/i);
  expect(call?.headers['authorization']).toBe('Bearer planted-target-token');
  expect(JSON.parse(call?.rawBody ?? '')).toEqual({ service: 'shop', static: 7, list: ['shop', true] });
  expect(house.port.run(runId)).toMatchObject({
    status: 'SUCCESS',
    link: 'https://ci.example.com/shop',
    summary: 'deployed shop',
    externalRunId: runId,
  });
  expect(workflow.typedSearchAttributes).toBeDefined();
});

test.each([
  ['bomb', /mapping 1, body/],
  ['no_url', /mapping 2, url: must yield text/],
  ['framing', /mapping 3, headers.*Host/i],
])(
  'a mapping that can not work ends its run with the field, and nothing is called: %s',
  async (action, summary) => {
    const { runId, workflow } = await house.carryOut(action);
    expect(house.port.run(runId)).toMatchObject({
      status: 'FAILURE',
      summary: expect.stringMatching(summary),
    });
    expect(workflow.status.name).toBe('FAILED');
    expect(house.service.calls(runId)).toHaveLength(0);
  },
);

test('an encrypted input reaches the target in the clear, and neither Temporal nor Port', async () => {
  const { runId, workflow } = await house.carryOut('secret_input', {
    properties: { password: 'planted-plaintext' },
  });
  const [call] = house.service.calls(runId);
  expect(JSON.parse(call?.rawBody ?? '')).toEqual({ password: 'planted-plaintext' });
  const history = JSON.stringify(await house.client.workflow.getHandle(workflow.workflowId).fetchHistory());
  const readable = history.replace(/"data":"([^"]*)"/g, (_, data) => Buffer.from(data, 'base64').toString());
  expect(readable).not.toContain('planted-plaintext');
  expect(JSON.stringify(house.port.run(runId))).not.toContain('planted-plaintext');
});

test('a report longer than Temporal takes is cut, and the target is not called again', async () => {
  const response = { status: 200, body: 'x'.repeat(900_000) };
  house.service.inject({ kind: 'respond', path: /^\/long$/, response });
  const { runId, workflow } = await house.carryOut('long_answer');
  expect(workflow.status.name).toBe('COMPLETED');
  expect(house.service.calls(runId)).toHaveLength(1);
  const { summary, link, externalRunId, logs } = house.port.run(runId);
  expect(summary).toMatch(/^x{8192}… \(cut\)$/);
  expect(link).toEqual(['https://x/1']);
  expect(externalRunId ?? null).toBeNull();
  expect(JSON.stringify(logs)).toContain('were left out');
});

test('what no mapping takes is left to other agents', async () => {
  const runId = await house.port.trigger('unmatched');
  await until('it is passed over', () =>
    ingester.lines(200).some((line) => line.includes('no mapping matches')),
  );
  expect(house.port.run(runId).logs).toHaveLength(0);
});

test('a changed file counts without a restart, and a broken one changes nothing', async () => {
  writeFileSync(file, '[{"enabled": ');
  await until('it is refused', () =>
    ingester.lines(200).some((line) => line.includes("can't be used; the mappings stay")),
  );
  const { runId } = await house.carryOut('mapped', { properties: { service: 'still' } });
  expect(house.port.run(runId).summary).toBe('deployed still');

  const changed = mappings(house.service.url);
  (changed[0] as { report: { summary: string } }).report.summary = '"changed"';
  writeFileSync(file, JSON.stringify(changed));
  await until('it is in force', async () => {
    const next = await house.carryOut('mapped', { properties: { service: 'next' } });
    return house.port.run(next.runId).summary === 'changed';
  });
});
