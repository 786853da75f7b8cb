import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { secureContextOf } from '../../../http/trust/secure-context.js';
import type { TrustSources } from '../../../http/trust/trust-sources.js';
import { TrustStore } from '../../../http/trust/trust-store.js';
import { createTestCa } from '../../../local/parts/test-ca.js';
import { handshake, LOCAL, newDirectory, put, sources } from './stage.js';

const until = { notAfter: new Date('2031-02-03T04:05:06Z') };
const a = createTestCa('A', until);
const b = createTestCa('B', until);
const c = createTestCa('C', until);

/** A store that looks each time, and what it says. */
function watch(given: Partial<TrustSources>) {
  const changes: string[] = [];
  const warnings: string[] = [];
  const store = new TrustStore(sources(given), {
    checkEveryMs: 0,
    onChange: (_, what) => changes.push(what),
    onWarning: (what) => warnings.push(what),
  });
  const names = () => store.current().extra.map(({ subject }) => subject);
  return { store, names, changes, warnings };
}

test('files are looked at no more often than asked for', () => {
  const directory = newDirectory();
  let time = 1_000_000;
  const store = new TrustStore(sources({ mounted: [directory] }), { checkEveryMs: 60_000, now: () => time });
  const before = store.current();
  put(directory, 'a.crt', a.caPem);
  time += 59_999;
  expect(store.current()).toBe(before);
  time += 1;
  expect(store.current().extra.length).toBe(1);
  put(directory, 'b.crt', b.caPem);
  time += 59_999;
  expect(store.current().extra.length).toBe(1);
});

test('a server is trusted as soon as its CA is there, without a restart', async () => {
  const directory = newDirectory();
  const { store, changes, warnings } = watch({ mounted: [directory] });
  const server = a.issue(LOCAL);
  const before = store.current();
  expect(await handshake(server, secureContextOf(before))).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  const file = put(directory, 'a.crt', a.caPem);
  expect(await handshake(server, secureContextOf(store.current()))).toBe('trusted');
  expect(store.current()).not.toBe(before);
  expect(changes).toEqual([`the trusted certificates changed; new: CN=A (until 2031-02-03, ${file})`]);
  expect(warnings).toEqual([]);
});

test('the exchange of a ConfigMap is noticed, though no file of its own changes', () => {
  const directory = newDirectory();
  const publish = (version: string, content: string): void => {
    put(directory, `${version}/ca.crt`, content);
    symlinkSync(version, path.join(directory, '..data_tmp'));
    renameSync(path.join(directory, '..data_tmp'), path.join(directory, '..data'));
  };
  publish('..1', a.caPem);
  symlinkSync('..data/ca.crt', path.join(directory, 'ca.crt'));
  // Mounted deep, as a directory; and by its file's name.
  for (const given of [{ mounted: [directory] }, { sslCertFile: path.join(directory, 'ca.crt') }]) {
    const version = 'mounted' in given ? '..2' : '..3';
    const { names, store } = watch(given);
    const before = store.current();
    expect(store.current()).toBe(before);
    publish(version, a.caPem + (version === '..2' ? b.caPem : b.caPem + c.caPem));
    expect(names().length).toBe(version === '..2' ? 2 : 3);
    expect(store.current()).not.toBe(before);
  }
});

test('files that change and hold the same leave the trust the same object', () => {
  const directory = newDirectory();
  const file = put(directory, 'a.crt', a.caPem + b.caPem);
  const { store, changes, warnings } = watch({ mounted: [directory] });
  const before = store.current();
  writeFileSync(file, `# in another order\n${b.caPem}${a.caPem}`);
  put(directory, 'copy.crt', a.caPem);
  expect(store.current()).toBe(before);
  expect([changes, warnings]).toEqual([[], []]);
});

test('a certificate that is gone counts as gone when two looks agree', () => {
  const directory = newDirectory();
  const file = put(directory, 'a.crt', a.caPem);
  put(directory, 'b.crt', b.caPem);
  const { names, changes, warnings } = watch({ mounted: [directory] });
  rmSync(file);
  expect(names()).toEqual(['CN=A', 'CN=B']);
  expect(warnings).toEqual([
    `the trusted certificates stay as they were: CN=A (until 2031-02-03, ${file}) is gone; if the next look finds the same, it counts`,
  ]);
  expect(names()).toEqual(['CN=B']);
  expect(changes).toEqual([
    `the trusted certificates changed; no longer trusted: CN=A (until 2031-02-03, ${file})`,
  ]);
});

