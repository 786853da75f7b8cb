/** Looks for secrets in everything that is written down anywhere, however they are spelled there. */

/** Where something is read by people who need not know secrets. */
export type Place = 'log' | 'history' | 'Port' | 'target' | 'health' | 'help' | 'UI';

export interface Secret {
  name: string;
  value: string;
  /** Where it belongs; everywhere else it is a leak. */
  mayBeIn?: Place[];
}

export interface Written {
  place: Place;
  /** `a log line of the worker`. */
  where: string;
  text: string;
}

/** Each leak once: `the proxy's password stands in a log line of the worker`. */
export function leaksIn(written: Written[], secrets: Secret[]): string[] {
  const leaks = secrets.flatMap(({ name, value, mayBeIn = [] }) => {
    if (value.length < 8) throw new Error(`${name} is too short to be looked for`);
    const spelled = spellingsOf(value);
    return written
      .filter(({ place, text }) => !mayBeIn.includes(place) && spelled.some((each) => text.includes(each)))
      .map(({ where }) => `${name} stands in ${where}`);
  });
  return [...new Set(leaks)];
}

/** As it is, escaped for JSON and for URLs, in hex, and in base64 wherever in a longer text it stands. */
function spellingsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const inBase64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // What its neighbours have a part in is cut off.
    return text.slice(shift === 0 ? 0 : shift + 1, (bytes.length + shift) % 3 === 0 ? undefined : -1);
  });
  return [
    ...new Set([
      value,
      JSON.stringify(value).slice(1, -1),
      JSON.stringify(JSON.stringify(value)).slice(3, -3),
      encodeURIComponent(value),
      bytes.toString('hex'),
      ...inBase64,
      ...inBase64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ]),
  ];
}
