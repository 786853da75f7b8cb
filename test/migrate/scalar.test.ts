import { parseDocument } from 'yaml';
import { readScalar } from '../../migrate/scalar.js';

const read = (yaml: string) => readScalar(parseDocument(yaml, { schema: 'failsafe' }).contents);

/** As Helm 3.17 and 4.2 hand them to `quote`; checked with both. */
test.each([
  ['45', '45', true],
  ['-5', '-5', true],
  ['0', '0', true],
  ['999999', '999999', true],
  ['1000000', '1000000', false],
  ['12345678', '12345678', false],
  ['123456789012345678901', '123456789012345678901', false],
  ['0123', '83', false],
  ['0o17', '15', false],
  ['0x1F', '31', false],
  ['0b11', '3', false],
  ['08', '8', false],
  ['1_000', '1000', false],
  ['+12', '12', false],
  ['00', '0', false],
  ['1.5', '1.5', true],
  ['1.50', '1.5', false],
  ['1.', '1', false],
  ['1e3', '1000', false],
  ['0.00001', '0.00001', false],
])('%s is the number %s; handed over as it is written: %s', (yaml, text, asWritten) => {
  expect(read(yaml)).toEqual({ kind: 'number', text, written: yaml, asWritten });
});

test.each(['yes', 'Y', 'on', 'True'])('%s is the switch true', (yaml) => {
  expect(read(yaml)).toEqual({ kind: 'switch', text: 'true', written: yaml });
});

test.each(['no', 'n', 'OFF', 'false'])('%s is the switch false', (yaml) => {
  expect(read(yaml)).toEqual({ kind: 'switch', text: 'false', written: yaml });
});

test.each(['"45"', "'yes'", '!!str 0123', '12:30', '2024-01-01', 'tRue', '1.2.3', '1e', '|-\n  45', '0x'])(
  '%s is a text',
  (yaml) => expect(read(yaml)).toMatchObject({ kind: 'text' }),
);

test.each(['~', 'null', 'NULL'])('%s is nothing', (yaml) => expect(read(yaml)).toEqual({ kind: 'none' }));
