/** Temporal's own configuration file, read as every SDK reads it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { loadConfig } from '../../config/config.js';
import { connectOptions } from '../../temporal/connect-options.js';
import { REQUIRED } from '../config/required.js';
import { testNetwork } from '../support/network.js';

const API_KEY = 'planted-api-key-0123456789';
const folder = mkdtempSync(join(tmpdir(), 'temporal-toml-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(toml: string, TEMPORAL_PROFILE = '') {
  const TEMPORAL_CONFIG_FILE = join(folder, 'temporal.toml');
  writeFileSync(TEMPORAL_CONFIG_FILE, toml);
  const config = loadConfig({ ...REQUIRED, TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE });
  return connectOptions(config, testNetwork().trust.current());
}

test('address, namespace and key are taken from it', () => {
  const profile = `[profile.default]\naddress = "temporal.corp:7233"\nnamespace = "port"\napi_key = "${API_KEY}"\n`;
  expect(read(profile)).toMatchObject({
    address: 'temporal.corp:7233',
    namespace: 'port',
    options: { apiKey: API_KEY },
  });
});

test.each([
  ['a quote is missing', `[profile.default]\napi_key = "${API_KEY}\n`, /is no TOML: look at line 2/],
  ['a bracket is missing', `api_key = "${API_KEY}"\n[profile.default\n`, /is no TOML: look at line 2/],
  ['the profile is not there', `[profile.other]\napi_key = "${API_KEY}"\n`, /can't be used: .*not found/],
])('when %s, the error says where, and shows no key', (_, toml, words) => {
  const failure = (() => {
    try {
      return read(toml, 'corp');
    } catch (error) {
      return error as Error;
    }
  })();
  expect(failure).toMatchObject({ name: 'ConfigurationError', message: expect.stringMatching(words) });
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(API_KEY);
});
