import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { NotSentError } from '../../http/errors.js';
import type { OutboundResponse } from '../../http/read-response.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { startPrivateService } from '../../local/simulators/private-service.js';
import { type NetworkOptions, testNetwork } from '../support/network.js';
import { closeAll, closing, rawServer, wayOut } from './raw-server.js';
import { startRecordingProxy } from './recording-proxy.js';

const ca = createTestCa('Corp Root CA');
const proxyCa = createTestCa('Proxy Root CA');
const targetNames = { commonName: 'target', dnsNames: ['target.test'], ipAddresses: ['127.0.0.1'] };

afterEach(closeAll);

/** An https target that says which name it was asked for, and by whom. */
async function httpsTarget(options: { asksForCertificate?: boolean } = {}): Promise<number> {
  const { certPem, keyPem } = ca.issue(targetNames);
  const asks = options.asksForCertificate
    ? { requestCert: true, rejectUnauthorized: false, ca: ca.caPem }
    : {};
  const server = createServer({ cert: certPem, key: keyPem, ...asks }, (request, response) => {
    const socket = request.socket as TLSSocket;
    const shown = socket.getPeerCertificate().subject?.CN ?? null;
    response.end(JSON.stringify({ servername: socket.servername, shown, host: request.headers.host }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return (server.address() as AddressInfo).port;
}

function send(url: string, network: NetworkOptions, timeoutMs = 60_000): Promise<OutboundResponse> {
  return wayOut(network).send({ method: 'POST', url, headers: {}, body: '{"a":1}' }, timeoutMs);
}

async function refusal(url: string, network: NetworkOptions, timeoutMs?: number): Promise<string> {
  const error: unknown = await send(url, network, timeoutMs).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NotSentError);
  return (error as NotSentError).message;
}

describe('an HTTP proxy', () => {
  test('is asked for an http target by its whole address, with credentials on each request', async () => {
    const service = closing(await startPrivateService());
    const proxy = await startRecordingProxy({ hosts: { 'hook.test:8080': service.port } });
    const environment = { HTTP_PROXY: proxy.url.replace('http://', 'http://al%40ice:s%3Acret@') };

    const { status } = await send('http://hook.test:8080/ok?a=1', { environment });

    expect(status).toBe(200);
    expect(proxy.asked).toMatchObject([
      { method: 'POST', target: 'http://hook.test:8080/ok?a=1', headers: { host: 'hook.test:8080' } },
    ]);
    const { authorization } = { authorization: proxy.asked[0]?.headers['proxy-authorization'] };
    expect(Buffer.from(authorization?.split(' ')[1] ?? '', 'base64').toString()).toBe('al@ice:s:cret');
    expect(service.calls()[0]?.rawBody).toBe('{"a":1}');
  });

  test('is asked for a tunnel to an https target; credentials stay with it', async () => {
    const port = await httpsTarget();
    const proxy = await startRecordingProxy({ hosts: { 'target.test:8443': port } });
    const environment = { HTTPS_PROXY: proxy.url.replace('http://', 'http://alice:secret@') };

    const { text } = await send('https://target.test:8443/', { environment, trusted: [ca.caPem] });

    expect(proxy.asked).toMatchObject([
      {
        method: 'CONNECT',
        target: 'target.test:8443',
        headers: { host: 'target.test:8443', 'proxy-authorization': expect.stringMatching(/^Basic /) },
      },
    ]);
    expect(JSON.parse(text)).toEqual({ servername: 'target.test', shown: null, host: 'target.test:8443' });
  });

  test('is asked for a tunnel to an IPv6 address with brackets', async () => {
    const proxy = await startRecordingProxy({});
    await refusal('https://[::1]:9/', { environment: { HTTPS_PROXY: proxy.url } });
    expect(proxy.asked).toMatchObject([{ method: 'CONNECT', target: '[::1]:9' }]);
  });
});

describe('an https proxy', () => {
  const { certPem: cert, keyPem: key } = proxyCa.issue({ commonName: 'proxy', dnsNames: ['localhost'] });
  const startProxy = async (hosts: Record<string, number>) => {
    const proxy = await startRecordingProxy({ hosts, tls: { cert, key } });
    return { ...proxy, url: proxy.url.replace('127.0.0.1', 'localhost') };
  };

  test('gets the whole address of an http target, over TLS with its own name', async () => {
    const service = closing(await startPrivateService());
    const proxy = await startProxy({ 'hook.test': service.port });
    const { status } = await send('http://hook.test/ok', {
      environment: { HTTP_PROXY: proxy.url },
      trusted: [proxyCa.caPem],
    });
    expect(status).toBe(200);
    expect(proxy.asked).toMatchObject([{ target: 'http://hook.test/ok', servername: 'localhost' }]);
  });

  test('carries TLS to the target within its own; each is asked for its own name', async () => {
    const proxy = await startProxy({ 'target.test:443': await httpsTarget() });
    const { text } = await send('https://target.test/', {
      environment: { HTTPS_PROXY: proxy.url },
      trusted: [ca.caPem, proxyCa.caPem],
    });
    expect(proxy.asked).toMatchObject([{ method: 'CONNECT', servername: 'localhost' }]);
    expect(JSON.parse(text)).toMatchObject({ servername: 'target.test' });
  });

  test.each(['http', 'https'])('that is not trusted carries nothing to an %s target', async (scheme) => {
    const proxy = await startProxy({});
    const environment = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
    expect(await refusal(`${scheme}://target.test/`, { environment, trusted: [ca.caPem] })).toMatch(
      /^POST target\.test was not sent: TLS to the proxy localhost:\d+ failed: the certificate is signed by "Proxy Root CA", which is not trusted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)\. Mount that CA as \/usr\/local\/share\/ca-certificates\/NAME\.crt \(Helm: selfSignedCertificate\), or name its file in REQUESTS_CA_BUNDLE/,
    );
    expect(proxy.asked).toEqual([]);
  });
});

describe('a SOCKS proxy', () => {
  test.each([
    ['socks4a', 'the name', Buffer.from('\x04\x01\x00\x50\x00\x00\x00\x01alice\x00localhost\x00', 'latin1')],
    ['socks4', 'the address', Buffer.from('\x04\x01\x00\x50\x7f\x00\x00\x01alice\x00', 'latin1')],
  ])('of the kind %s gets %s', async (scheme, _what, expected) => {
    const asked: Buffer[] = [];
    const proxy = await rawServer((socket) => {
      socket.once('data', (request: Buffer) => {
        asked.push(request);
        socket.write(Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]));
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
      });
    });
    const environment = { ALL_PROXY: `${scheme}://alice:ignored@${proxy.host}` };
    expect(await send('http://localhost/', { environment })).toMatchObject({ status: 200, text: 'ok' });
    expect(asked).toEqual([expected]);
  });
});

