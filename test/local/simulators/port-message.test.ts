import { createDecipheriv, createHmac } from 'node:crypto';
import { type ActionDefinition, signatureOf, signMessage } from '../../../local/simulators/port.js';
import { departures, recorded } from './port-contract.js';
import { CLIENT_SECRET, GITLAB, SYNCHRONIZED, startPort, WEBHOOK } from './port-fixtures.js';

// biome-ignore lint/suspicious/noExplicitAny: messages are taken apart field by field below.
type Message = any;

function hmac(timestamp: number, content: unknown): string {
  const text = `${timestamp}.${JSON.stringify(content)}`;
  return `v1,${createHmac('sha256', CLIENT_SECRET).update(text).digest('base64')}`;
}

describe('the signature', () => {
  const vector = recorded('message-v1-signed').body as Message;
  const { 'X-Port-Signature': signature, 'X-Port-Timestamp': timestamp } = vector.headers;

  test("is that of port-agent's own conformance vector", () => {
    expect(signatureOf(vector, 'test', timestamp, 'WEBHOOK')).toBe(signature);
    expect(signMessage(vector, 'test', timestamp, 'WEBHOOK')).toEqual(vector);
  });

  test('leaves `headers` out altogether for GITLAB', () => {
    expect(signatureOf(vector, 'test', timestamp, 'GITLAB')).toBe(
      'v1,iqkRKLGPJtlvAQaqogy5YFBGaK0idyJXSyD85CM9SHI=',
    );
  });

  test('covers the other headers, the content, the time and the secret', () => {
    const changed = [
      signatureOf({ ...vector, headers: { other: 1 } }, 'test', timestamp, 'WEBHOOK'),
      signatureOf({ ...vector, action: 'Delete' }, 'test', timestamp, 'WEBHOOK'),
      signatureOf(vector, 'test', timestamp + 1, 'WEBHOOK'),
      signatureOf(vector, 'tesT', timestamp, 'WEBHOOK'),
    ];
    expect(new Set([signature, ...changed]).size).toBe(5);
  });
});

