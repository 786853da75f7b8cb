import { splitPem } from '../../../http/trust/pem.js';

const block = (label: string, body = 'AAAA') => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const GOOD = block('CERTIFICATE');

describe('splitPem', () => {
  test.each<[string, string, string[], string[]]>([
    ['a single block', GOOD, ['CERTIFICATE:1'], []],
    [
      'comments around blocks',
      `# one\n${GOOD}subject=x\n\n${GOOD}bye`,
      ['CERTIFICATE:2', 'CERTIFICATE:7'],
      [],
    ],
    ['blocks that touch', GOOD.trim() + GOOD, ['CERTIFICATE:1', 'CERTIFICATE:3'], []],
    ['blocks of several kinds', GOOD + block('EC PRIVATE KEY'), ['CERTIFICATE:1', 'EC PRIVATE KEY:4'], []],
    [
      'a block cut off before good ones',
      `-----BEGIN CERTIFICATE-----\nAAAA\n${GOOD}${GOOD}`,
      ['CERTIFICATE:3', 'CERTIFICATE:6'],
      ['the CERTIFICATE in line 1 is cut off'],
    ],
    [
      'a block cut off at the end',
      `${GOOD}-----BEGIN CERTIFICATE-----\nAA`,
      ['CERTIFICATE:1'],
      ['the CERTIFICATE in line 4 is cut off'],
    ],
    [
      'a block with the end of another kind',
      `-----BEGIN CERTIFICATE-----\nAA\n-----END PRIVATE KEY-----\n${GOOD}`,
      ['CERTIFICATE:4'],
      ['the CERTIFICATE in line 1 is cut off'],
    ],
    [
      'a block without beginning',
      `AAAA\n-----END CERTIFICATE-----\n${GOOD}`,
      ['CERTIFICATE:3'],
      ['the CERTIFICATE that ends in line 2 has no beginning'],
    ],
    ['no block', 'hello', [], []],
  ])('finds in %s what is whole, and names what is not', (_, text, blocks, faults) => {
    for (const given of [text, text.replaceAll('\n', '\r\n')]) {
      const found = splitPem(given);
      expect(found.blocks.map(({ label, line }) => `${label}:${line}`)).toEqual(blocks);
      expect(found.faults).toEqual(faults);
    }
  });

  test('writes blocks anew, in the lines that OpenSSL wants', () => {
    const body = 'x'.repeat(100);
    const wanted = block('CERTIFICATE', `${'x'.repeat(64)}\n${'x'.repeat(36)}`);
    expect(splitPem(block('CERTIFICATE', body)).blocks[0]?.pem).toBe(wanted);
    expect(splitPem(wanted.replace(/^/gm, '    ').replaceAll('\n', '\r\n')).blocks[0]?.pem).toBe(wanted);
  });

  test('leaves alone what is more than base64', () => {
    const old = block('RSA PRIVATE KEY', 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA');
    expect(splitPem(old).blocks[0]?.pem).toBe(old);
  });
});
