import { encodeBundleSecret, type SealedSvid } from '../../hotpath/index.js';
import type { BundleInterner } from './bundle-interner.js';
import { afterAnswer, afterTime, nextEndMs, type Roots, servedRoots } from './root-rotation.js';
import type { SecretContent } from './secret-content.js';

/** What an answer of the CA makes of the served bundle. */
export interface BundleStep {
  readonly content: SecretContent;
  /** The CA has named other roots than in its last answer, or for the first time. */
  readonly hasChanged: boolean;
  /** Peers may have leaves of a root that the former bundle does not contain. */
  readonly hasNewRoots: boolean;
  /**
   * A new bundle in which no certificate signs itself: only verifiers that take an intermediate as trust anchor accept
   * it.
   */
  readonly lacksRoot: boolean;
}

/**
 * The trust bundle that an identity serves: the roots that the CA names, and those that it has dropped while leaves of
 * them may live; none that has expired. As long as the same roots come, nothing is parsed, and the content stays the
 * same object.
 */
export class BundleWithRetiredRoots {
  private issued: SecretContent | undefined;
  private served: SecretContent | undefined;
  private roots: Roots = { issued: [], retired: [] };
  /** How many roots are in `issued`, of which some may have expired since. */
  private issuedCount = 0;

  constructor(private readonly contents: BundleInterner) {}

  get content(): SecretContent | undefined {
    return this.served;
  }

  /** When {@link dropEnded} will have something to do after `nowMs`, in epoch milliseconds. */
  nextEndMs(nowMs: number): number | undefined {
    return nextEndMs(this.roots, nowMs);
  }

  /** Whether no root is left that is valid yet: a bundle is never empty, so the last ones stay. */
  isExpiredAt(nowMs: number): boolean {
    return servedRoots(this.roots).every(({ validTo }) => Date.parse(validTo) < nowMs);
  }

  /**
   * Takes the bundle of an answer over, whose leaf expires at `notAfterMs`; `heldLeafEndMs` is the end of the leaf that
   * we have, 0 without one.
   */
  take(
    { bundleBody, notAfterMs }: Pick<SealedSvid, 'bundleBody' | 'notAfterMs'>,
    { nowMs, heldLeafEndMs }: Moment,
  ): BundleStep {
    const answer = this.contents.of(bundleBody);
    const previous = this.issued;
    if (this.served !== undefined && previous?.version === answer.version) {
      return { content: this.served, hasChanged: false, hasNewRoots: false, lacksRoot: false };
    }
    const { roots: issued, isFirst } = this.contents.rootsOf(answer);
    const lacksRoot = isFirst && !issued.some((root) => root.checkIssued(root));
    this.issued = answer;
    this.issuedCount = issued.length;
    if (previous === undefined || this.served === undefined) {
      this.roots = { issued, retired: [] };
      this.served = answer;
      return { content: answer, hasChanged: true, hasNewRoots: false, lacksRoot };
    }
    const before = fingerprints(this.roots);
    const lastLeafEndMs = Math.max(notAfterMs, heldLeafEndMs);
    this.roots = afterAnswer(this.roots, { issued, nowMs, lastLeafEndMs });
    const hasNewRoots = this.roots.issued.some(({ fingerprint256 }) => !before.has(fingerprint256));
    return { content: this.serve(before), hasChanged: true, hasNewRoots, lacksRoot };
  }

  /** Leaves out the roots whose time has come; the content, when that has changed it. */
  dropEnded(nowMs: number): SecretContent | undefined {
    const before = fingerprints(this.roots);
    const served = this.served;
    this.roots = afterTime(this.roots, nowMs);
    const content = this.serve(before);
    return content === served ? undefined : content;
  }

  /** The same roots are the same object, in whatever order the CA names them; the CA's own are its own bytes. */
  private serve(before: ReadonlySet<string>): SecretContent {
    const { issued, retired } = this.roots;
    const all = servedRoots(this.roots);
    const isSame = all.length === before.size && all.every(({ fingerprint256 }) => before.has(fingerprint256));
    if (isSame && this.served !== undefined) return this.served;
    const isAsIssued = retired.length === 0 && issued.length === this.issuedCount;
    if (isAsIssued && this.issued !== undefined) this.served = this.issued;
    else {
      const pem = Buffer.from(all.map(String).join(''), 'latin1');
      this.served = this.contents.of(encodeBundleSecret(pem));
    }
    return this.served;
  }
}

interface Moment {
  readonly nowMs: number;
  readonly heldLeafEndMs: number;
}

function fingerprints(roots: Roots): ReadonlySet<string> {
  return new Set(servedRoots(roots).map(({ fingerprint256 }) => fingerprint256));
}