describe('a webhook run', () => {
  test('is published on the topic of runs in the full v1 shape', async () => {
    const dayTwo: ActionDefinition = {
      ...WEBHOOK,
      trigger: { type: 'self-service', operation: 'DAY-2', blueprintIdentifier: 'service' },
    };
    const { port, published, message } = await startPort({ actions: [dayTwo] });
    const runId = await port.trigger('deploy_service', { entity: { identifier: 'shop', icon: 'Service' } });
    expect(published.map(({ topic }) => topic)).toEqual([expect.stringMatching(/^org_\w+\.runs$/)]);
    const sent = message();
    expect(departures('message-v1', sent)).toEqual([]);
    expect(sent.context).toEqual({ entity: 'shop', blueprint: 'service', runId });
    expect(sent.payload.entity.identifier).toBe('shop');
    expect(sent.trigger.origin).toBe('UI');
    expect(sent.payload.action.trigger).toBe('DAY-2');
  });

  test('describes its action as the capture of a real message does', async () => {
    const { port, message } = await startPort();
    await port.trigger('deploy_service', { properties: { region: 'eu' } });
    const { payload } = message();
    const { payload: captured } = recorded('message-v1-full').body as Message;
    expect(Object.keys(captured.action).filter((key) => !Object.hasOwn(payload.action, key))).toEqual([]);
    expect(payload.action.userInputs.required).toEqual(['region']);
    expect(payload.entity).toBeNull();
  });

  test('has its body at the root and in the invocation method, templates filled in', async () => {
    const { port, message } = await startPort();
    const runId = await port.trigger('deploy_service', { properties: { region: 'eu' } });
    const sent = message();
    const body = { region: 'eu', port_context: { runId } };
    expect(sent).toMatchObject(body);
    expect(sent.payload.properties).toEqual({ region: 'eu' });
    expect(sent.payload.action.invocationMethod.body).toEqual(body);
    expect(sent.payload.action.invocationMethod.headers).toEqual({ RUN_ID: runId });
  });

  test('whose body rebuilds the message keeps the run id and the invocation method of Port', async () => {
    const rebuilt: ActionDefinition = {
      ...WEBHOOK,
      invocationMethod: {
        type: 'WEBHOOK',
        url: 'https://x.internal',
        agent: true,
        body: {
          action: 'renamed',
          context: { runId: 'theirs', extra: 1 },
          payload: {
            properties: { only: '{{ .inputs.region }}' },
            action: { invocationMethod: 'theirs', more: 2 },
          },
        },
      },
    };
    const { port, message } = await startPort({ actions: [rebuilt] });
    const runId = await port.trigger('deploy_service', { properties: { region: 'eu' } });
    const sent = message();
    expect(sent.action).toBe('renamed');
    expect(sent.context).toMatchObject({ runId, extra: 1, blueprint: 'service' });
    expect(sent.payload.properties).toEqual({ only: 'eu' });
    expect(sent.payload.action.more).toBe(2);
    expect(sent.payload.action.invocationMethod.url).toBe('https://x.internal');
  });

  test('whose body is an array has it in the invocation method only', async () => {
    const array: ActionDefinition = {
      ...WEBHOOK,
      invocationMethod: {
        type: 'WEBHOOK',
        url: 'https://x.internal',
        agent: true,
        body: ['{{ .inputs.region }}'],
      },
    };
    const { port, message } = await startPort({ actions: [array] });
    await port.trigger('deploy_service', { properties: { region: 'eu' } });
    expect(message().payload.action.invocationMethod.body).toEqual(['eu']);
    expect(message()).not.toHaveProperty('0');
  });

  test('is signed over itself with the two headers taken away', async () => {
    const { port, message } = await startPort();
    await port.trigger('deploy_service', { properties: { region: 'Zürich 🚀' } });
    const { 'X-Port-Signature': signature, 'X-Port-Timestamp': timestamp } = message().headers;
    expect(timestamp).toBe(Date.parse('2026-11-21T12:00:00Z') / 1000);
    expect(signature).toBe(hmac(timestamp, { ...message(), headers: {} }));
  });

  test('without the agent is not published: Port calls such webhooks itself', async () => {
    const direct: ActionDefinition = {
      ...SYNCHRONIZED,
      invocationMethod: { type: 'WEBHOOK', url: 'https://x.internal', agent: 'false' },
    };
    const { port, published } = await startPort({ actions: [direct] });
    const runId = await port.trigger('ask_service', { entity: 'shop' });
    expect(published).toEqual([]);
    expect(port.run(runId).status).toBe('IN_PROGRESS');
  });
});

