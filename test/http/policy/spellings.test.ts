/** However an address is spelled, and whatever stands in the variable. */
import { type Policy, parsePolicy } from '../../../http/policy/policy.js';
import { FUZZ_RUNS, fc } from '../../support/fuzz.js';

const byte = fc.integer({ min: 0, max: 255 });

/** The four bytes of an address that is refused. */
const refusedIPv4 = fc.oneof(
  fc.constantFrom([169, 254, 169, 254], [168, 63, 129, 16], [100, 100, 100, 200], [0, 0, 0, 0]),
  fc.constant([255, 255, 255, 255]),
  fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
  fc.tuple(fc.integer({ min: 224, max: 239 }), byte, byte, byte),
);
type Bytes = readonly number[];

const dotted = (bytes: Bytes): string => bytes.join('.');
const asNumber = (bytes: Bytes): number => bytes.reduce((value, part) => value * 256 + part, 0);
const word = (high = 0, low = 0): string => (high * 256 + low).toString(16);
const words = ([a, b, c, d]: Bytes): string => `${word(a, b)}:${word(c, d)}`;

/** IPv6 addresses that are, or carry, an IPv4 address. */
const IPV6_FORMS: Record<string, (bytes: Bytes) => string> = {
  'mapped, dotted': (bytes) => `::ffff:${dotted(bytes)}`,
  mapped: (bytes) => `::ffff:${words(bytes)}`,
  'mapped, written out': (bytes) => `0000:0:0:0:0:FFFF:${words(bytes).toUpperCase()}`,
  compatible: (bytes) => `::${dotted(bytes)}`,
  translated: (bytes) => `::ffff:0:${words(bytes)}`,
  NAT64: (bytes) => `64:ff9b::${dotted(bytes)}`,
  "NAT64 of one's own": (bytes) => `64:ff9b:1::${words(bytes)}`,
  '6to4': (bytes) => `2002:${words(bytes)}::1`,
};

/** What may stand in a URL for an IPv4 address. */
const URL_FORMS: Record<string, (bytes: Bytes) => string> = {
  decimal: (bytes) => String(asNumber(bytes)),
  hexadecimal: (bytes) => `0x${asNumber(bytes).toString(16)}`,
  octal: (bytes) => `0${asNumber(bytes).toString(8)}`,
  'parts in three bases': ([a = 0, b = 0, c = 0, d = 0]) => `0x${a.toString(16)}.0${b.toString(8)}.${c}.${d}`,
  'two parts': ([a = 0, ...rest]) => `${a}.${asNumber(rest)}`,
  'three parts': ([a = 0, b = 0, ...rest]) => `${a}.${b}.${asNumber(rest)}`,
  'a dot at its end': (bytes) => `${dotted(bytes)}.`,
  'wide digits and dots': (bytes) =>
    dotted(bytes)
      .replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)))
      .replaceAll('.', '。'),
  'percent encoding': (bytes) =>
    [...dotted(bytes)].map((sign) => `%${sign.charCodeAt(0).toString(16)}`).join(''),
};

function policyOf(value?: string): Policy {
  const parsed = parsePolicy(value);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.policy;
}

const policies = [policyOf(), policyOf('*'), policyOf('*,10.0.0.0/8,64:ff9b::/96,2002::/16')];

const withZone = (bytes: Bytes): string => `::ffff:${dotted(bytes)}%eth0`;

describe.each(Object.entries({ dotted, 'mapped, with a zone': withZone, ...IPV6_FORMS }))(
  'a refused IPv4 address: %s',
  (_, spell) => {
    test('is refused when a name resolves to it', () => {
      fc.assert(
        fc.property(refusedIPv4, (bytes) => {
          for (const policy of policies)
            expect(policy.checkAddress(new URL('http://hook.example'), spell(bytes)).allowed).toBe(false);
        }),
        { numRuns: FUZZ_RUNS / 4 },
      );
    });
  },
);

const hosts = Object.entries(IPV6_FORMS).map(([form, spell]): [string, (bytes: Bytes) => string] => [
  form,
  (bytes) => `[${spell(bytes)}]`,
]);

describe.each([...Object.entries(URL_FORMS), ...hosts])('a refused IPv4 address: %s', (_, spell) => {
  test('is refused as the host of a URL', () => {
    fc.assert(
      fc.property(refusedIPv4, fc.constantFrom('direct', 'proxy'), (bytes, route) => {
        const url = new URL(`http://${spell(bytes)}:8080/path`);
        for (const policy of policies) expect(policy.checkTarget(url, route).allowed).toBe(false);
      }),
      { numRuns: FUZZ_RUNS / 4 },
    );
  });
});

test('an address is judged the same as a host and as what a name resolves to', () => {
  const policy = policyOf('10.0.0.0/8,169.254.0.0/24,64:ff9b::/96,fe80::/16');
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), refusedIPv4.map(dotted), fc.ipV6()), (address) => {
      const url = new URL(`http://${address.includes(':') ? `[${address}]` : address}/`);
      expect(policy.checkAddress(new URL('http://hook.example'), address).allowed).toBe(
        policy.checkTarget(url, 'direct').allowed,
      );
    }),
    { numRuns: FUZZ_RUNS },
  );
});

test('whatever the variable holds, reading it gives a policy or problems, and a policy answers', () => {
  const piece = fc.constantFrom(
    ...[
      'http://',
      'https://',
      '*',
      '.',
      ':',
      '/',
      ',',
      '[',
      ']',
      '@',
      '%',
      '::',
      'fd00',
      '10',
      '255',
      '443',
      'a',
      'ü',
    ],
  );
  const value = fc.oneof(fc.string({ unit: piece, maxLength: 12 }), fc.string({ unit: 'binary' }));
  const urls = ['http://a/api/v4/projects/a%2F10', 'http://10.0.0.10/', 'http://[fd00::10]/'].map(
    (u) => new URL(u),
  );
  fc.assert(
    fc.property(value, (text) => {
      const parsed = parsePolicy(text);
      if ('problems' in parsed) expect(parsed.problems.length).toBeGreaterThan(0);
      else for (const url of urls) expect(parsed.policy.checkTarget(url, 'proxy')).toHaveProperty('allowed');
    }),
    { numRuns: FUZZ_RUNS * 2 },
  );
});
