/** Keeps the trust up to date with the files. */
import { type Cadence, dueEvery } from './cadence.js';
import { type Anchor, describeAnchor, readTrust, type Trust } from './trust.js';
import { stampOfSources, type TrustSources } from './trust-sources.js';

export interface TrustStoreOptions extends Cadence {
  /** Another set of anchors counts from now on; `what` is a sentence for the log. */
  onChange?: (trust: Trust, what: string) => void;
  /** The files changed, and something about them is odd, or the old trust stays. A warning for the log. */
  onWarning?: (what: string) => void;
}

/**
 * Hands out the trust that the files hold now. They are looked at when `current` is called, at most every
 * `checkEveryMs`, and read when they changed.
 *
 * Files are seen in the middle of being replaced. So what adds anchors counts at once; what takes some away
 * counts when the next look finds the same; and what takes all of the extra ones away, or the bundle, never
 * does: an agent that knew its CA goes on knowing it until it is started anew.
 */
export class TrustStore {
  private trust: Trust;
  /** The state of the files that `trust` was read from. */
  private settled: string;
  /** A state that takes anchors away and was seen once. */
  private doubted: string | undefined;
  /** What was warned of already. */
  private warned: string[];
  private readonly due: () => boolean;

  constructor(
    private readonly sources: TrustSources,
    private readonly options: TrustStoreOptions = {},
  ) {
    this.due = dueEvery(options);
    // Before the read: what changes during it is seen at the next look.
    this.settled = stampOfSources(sources);
    this.trust = readTrust(sources);
    this.warned = this.trust.warnings;
  }

  /**
   * The same object as long as the set of anchors is the same. With another one, open new connections with a
   * new secure context: a resumed TLS session is accepted without asking whether its CA is still trusted.
   */
  current(): Trust {
    if (this.due()) this.look();
    return this.trust;
  }

  private look(): void {
    const stamp = stampOfSources(this.sources);
    if (stamp === this.settled) return;
    const next = readTrust(this.sources);
    const kept = this.reasonToKeep(next, stamp);
    this.warn([...next.warnings, ...(kept ? [kept] : [])]);
    if (kept) return;
    const previous = this.trust;
    this.settled = stamp;
    this.doubted = undefined;
    const [gained, lost] = [without(next.pem, previous.pem), without(previous.pem, next.pem)];
    if (gained.length + lost.length === 0) return;
    this.trust = next;
    this.options.onChange?.(next, describeChange(previous, next));
  }

  /** Of what lasts for many looks, once. */
  private warn(warnings: string[]): void {
    for (const what of warnings) if (!this.warned.includes(what)) this.options.onWarning?.(what);
    this.warned = warnings;
  }

  private reasonToKeep(next: Trust, stamp: string): string | undefined {
    const kept = 'the trusted certificates stay as they were:';
    if (next.problems.length > 0) return `${kept} ${next.problems.join('; ')}`;
    const lost = without(this.trust.pem, next.pem);
    if (lost.length === 0) return undefined;
    if (this.trust.extra.length > 0 && next.extra.length === 0)
      return `${kept} all the extra ones are gone from their files; start the agent anew if that is meant`;
    if (this.doubted === stamp) return undefined;
    this.doubted = stamp;
    const what = describe(anchorsWithout(this.trust.extra, next.extra)) || "a part of the system's roots";
    return `${kept} ${what} is gone; if the next look finds the same, it counts`;
  }
}

function describeChange(previous: Trust, next: Trust): string {
  const gained = describe(anchorsWithout(next.extra, previous.extra));
  const lost = describe(anchorsWithout(previous.extra, next.extra));
  const parts = [...(gained ? [`new: ${gained}`] : []), ...(lost ? [`no longer trusted: ${lost}`] : [])];
  return `the trusted certificates changed; ${parts.join('; ') || "the system's roots are others"}`;
}

function describe(anchors: Anchor[]): string {
  return anchors.map(describeAnchor).join(', ');
}

function anchorsWithout(anchors: Anchor[], others: Anchor[]): Anchor[] {
  const known = new Set(others.map(({ fingerprint }) => fingerprint));
  return anchors.filter(({ fingerprint }) => !known.has(fingerprint));
}

/** Those of `some` that `others` has not. */
function without(some: string[], others: string[]): string[] {
  const known = new Set(others);
  return some.filter((one) => !known.has(one));
}