describe('other runs', () => {
  test('GITLAB gets `agent: true`, filled-in variables, and a signature without headers', async () => {
    const { port, message } = await startPort();
    await port.trigger('create_bucket', { properties: { name: 'logs', tags: [1, 'two'] } });
    const { headers, ...rest } = message();
    expect(rest.payload.action.invocationMethod).toEqual({
      ...GITLAB.invocationMethod,
      pipelineVariables: { NAME: 'logs', TAGS: [1, 'two'] },
      agent: true,
    });
    expect(headers['X-Port-Signature']).toBe(hmac(headers['X-Port-Timestamp'], rest));
  });

  test('the v1 form of a GITLAB action passes as it is', async () => {
    const legacy: ActionDefinition = {
      identifier: 'crossplane_s3_bucket',
      title: 'Crossplane S3 Bucket',
      trigger: 'CREATE',
      userInputs: { properties: { bucket_name: { type: 'string' } }, required: ['bucket_name'] },
      invocationMethod: {
        type: 'GITLAB',
        omitPayload: false,
        omitUserInputs: true,
        projectName: 'p',
        groupName: 'g',
        agent: true,
      },
    };
    const { port, message } = await startPort({ actions: [legacy] });
    await expect(port.trigger('crossplane_s3_bucket')).rejects.toThrow('bucket_name');
    await port.trigger('crossplane_s3_bucket', { properties: { bucket_name: 'b' } });
    expect(message().payload.action.invocationMethod).toEqual(legacy.invocationMethod);
    expect(message().payload.action.trigger).toBe('CREATE');
    expect(message().payload.properties).toEqual({ bucket_name: 'b' });
  });

  test('an automation has no entity and no inputs, and sees its event', async () => {
    const { port, message } = await startPort();
    const event = { context: { entityIdentifier: 'shop' } };
    const runId = await port.trigger('on_service_change', { event, properties: { ignored: 1 } });
    expect(message().trigger.origin).toBe('AUTOMATION');
    expect(message().context).toEqual({ entity: null, blueprint: null, runId });
    expect(message().payload.entity).toBeNull();
    expect(message().payload.properties).toEqual({});
    expect(message().changed).toBe('shop');
  });

  test('KAFKA is published unsigned, with its payload at the root', async () => {
    const kafka: ActionDefinition = {
      ...WEBHOOK,
      invocationMethod: { type: 'KAFKA', payload: { region: '{{ .inputs.region }}' } },
    };
    const { port, message } = await startPort({ actions: [kafka] });
    await port.trigger('deploy_service', { properties: { region: 'eu' } });
    expect(message().region).toBe('eu');
    expect(message().payload.action.invocationMethod.type).toBe('KAFKA');
    expect(message()).not.toHaveProperty('headers');
  });

  test('a workflow node has nothing but its invocation method, without the body, and its id', async () => {
    const { port, message } = await startPort();
    const id = await port.triggerNode({
      url: 'https://httpbin.org/post',
      headers: { 'Content-Type': 'application/json' },
      body: { k: 'v' },
    });
    expect(id).toMatch(/^wfnr_[A-Za-z0-9]{16}$/);
    expect(departures('message-node', message())).toEqual([]);
    expect(Object.keys(message())).toEqual(['headers', 'payload', 'context']);
    expect(message().context).toEqual({ runId: id });
    expect(message().payload.action.invocationMethod).toMatchObject({ synchronized: true, agent: true });
    expect(message().payload.action.invocationMethod).not.toHaveProperty('body');
    const { 'X-Port-Signature': signature, 'X-Port-Timestamp': timestamp } = message().headers;
    expect(signature).toBe(hmac(timestamp, { ...message(), headers: {} }));
  });

  test('secret inputs travel encrypted and are named as censored', async () => {
    const secret: ActionDefinition = {
      ...WEBHOOK,
      trigger: {
        type: 'self-service',
        operation: 'CREATE',
        userInputs: { properties: { key: { type: 'object', encryption: 'aes256-gcm' }, open: {} } },
      },
    };
    const { port, message } = await startPort({ actions: [secret] });
    await port.trigger('deploy_service', { properties: { key: { user: 'a' }, open: 'b' } });
    const { properties, censoredProperties } = message().payload;
    expect(censoredProperties).toEqual(['key']);
    expect(properties.open).toBe('b');
    expect(message().key).toBe(properties.key);
    const bytes = Buffer.from(properties.key, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', CLIENT_SECRET.slice(0, 32), bytes.subarray(0, 16));
    decipher.setAuthTag(bytes.subarray(-16));
    expect(decipher.update(bytes.subarray(16, -16), undefined, 'utf8') + decipher.final('utf8')).toBe(
      '{"user":"a"}',
    );
  });

  test('anything can be published raw, on any topic', async () => {
    const { port, published } = await startPort();
    await port.publishRaw('not json', 'some.topic', 'key');
    expect(published).toEqual([{ topic: 'some.topic', value: 'not json', key: 'key' }]);
    const { port: silent } = await startPort({}, { kafka: false });
    await expect(silent.publishRaw('x')).rejects.toThrow('without `publish`');
  });
});
