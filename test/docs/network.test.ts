/** The tables of docs/network.md that test/acceptance/network.test.ts does not make. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePolicy } from '../../http/policy/policy.js';
import { readProxySettings } from '../../http/proxy/proxy-settings.js';
import { codeSpans, tableRows } from './markdown.js';

const DOC = readFileSync(join(__dirname, '../../docs/network.md'), 'utf8');

/** The rows of the table after a sentence, each cell as what stands in it between backticks. */
function rowsAfter(sentence: string, heading: string): string[][][] {
  const start = DOC.indexOf(sentence);
  if (start < 0) throw new Error(`There is no "${sentence}"`);
  return tableRows(DOC.slice(start), heading).map((cells) => cells.map(codeSpans));
}

function settings(noProxy: string) {
  return readProxySettings({ ALL_PROXY: 'http://proxy.corp:3128', NO_PROXY: noProxy });
}

describe('NO_PROXY', () => {
  const rows = rowsAfter('`NO_PROXY` is a list', 'Entry').flatMap(
    ([entries = [], direct = [], proxied = []]) =>
      entries.map((entry): [string, string[], string[]] => [entry, direct, proxied]),
  );

  it.each(rows)('%s', (entry, direct, proxied) => {
    const { proxyFor, warnings } = settings(entry);
    expect(direct).not.toHaveLength(0);
    expect(direct.filter((url) => proxyFor(url))).toEqual([]);
    expect(proxied.filter((url) => !proxyFor(url))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  const wrongs = rowsAfter('These match nothing', 'Not').map(
    ([wrong = [], right = []]): [string | undefined, string | undefined] => [wrong[0], right[0]],
  );

  it.each(wrongs)('%s is warned about, and %s is not', (wrong = '', right = '') => {
    expect(settings(wrong).warnings).toEqual([expect.stringContaining('matches nothing')]);
    expect(settings(right).warnings).toEqual([]);
  });
});

describe('ALLOWED_TARGETS', () => {
  const rows = rowsAfter('`ALLOWED_TARGETS` narrows that', 'Entry').flatMap(
    ([entries = [], yes = [], no = []]) =>
      entries.map((entry): [string, string[], string[]] => [entry, yes, no]),
  );

  it.each(rows)('%s', (entry, yes, no) => {
    const parsed = parsePolicy(entry);
    if ('problems' in parsed) throw new Error(parsed.problems.join());
    const isAllowed = (url: string) => parsed.policy.checkTarget(new URL(url), 'direct').allowed;
    expect(yes).not.toHaveLength(0);
    expect(yes.filter((url) => !isAllowed(url))).toEqual([]);
    expect(no.filter(isAllowed)).toEqual([]);
  });
});
