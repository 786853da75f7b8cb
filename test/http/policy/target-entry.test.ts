import { inspect } from 'node:util';
import { parsePolicy } from '../../../http/policy/policy.js';

test.each([
  [undefined, 'every target'],
  [' gitlab.corp ,10.0.0.0/8,', 'gitlab.corp, 10.0.0.0/8'],
])('the summary of %p is %s', (value, summary) => {
  expect(parsePolicy(value)).toEqual({ policy: expect.objectContaining({ summary }) });
});

describe('an unusable entry', () => {
  test.each([
    ['10.0.0.0/33', 'longer than 32 bits'],
    ['fd00::/129', 'longer than 128 bits'],
    ['10.1.2.3/8', 'write 10.0.0.0/8 for the network, 10.1.2.3 for the address'],
    ['fd00::1/8', 'write fd00::/8 for the network, fd00::1 for the address'],
    ['10.0.0.0/8:80', 'neither port nor project'],
    ['10.0.0.0:80/8', 'neither port nor project'],
    ['10.0.0.0/8/group/project', 'neither port nor project'],
    ['10/8', 'write 10.1.2.3'],
    ['0x7f000001', 'write 10.1.2.3'],
    ['10.1.*', '10.0.0.0/8'],
    ['*.2.3', '10.0.0.0/8'],
    ['999.1.1.1', 'HOST'],
    ['gitlab.corp:0', 'HOST:PORT'],
    ['gitlab.corp:65536', 'HOST:PORT'],
    ['gitlab.corp:', 'HOST:PORT'],
    ['gitlab.corp:*', 'HOST:PORT'],
    ['gitlab.corp/group', 'HOST/GROUP/PROJECT'],
    ['gitlab.corp//group/project', 'HOST/GROUP/PROJECT'],
    ['gitlab.corp/group//project', 'HOST/GROUP/PROJECT'],
    ['gitlab.corp/group%2Fproject', 'HOST/GROUP/PROJECT'],
    ['gitlab.corp/group\\project', 'HOST/GROUP/PROJECT'],
    ['a.corp b.corp', 'HOST'],
    ['ftp://gitlab.corp', 'HOST:PORT'],
    ['https://', 'HOST'],
    [':8080', 'HOST'],
    ['/group/project', 'HOST'],
    ['[fd00::1', 'HOST'],
    ['[fd00::/8]', 'HOST'],
    ['[gitlab.corp]', 'HOST'],
    ['fe80::1%eth0', 'HOST'],
    ['gitlab.corp!', 'HOST'],
  ])('%s is named, with the right form', (entry, form) => {
    const parsed = parsePolicy(`good.corp,${entry}`);
    const problems = 'problems' in parsed ? parsed.problems : [];
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`ALLOWED_TARGETS holds "${entry}"`);
    expect(problems[0]).toContain(form);
  });

  test('does not hide the next one', () => {
    expect(parsePolicy('a:x,b.corp,c/d')).toEqual({
      problems: [expect.stringContaining('"a:x"'), expect.stringContaining('"c/d"')],
    });
  });

  test.each([
    ['https://user:planted@gitlab.corp'],
    ['https://user:pla,planted@gitlab.corp'],
    ['https://hook.example/?token=planted'],
    ['https://hook.example/#planted'],
  ])('shows no password of a pasted URL (%#)', (value) => {
    const parsed = parsePolicy(value);
    expect(parsed).toEqual({ problems: expect.anything() });
    expect(inspect(parsed)).not.toContain('planted');
  });

  test('commas alone are a mistake, not the permission to call everything', () => {
    expect(parsePolicy(' , ')).toEqual({ problems: [expect.stringContaining('commas only')] });
  });
});
