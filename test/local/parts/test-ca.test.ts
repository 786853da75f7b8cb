import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, createServer } from 'node:tls';
import { createTestCa, type IssuedCertificate } from '../../../local/parts/test-ca.js';

/** Makes one connection to a server with this certificate; returns the error's code, or `trusted`. */
async function handshake(server: IssuedCertificate, client: ConnectionOptions): Promise<string> {
  const listener = createServer({ cert: server.certPem, key: server.keyPem });
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    const { port } = listener.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', ...client });
    socket.once('secureConnect', () => socket.end());
    await once(socket, 'secureConnect');
    return 'trusted';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    listener.close();
  }
}

describe('createTestCa', () => {
  const ca = createTestCa('test CA');
  const issued = ca.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });

  it('issues certificates that clients with the CA trust, by name and by address', async () => {
    expect(await handshake(issued, { ca: ca.caPem, servername: 'localhost' })).toBe('trusted');
    expect(await handshake(issued, { ca: ca.caPem })).toBe('trusted');
  });

  it('is not trusted by clients without it, nor by those with another of the same name', async () => {
    expect(await handshake(issued, { servername: 'localhost' })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    const other = createTestCa('test CA');
    expect(await handshake(issued, { ca: other.caPem })).not.toBe('trusted');
  });

  it('does not vouch for other names', async () => {
    const elsewhere = ca.issue({ commonName: 'gitlab', dnsNames: ['gitlab.example.com'] });
    expect(await handshake(elsewhere, { ca: ca.caPem })).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('issues certificates that have expired', async () => {
    const notAfter = new Date(Date.now() - 60_000);
    const expired = ca.issue({ commonName: 'localhost', ipAddresses: ['127.0.0.1'], notAfter });
    expect(await handshake(expired, { ca: ca.caPem })).toBe('CERT_HAS_EXPIRED');
  });

  it('writes what X.509 readers read', () => {
    const root = new X509Certificate(ca.caPem);
    const wanted = {
      commonName: 'far',
      ipAddresses: ['::1', '2001:db8::7'],
      notAfter: new Date('2060-01-02T03:04:05Z'),
    };
    const leaf = new X509Certificate(ca.issue(wanted).certPem);
    expect(root.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(root)).toBe(true);
    expect(leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.subject).toBe('CN=far');
    expect(leaf.issuer).toBe('CN=test CA');
    expect(leaf.checkIP('::1')).toBe('::1');
    expect(leaf.checkIP('2001:db8::7')).toBe('2001:db8::7');
    expect(new Date(leaf.validTo)).toEqual(wanted.notAfter);
    expect(leaf.serialNumber).not.toBe(root.serialNumber);
  });
});
