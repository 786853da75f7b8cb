import { inspect } from 'node:util';
import { type Policy, parsePolicy, type Refused, type Verdict } from '../../../http/policy/policy.js';

function policyOf(allowedTargets?: string): Policy {
  const parsed = parsePolicy(allowedTargets);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.policy;
}

function check(allowed: string | undefined, url: string, route: 'direct' | 'proxy' = 'direct'): Verdict {
  return policyOf(allowed).checkTarget(new URL(url), route);
}

function checkResolved(allowed: string | undefined, url: string, address: string): Verdict {
  return policyOf(allowed).checkAddress(new URL(url), address);
}

const ruleOf = (verdict: Verdict): string => (verdict.allowed ? 'allowed' : verdict.rule);

describe.each([undefined, '', '  '])('with ALLOWED_TARGETS %p', (value) => {
  test.each(['http://hook.example/', 'https://10.1.2.3:8443/x', 'http://[fd00::1]/', 'http://localhost/'])(
    '%s may be called, on both ways',
    (url) => {
      expect([check(value, url, 'direct'), check(value, url, 'proxy')]).toEqual([
        { allowed: true },
        { allowed: true },
      ]);
    },
  );
});

describe('an entry with a name', () => {
  test.each([
    ['gitlab.corp', 'https://gitlab.corp/', true],
    ['gitlab.corp', 'https://GITLAB.corp.:8443/x?y', true],
    ['GitLab.Corp', 'http://gitlab.corp/', true],
    ['gitlab.corp', 'https://gitlab.corp.evil.example/', false],
    ['gitlab.corp', 'https://evil.example/gitlab.corp', false],
    ['gitlab.corp', 'https://gitlab.corp@evil.example/', false],
    ['*.corp.example', 'https://a.b.corp.example/', true],
    ['*.corp.example', 'https://corp.example/', false],
    ['*.corp.example', 'https://xcorp.example/', false],
    ['*', 'https://anything.example/', true],
    ['*', 'http://10.1.2.3/', true],
    ['10*', 'http://10.1.2.3/', 'problem'],
    ['f*', 'http://[fd00::1]/', false],
    ['bücher.example', 'https://xn--bcher-kva.example/', true],
    ['gitlab.corp:8443', 'https://gitlab.corp:8443/', true],
    ['gitlab.corp:8443', 'https://gitlab.corp/', false],
    ['gitlab.corp:443', 'https://gitlab.corp/', true],
    ['gitlab.corp:443', 'http://gitlab.corp/', false],
    ['gitlab.corp:80', 'http://gitlab.corp/', true],
    ['https://gitlab.corp/', 'https://gitlab.corp:8443/', true],
    ['https://gitlab.corp/', 'http://gitlab.corp/', false],
    ['HTTP://gitlab.corp:8080/', 'http://gitlab.corp:8080/', true],
    ['a.example, ,gitlab.corp,', 'http://gitlab.corp/', true],
  ])('%s on %s: %p', (entry, url, expected) => {
    const parsed = parsePolicy(entry);
    const result =
      'problems' in parsed ? 'problem' : parsed.policy.checkTarget(new URL(url), 'proxy').allowed;
    expect(result).toBe(expected);
  });
});

describe('an entry with a project', () => {
  const api = (project: string, base = 'https://gitlab.corp'): string =>
    `${base}/api/v4/projects/${encodeURIComponent(project)}/trigger/pipeline`;

  test.each([
    ['gitlab.corp/platform/infra', api('platform/infra'), true],
    ['gitlab.corp/Platform/Infra', api('platform/INFRA'), true],
    ['gitlab.corp/platform/infra', api('platform/infra', 'https://gitlab.corp/gitlab'), true],
    ['https://gitlab.corp/platform/infra/', api('platform/infra'), true],
    ['gitlab.corp/platform/infra', api('platform/infra2'), false],
    ['gitlab.corp/platform/infra', api('platform/infra', 'https://other.corp'), false],
    ['gitlab.corp/platform/infra', 'https://gitlab.corp/platform/infra', false],
    ['gitlab.corp/platform/*', api('platform/a/b'), true],
    ['gitlab.corp/platform/*', api('platform'), false],
    ['gitlab.corp/platform/*', api('platforms/a'), false],
    ['gitlab.corp/*', api('any/thing'), true],
    ['gitlab.corp/*', 'https://gitlab.corp/api/v4/projects/42/trigger/pipeline', false],
    ['gitlab.corp/*', 'https://gitlab.corp/hook', false],
    ['gitlab.corp/*/infra', api('a/b/infra'), true],
    ['gitlab.corp:8443/platform/infra', api('platform/infra', 'https://gitlab.corp:8443'), true],
    ['gitlab.corp:8443/platform/infra', api('platform/infra'), false],
    ['*/platform/infra', api('platform/infra', 'http://10.1.2.3'), true],
    ['10.1.2.3/platform/infra', api('platform/infra', 'http://10.1.2.3'), true],
    ['10.1.2.3/platform/infra', api('platform/other', 'http://10.1.2.3'), false],
    ['[fd00::1]:8080/platform/*', api('platform/infra', 'http://[fd00::1]:8080'), true],
  ])('%s on %s: %p', (entry, url, expected) => {
    expect(check(entry, url, 'proxy').allowed).toBe(expected);
  });
});

