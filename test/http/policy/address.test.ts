import {
  contains,
  embeddedIPv4,
  knownNetwork,
  parseAddress,
  parseNetwork,
} from '../../../http/policy/address.js';

test.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::FFFF:0a01:0203', '10.1.2.3'],
  ['0:0:0:0:0:ffff:a01:203', '10.1.2.3'],
  ['[fd00::1]', 'fd00::1'],
  ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
  ['64:ff9b::10.1.2.3', '64:ff9b::a01:203'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::', '::'],
  ['::1', '::1'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
])('%s is read as %s', (text, expected) => {
  expect(parseAddress(text)?.text).toBe(expected);
});

test.each(['', 'a', '10.1', '10.1.2.256', '010.1.2.3', '1:2', 'gitlab.corp', '10.1.2.3:80', '10.0.0.0/8'])(
  '"%s" is no address',
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test.each([
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['10.0.0.0/8', '9.255.255.255', false],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['0.0.0.0/0', '::1', false],
  ['::/0', 'ffff::', true],
  ['::/0', '10.1.2.3', false],
  ['10.1.2.3/32', '10.1.2.3', true],
  ['10.1.2.3/32', '10.1.2.2', false],
  ['10.1.2.0/23', '10.1.3.255', true],
  ['fd00::/8', 'fdff:ffff::', true],
  ['fd00::/8', 'fc00::1', false],
  ['fe80::/10', 'febf::1', true],
  ['fe80::/10', 'fec0::1', false],
])('that %s contains %s: %s', (network, address, expected) => {
  const parsed = parseAddress(address);
  expect(parsed && contains(knownNetwork(network), parsed)).toBe(expected);
});

test.each(['10.0.0.1/8', '10.0.0.0/33', 'fd00::/129', 'fd00::1/8', '10.0.0.0/', '10.0.0.0', 'a/8', '::/-1'])(
  '%s is no network',
  (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  },
);

test.each([
  ['::169.254.169.254', '169.254.169.254', false],
  ['::ffff:0:169.254.169.254', '169.254.169.254', true],
  ['64:ff9b::169.254.169.254', '169.254.169.254', true],
  ['64:ff9b:1::169.254.169.254', '169.254.169.254', true],
  ['2002:a9fe:a9fe::1', '169.254.169.254', false],
])('%s carries %s, translated: %s', (text, inner, translated) => {
  const address = parseAddress(text);
  const embedded = address && embeddedIPv4(address);
  expect([embedded?.address.text, embedded?.translated]).toEqual([inner, translated]);
});

test.each(['::', '::1', '2001:db8::1', 'fd00::a9fe:a9fe', '10.1.2.3'])('%s carries no other', (text) => {
  const address = parseAddress(text);
  expect(address && embeddedIPv4(address)).toBeUndefined();
});