describe('trust', () => {
  test('says whose certificate is missing, of which host, through which proxy', async () => {
    const port = await httpsTarget();
    const proxy = await startRecordingProxy({ hosts: { 'target.test:443': port } });
    expect(await refusal('https://target.test/', { environment: { HTTPS_PROXY: proxy.url } })).toContain(
      `TLS to target.test:443 through the proxy ${new URL(proxy.url).host} failed: the certificate is signed by "Corp Root CA", which is not trusted`,
    );
  });

  test('an address is checked against the addresses in the certificate', async () => {
    const port = await httpsTarget();
    const { status } = await send(`https://127.0.0.1:${port}/`, { trusted: [ca.caPem] });
    expect(status).toBe(200);
    expect(await refusal(`https://localhost:${port}/`, { trusted: [ca.caPem] })).toContain(
      'the certificate is for target.test, 127.0.0.1 (ERR_TLS_CERT_ALTNAME_INVALID). Call the host by a name',
    );
  });

  test('verification that is switched off accepts any certificate', async () => {
    const port = await httpsTarget();
    const response = await wayOut({}, { verifyTls: false }).send(
      { method: 'GET', url: `https://localhost:${port}/`, headers: {} },
      10_000,
    );
    expect(response.status).toBe(200);
  });

  test('a client certificate is shown to the host it is for, and to no other', async () => {
    const port = await httpsTarget({ asksForCertificate: true });
    const { certPem, keyPem } = ca.issue({ commonName: 'agent' });
    const clientCertificates = {
      for: (host: string) => (host === 'target.test' ? { cert: certPem, key: keyPem } : undefined),
    };
    const proxy = await startRecordingProxy({ hosts: { 'target.test:443': port } });
    const network = { trusted: [ca.caPem], clientCertificates };
    const through = await send('https://target.test/', {
      ...network,
      environment: { HTTPS_PROXY: proxy.url },
    });
    expect(JSON.parse(through.text)).toMatchObject({ shown: 'agent' });
    const direct = await send(`https://127.0.0.1:${port}/`, network);
    expect(JSON.parse(direct.text)).toMatchObject({ shown: null });
  });
});