describe('an entry with an address', () => {
  test.each([
    ['10.1.2.3', 'http://10.1.2.3:8080/', true],
    ['10.1.2.3', 'http://0xa010203/', true],
    ['10.1.2.3', 'http://[::ffff:10.1.2.3]/', true],
    ['10.1.2.3', 'http://10.1.2.4/', false],
    ['10.1.2.3:8080', 'http://10.1.2.3:8080/', true],
    ['10.1.2.3:8080', 'http://10.1.2.3/', false],
    ['10.0.0.0/8', 'https://10.255.0.1/', true],
    ['10.0.0.0/8', 'https://11.0.0.1/', false],
    ['https://10.0.0.0/8', 'http://10.255.0.1/', false],
    ['10.0.0.0/8', 'http://[64:ff9b::10.1.2.3]/', true],
    ['10.0.0.0/8', 'http://[2002:a00:1::1]/', false],
    ['64:ff9b::/96', 'http://[64:ff9b::10.1.2.3]/', true],
    ['[fd00::1]', 'http://[fd00:0::0:1]/', true],
    ['fd00::1', 'http://[fd00::1]/', true],
    ['[FD00::1]:8080', 'http://[fd00::1]:8080/', true],
    ['[fd00::1]:8080', 'http://[fd00::1]/', false],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['[fd00::]/8', 'http://[fd12::1]/', true],
    ['fd00::/8', 'http://[fe00::1]/', false],
  ])('%s on %s: %p', (entry, url, expected) => {
    expect([check(entry, url, 'direct').allowed, check(entry, url, 'proxy').allowed]).toEqual([
      expected,
      expected,
    ]);
  });

  test('leaves a name to the address it resolves to', () => {
    const url = 'https://gitlab.corp/';
    expect(check('10.0.0.0/8', url, 'direct').allowed).toBe(true);
    expect(checkResolved('10.0.0.0/8', url, '10.1.2.3').allowed).toBe(true);
    expect(checkResolved('10.0.0.0/8', url, '::ffff:10.1.2.3').allowed).toBe(true);
    expect(checkResolved('10.0.0.0/8', url, '203.0.113.1')).toEqual({
      allowed: false,
      rule: 'ALLOWED_TARGETS',
      reason:
        'ALLOWED_TARGETS does not allow this call: gitlab.corp (203.0.113.1) is not in it; add it if it may be called',
    });
  });

  test('refuses a name behind a proxy, where its address cannot be seen', () => {
    expect(check('10.0.0.0/8', 'https://gitlab.corp/', 'proxy')).toEqual({
      allowed: false,
      rule: 'ALLOWED_TARGETS',
      reason:
        'ALLOWED_TARGETS does not have the name gitlab.corp, and behind a proxy only names can be checked, ' +
        'not addresses; add the name, or list it in NO_PROXY to call it directly',
    });
    expect(check('10.0.0.0/8,gitlab.corp', 'https://gitlab.corp/', 'proxy').allowed).toBe(true);
  });

  test('does not hold back a name that is allowed by itself', () => {
    expect(checkResolved('gitlab.corp,10.0.0.0/8', 'https://gitlab.corp/', '203.0.113.1').allowed).toBe(true);
  });

  test('with another port or scheme leaves a name to nothing', () => {
    expect(check('10.1.2.3:8080', 'http://gitlab.corp/', 'direct').allowed).toBe(false);
    expect(checkResolved('10.1.2.3:8080', 'http://gitlab.corp/', '10.1.2.3').allowed).toBe(false);
  });
});

