import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { assertPortFree, freePorts, isListening } from '../../../local/parts/ports.js';

async function occupy(host: string): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

describe('ports', () => {
  it('hands out different ports on which nobody listens', async () => {
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) {
      await assertPortFree(port, 'Part');
      expect(await isListening(port)).toBe(false);
    }
  });

  it.each(['127.0.0.1', '0.0.0.0'])('names part, port and remedy when %s is taken', async (host) => {
    const { server, port } = await occupy(host);
    expect(await isListening(port)).toBe(true);
    await expect(assertPortFree(port, 'Temporal', '--temporal-port')).rejects.toThrow(
      `Temporal cannot have port ${port}: it is taken by another process. ` +
        'Stop that process, or choose another port with --temporal-port.',
    );
    server.close();
  });
});