describe('what may be called', () => {
  test('a name that leads to a refused address is not connected to', async () => {
    const { policy } = testNetwork({ allowedTargets: '10.0.0.0/8' });
    const target = await rawServer(() => {});
    const error: unknown = await wayOut({}, { policy })
      .send({ method: 'POST', url: `http://localhost:${target.port}/`, headers: {} }, 5000)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'NotSentError', phase: 'policy', permanent: true });
    expect((error as Error).message).toContain('ALLOWED_TARGETS does not allow this call');
    expect(target.connections).toBe(0);
  });
});

describe('redirects', () => {
  test('each hop is sent through the proxy that is right for it', async () => {
    const service = closing(await startPrivateService());
    const proxy = await startRecordingProxy({ hosts: { 'proxied.test': service.port } });
    const direct = `http://127.0.0.1:${service.port}/ok`;
    const environment = { HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' };

    const there = await send(`http://proxied.test/redirect/307?to=${direct}`, { environment });
    expect(there.status).toBe(200);
    expect(proxy.asked.map(({ target }) => target)).toEqual([
      `http://proxied.test/redirect/307?to=${direct}`,
    ]);

    const back = await send(`http://127.0.0.1:${service.port}/redirect/307?to=http://proxied.test/ok`, {
      environment,
    });
    expect(back.status).toBe(200);
    expect(proxy.asked.map(({ target }) => target).slice(1)).toEqual(['http://proxied.test/ok']);
  });

  test('a target may not redirect to what may not be called', async () => {
    const service = closing(await startPrivateService());
    const error: unknown = await wayOut({}, { policy: testNetwork().policy })
      .send(
        {
          method: 'POST',
          url: `${service.url}/redirect/302?to=http://169.254.169.254/latest/meta-data`,
          headers: {},
        },
        5000,
      )
      .catch((reason: unknown) => reason);
    expect((error as Error).message).toMatch(
      /the redirect failed: GET 169\.254\.169\.254 was not sent: .*metadata/,
    );
  });
});

describe('answers', () => {
  test('are unpacked', async () => {
    const server = await rawServer((socket) => {
      const body = gzipSync('{"ok":true}');
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
        socket.end(body);
      });
    });
    expect((await send(`http://${server.host}/`, {})).text).toBe('{"ok":true}');
  });

  test('that grow beyond measure when unpacked are cut where others are', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    const server = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`);
        socket.end(bomb);
      });
    });
    const before = process.memoryUsage().rss;
    const { text, cut } = await send(`http://${server.host}/`, {});
    expect(text.length).toBe(1024 * 1024);
    expect(cut).toBe('too long');
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  test('that never end are read as far as others', async () => {
    const server = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        const more = (): void => {
          if (!socket.destroyed) socket.write('x'.repeat(65_536), more);
        };
        more();
      });
    });
    expect(await send(`http://${server.host}/`, {})).toMatchObject({ status: 200, cut: 'too long' });
  });
});