describe('refused addresses', () => {
  const table: [string, string][] = [
    ['169.254.169.254', 'cloud metadata addresses'],
    ['168.63.129.16', 'cloud metadata addresses'],
    ['100.100.100.200', 'cloud metadata addresses'],
    ['fd00:ec2::254', 'cloud metadata addresses'],
    ['fd20:ce::254', 'cloud metadata addresses'],
    ['169.254.0.0', 'link-local addresses'],
    ['169.254.255.255', 'link-local addresses'],
    ['169.254.170.2', 'link-local addresses'],
    ['fe80::1', 'link-local addresses'],
    ['febf:ffff::', 'link-local addresses'],
    ['0.0.0.0', 'unspecified addresses'],
    ['::', 'unspecified addresses'],
    ['224.0.0.1', 'multicast addresses'],
    ['239.255.255.255', 'multicast addresses'],
    ['ff02::1', 'multicast addresses'],
    ['255.255.255.255', 'broadcast addresses'],
  ];
  const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

  test.each(table)('%s, by the rule on %s', (address, rule) => {
    const literal = `http://${bracketed(address)}/`;
    for (const allowed of [undefined, '*', 'hook.example']) {
      expect(ruleOf(checkResolved(allowed, 'http://hook.example/', address))).toBe(rule);
      expect(ruleOf(check(allowed, literal, 'direct'))).toBe(rule);
      expect(ruleOf(check(allowed, literal, 'proxy'))).toBe(rule);
    }
  });

  test.each(table)('%s may be called when ALLOWED_TARGETS names it', (address) => {
    for (const allowed of [bracketed(address), `hook.example,${bracketed(address)}:80`]) {
      expect(ruleOf(check(allowed, `http://${bracketed(address)}/`))).toBe('allowed');
      expect(ruleOf(checkResolved(allowed, 'http://hook.example/', address))).toBe('allowed');
    }
    expect(ruleOf(check(`*,${bracketed(address)}:81`, `http://${bracketed(address)}/`))).not.toBe('allowed');
  });

  test.each([
    ['fe80::1%eth0', 'link-local addresses'],
    ['::ffff:169.254.169.254', 'cloud metadata addresses'],
    ['::169.254.169.254', 'cloud metadata addresses'],
    ['64:ff9b::a9fe:a9fe', 'cloud metadata addresses'],
    ['64:ff9b:1::a9fe:a9fe', 'cloud metadata addresses'],
    ['2002:a9fe:a9fe::', 'cloud metadata addresses'],
    ['::ffff:0:a9fe:1', 'link-local addresses'],
    ['2002:e000:1::', 'multicast addresses'],
    ['no address', 'unreadable addresses'],
  ])('a name that resolves to %s falls under %s', (address, rule) => {
    expect(ruleOf(checkResolved(undefined, 'http://hook.example/', address))).toBe(rule);
  });

  test.each([
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    'fd00::1',
    '100.64.0.1',
    '1.1.1.1',
  ])('%s is none of them', (address) => {
    expect(checkResolved(undefined, 'http://hook.example/', address)).toEqual({ allowed: true });
  });

  test.each([
    ['169.254.0.0/16', '169.254.169.254', 'allowed'],
    ['169.254.0.0/16', '::ffff:169.254.169.254', 'allowed'],
    ['169.254.0.0/16', '64:ff9b::a9fe:a9fe', 'allowed'],
    ['64:ff9b::/96', '64:ff9b::a9fe:a9fe', 'cloud metadata addresses'],
    ['[64:ff9b::a9fe:a9fe]', '64:ff9b::a9fe:a9fe', 'allowed'],
    ['169.254.1.1', '169.254.169.254', 'cloud metadata addresses'],
    ['::/0', '169.254.169.254', 'cloud metadata addresses'],
    ['::/127', '::', 'allowed'],
  ])('with %s, on %s: %s', (allowed, address, expected) => {
    expect(ruleOf(checkResolved(allowed, 'http://hook.example/', address))).toBe(expected);
  });

  test('a metadata service is refused by its name where its address cannot be seen', () => {
    const url = 'http://metadata.google.internal./computeMetadata/v1/';
    expect(ruleOf(check(undefined, url, 'proxy'))).toBe('cloud metadata addresses');
    expect(ruleOf(check('*', url, 'proxy'))).toBe('cloud metadata addresses');
    expect(ruleOf(check(undefined, url, 'direct'))).toBe('allowed');
    expect(ruleOf(checkResolved(undefined, url, '169.254.169.254'))).toBe('cloud metadata addresses');
    expect(ruleOf(checkResolved('169.254.169.254', url, '169.254.169.254'))).toBe('allowed');
  });
});

describe('a refusal', () => {
  test('says what to do, and keeps other targets in', () => {
    const url = 'http://hook.example:8080/';
    expect((checkResolved(undefined, url, 'fe80::1%eth0') as Refused).reason).toBe(
      'hook.example:8080 (fe80::1) is one of the link-local addresses, which the agent does not call; ' +
        'if it must, set ALLOWED_TARGETS to *,fe80::1',
    );
    expect((check('hook.example', 'http://[2002:a9fe:a9fe::]/') as Refused).reason).toBe(
      '[2002:a9fe:a9fe::] is one of the cloud metadata addresses, which the agent does not call; ' +
        'if it must, add 169.254.169.254 to ALLOWED_TARGETS',
    );
  });

  test('tells a wrong port from a wrong host', () => {
    const reason = (url: string): string => (check('gitlab.corp:8443', url) as Refused).reason;
    expect(reason('https://gitlab.corp/')).toContain('gitlab.corp with another scheme, port or project only');
    expect(reason('https://other.corp/')).toContain('other.corp is not in it');
  });

  test.each(['direct', 'proxy'] as const)('shows neither path nor credentials (%s)', (route) => {
    const path = '/planted-path?planted-query#planted-hash';
    for (const host of ['other.corp', '169.254.169.254', 'metadata.google.internal', '10.1.2.3'])
      for (const allowed of [
        'gitlab.corp',
        '10.0.0.0/24',
        'other.corp:1',
        'https://other.corp/group/project',
      ]) {
        const verdict = check(allowed, `http://planted-user:planted-password@${host}${path}`, route);
        expect(inspect(verdict)).not.toContain('planted');
      }
  });
});
