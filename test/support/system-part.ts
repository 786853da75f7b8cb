/** Tests that need something which no package of ours can bring: skipped loudly without it, never silently. */

export interface SystemPart {
  name: string;
  isThere: boolean;
  /** How to get it: `apt-get install chromium`. */
  remedy: string;
}

/** `describe` for tests that need a system part. Without it they are skipped, or with REQUIRE_ALL=1 they fail. */
export function describeWith(part: SystemPart, title: string, body: () => void): void {
  if (part.isThere) {
    describe(title, body);
    return;
  }
  const missing = `${title}: needs ${part.name} (${part.remedy})`;
  if (process.env['REQUIRE_ALL'] === '1') {
    test(title, () => {
      throw new Error(missing);
    });
    return;
  }
  process.stderr.write(`SKIPPED ${missing}\n`);
  describe.skip(title, body);
}
