import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDir, cachedOr } from '../../../local/parts/cache.js';

describe('the cache', () => {
  const before = { ...process.env };
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cache-'));
    process.env['TEMPORAL_PORT_AGENT_CACHE'] = dir;
  });
  afterEach(async () => {
    process.env = { ...before };
    await rm(dir, { recursive: true, force: true });
  });

  it('lies where the environment says, else in the user’s cache folder', () => {
    expect(cacheDir()).toBe(dir);
    delete process.env['TEMPORAL_PORT_AGENT_CACHE'];
    process.env['XDG_CACHE_HOME'] = '/xdg';
    expect(cacheDir()).toBe('/xdg/temporal-port-agent');
  });

  it('fills an entry once', async () => {
    const fill = jest.fn((into: string) => writeFile(join(into, 'file'), 'content'));
    const [first, second] = await Promise.all([cachedOr('part', fill), cachedOr('part', fill)]);
    expect(await cachedOr('part', fill)).toBe(first);
    expect(second).toBe(first);
    expect(fill).toHaveBeenCalledTimes(1);
    expect(await readFile(join(dir, 'part', 'file'), 'utf8')).toBe('content');
  });

  it('holds nothing of an entry whose filling failed', async () => {
    const fill = async (into: string): Promise<void> => {
      await writeFile(join(into, 'half'), '');
      throw new Error('connection lost');
    };
    await expect(cachedOr('part', fill)).rejects.toThrow('connection lost');
    expect(await readdir(dir)).toEqual([]);
  });

  it('keeps the first one’s when two processes fill an entry at once', async () => {
    // A second copy of the module knows as little of the first as another process does.
    let other: typeof import('../../../local/parts/cache.js') | undefined;
    await jest.isolateModulesAsync(async () => {
      other = await import('../../../local/parts/cache.js');
    });
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = cachedOr('part', async (into) => {
      await released;
      await writeFile(join(into, 'file'), 'slow');
    });
    await other?.cachedOr('part', (into) => writeFile(join(into, 'file'), 'quick'));
    release();
    expect(await slow).toBe(join(dir, 'part'));
    expect(await readFile(join(dir, 'part', 'file'), 'utf8')).toBe('quick');
    expect(await readdir(dir)).toEqual(['part']);
  });
});