test('a file seen in the middle of being written costs nothing', () => {
  const directory = newDirectory();
  put(directory, 'b.crt', b.caPem);
  const file = put(directory, 'a.crt', a.caPem);
  const { store, names, warnings, changes } = watch({ mounted: [directory] });
  const before = store.current();
  writeFileSync(file, a.caPem.slice(0, 300));
  expect(store.current()).toBe(before);
  writeFileSync(file, a.caPem.slice(0, 400));
  expect(store.current()).toBe(before);
  writeFileSync(file, a.caPem);
  expect(store.current()).toBe(before);
  expect(changes).toEqual([]);
  expect(warnings).toContain(`${file} is damaged: the CERTIFICATE in line 1 is cut off`);
  writeFileSync(file, a.caPem + c.caPem);
  expect(names()).toEqual(['CN=A', 'CN=C', 'CN=B']);
});

test('when all is gone the old trust stays, and this is said once', () => {
  const directory = newDirectory();
  const file = put(directory, 'a.crt', a.caPem);
  const { store, names, warnings, changes } = watch({ mounted: [directory] });
  const before = store.current();
  rmSync(file);
  for (let look = 0; look < 3; look += 1) expect(store.current()).toBe(before);
  expect(warnings).toEqual([
    'the trusted certificates stay as they were: all the extra ones are gone from their files; start the agent anew if that is meant',
  ]);
  put(directory, 'a.crt', a.caPem + b.caPem);
  expect(names()).toEqual(['CN=A', 'CN=B']);
  expect(changes.length).toBe(1);
});

test('a bundle that vanishes stays trusted, also when nothing else is', () => {
  const directory = newDirectory();
  const file = put(directory, 'bundle.pem', a.caPem);
  const { store, warnings } = watch({
    bundle: { variable: 'REQUESTS_CA_BUNDLE', path: file },
    bundleOnly: true,
  });
  const before = store.current();
  expect(before.pem).toEqual([a.caPem]);
  rmSync(file);
  mkdirSync(file);
  for (let look = 0; look < 3; look += 1) expect(store.current()).toBe(before);
  expect(warnings).toEqual([
    `the trusted certificates stay as they were: REQUESTS_CA_BUNDLE names ${file}, a directory without *.crt, *.pem or *.cer files`,
  ]);
});

test('what is odd about a new file is said when it comes', () => {
  const directory = newDirectory();
  const { store, warnings } = watch({ mounted: [directory] });
  const file = put(directory, 'a.crt', 'hello');
  store.current();
  put(directory, 'b.crt', b.caPem);
  store.current();
  expect(warnings).toEqual([`${file} holds no certificate: -----BEGIN CERTIFICATE----- is not in it`]);
});

test("a part of the system's roots that is gone counts as gone when two looks agree", () => {
  const directory = newDirectory();
  const system = put(directory, 'roots.pem', a.caPem + b.caPem);
  const { store, changes, warnings } = watch({ system: [system] });
  const before = store.current();
  writeFileSync(system, a.caPem);
  expect(store.current()).toBe(before);
  expect(warnings).toEqual([
    expect.stringContaining("a part of the system's roots is gone; if the next look"),
  ]);
  expect(store.current().pem.length).toBe(before.pem.length - 1);
  expect(changes).toEqual(["the trusted certificates changed; the system's roots are others"]);
});

test('an extra certificate that becomes one of the system is not lost', () => {
  const directory = newDirectory();
  const system = put(directory, 'roots.pem', b.caPem);
  put(directory, 'mounted/a.crt', a.caPem);
  const { store, changes, warnings } = watch({ system: [system], mounted: [`${directory}/mounted`] });
  const before = store.current();
  writeFileSync(system, b.caPem + a.caPem);
  expect(store.current()).toBe(before);
  expect([changes, warnings]).toEqual([[], []]);
});
