/** Reads the comments of values.yaml: `# -- what it is`, on the line before its key. */

interface DocumentedValue {
  /** `temporal.devServer.image.tag` */
  key: string;
  /** As values.yaml writes it; empty for maps and lists with content. */
  fallback: string;
  about: string;
}

/** Every described key of values.yaml, in order. Throws on a description that no key follows. */
export function documentedValues(text: string): DocumentedValue[] {
  const found: DocumentedValue[] = [];
  const path: string[] = [];
  let about: string | undefined;
  for (const line of text.split('\n')) {
    const description = /^\s*# -- (.*)$/.exec(line);
    if (description) {
      about = description[1];
      continue;
    }
    const entry = /^(\s*)([A-Za-z_]\w*):\s*(.*)$/.exec(line);
    if (entry) {
      const [, indent = '', key = '', fallback = ''] = entry;
      path.splice(indent.length / 2, Number.POSITIVE_INFINITY, key);
      if (about !== undefined) found.push({ key: path.join('.'), fallback, about });
      about = undefined;
    } else if (about !== undefined) {
      throw new Error(`No key follows the description "${about}"`);
    }
  }
  return found;
}

export function valuesTable(text: string): string {
  const rows = documentedValues(text).map(({ key, fallback, about }) => {
    const shown = fallback === '' || fallback === '""' ? '' : `\`${fallback.replace(/^"(.*)"$/, '$1')}\``;
    return `| \`${key}\` | ${shown} | ${about} |`;
  });
  return ['| Value | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
}
