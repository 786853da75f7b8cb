import { startCodecServer, type TestCodecServer, TOKEN, written } from './server.js';

const SECRET = 'p4yload-that-no-log-may-hold';

describe('where encrypting is switched on', () => {
  let encoder: TestCodecServer;
  beforeAll(async () => {
    encoder = await startCodecServer({ CODEC_SERVER_ENCODE: 'true' });
  });
  afterAll(() => encoder.stop());
  const send = async (path: string, payloads: unknown[]): Promise<Response> =>
    fetch(encoder.url + path, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Namespace': 'default',
        Authorization: `Bearer ${TOKEN}`,
      },
      body: JSON.stringify({ payloads }),
    });

  test('what is encrypted can be decrypted again', async () => {
    const plain = await written({ password: SECRET }, undefined);
    const there = (await (await send('/encode', [plain])).json()) as { payloads: unknown[] };
    expect(JSON.stringify(there)).not.toContain(plain['data']);
    expect(there.payloads).toHaveLength(1);
    const back = await (await send('/decode', there.payloads)).json();
    expect(back).toEqual({ payloads: [plain] });
  });

  test('what is no payload is refused', async () => {
    expect((await send('/encode', ['text'])).status).toBe(400);
  });
});
