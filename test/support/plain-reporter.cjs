/**
 * Ends a run with the line that any CI can read: `N passed, N failed, N skipped`.
 *
 * With REQUIRE_ALL=1 a skipped test makes the run fail, so that a missing part can't pass for a green run.
 */

/** Need somebody's own account: nobody else can run them. By full name. */
const NEED_CREDENTIALS = [
  'a real GitLab keeps the contract needs CONTRACT_GITLAB_URL, _PROJECT, _TRIGGER_TOKEN, and if wanted _READ_TOKEN and _REF',
  'Port itself: the contract (set CONTRACT_PORT_URL, _CLIENT_ID, _CLIENT_SECRET, _RUN_ID)',
];

class PlainReporter {
  #error;

  onRunComplete(_contexts, results) {
    const tests = results.testResults.flatMap((file) => file.testResults);
    const skipped = tests.filter(({ status }) => status === 'pending');
    const missing = skipped.filter(({ fullName }) => !NEED_CREDENTIALS.includes(fullName));
    if (process.env.REQUIRE_ALL === '1' && missing.length > 0) {
      const names = missing.map(({ fullName }) => `  ${fullName}`).join('\n');
      process.stdout.write(`\nREQUIRE_ALL=1, and ${missing.length} tests were skipped:\n${names}\n`);
      this.#error = new Error('Tests were skipped.');
    }
    // A file that could not even be loaded has no tests to count.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const line = `${results.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`;
    // Jest's own summary comes after every reporter.
    process.once('exit', () => process.stdout.write(`\n${line}\n`));
  }

  /** Jest ends with 1 when a reporter has an error. */
  getLastError() {
    return this.#error;
  }
}

module.exports = PlainReporter;
